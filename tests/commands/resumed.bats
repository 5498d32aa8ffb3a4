# sde-sample and sde-likelihood killed or interrupted on the way and taken up again: the bits of one run.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  write_ou
  write_mixture
}

# cut SIGNAL STATUS OUT COMMAND...: the command gets the signal once a checkpoint is there, and ends with the status.
cut() {
  local signal=$1 expected=$2 out=$3 status=0
  shift 3
  "$@" -o "$out" --checkpoint-every 0.02 2>err.txt &
  local pid=$!
  for _ in $(seq 500); do
    [ ! -e "$out.checkpoint" ] || break
    sleep 0.01
  done
  kill -"$signal" $pid
  wait $pid || status=$?
  echo "status $status: $(cat err.txt)"
  assert_equal $status "$expected"
  assert [ -e "$out.checkpoint" ]
  assert [ ! -e "$out" ]
}

# same_as_whole UNIT COMMAND...: interrupted by SIGTERM, then killed outright, resumed with other threads: as in one go.
same_as_whole() {
  local unit=$1
  shift
  "$@" -o whole.h5 -f --json >whole.json
  cut TERM 75 cut.h5 "$@" -j 1
  assert_regex "$(cat err.txt)" "cut.h5.checkpoint holds [0-9]+ of [0-9]+ $unit; continue with --resume"
  "$@" -o cut.h5 --resume -j 2 --json >cut.json
  as_whole
  cut KILL 137 cut.h5 "$@" -j 1
  assert [ -s "cut.h5.checkpoint.$unit" ]
  "$@" -o cut.h5 --resume --json >cut.json
  as_whole
}

as_whole() {
  same_data whole.h5 cut.h5
  diff <(jq 'del(.seconds, .threads)' whole.json) <(jq 'del(.seconds, .threads)' cut.json)
  rm cut.h5
  assert_equal "$(find . -name '*checkpoint*' -o -name '.*.part')" ""
}

@test "samples of a score model" {
  same_as_whole samples sde-sample mixture.json -N 60000 --sampler heun --steps 60 --seed 3
  # Evaluations differ from sample to sample; trajectories are kept too.
  same_as_whole samples sde-sample mixture.json -N 10000 --sampler rk45 --rtol 1e-6 --trajectory
}

@test "a shard of samples, killed and resumed, merges to the bits of one run" {
  run_of="mixture.json -N 60000 --sampler euler_maruyama --steps 100"
  sde-sample $run_of -o whole.h5 --json >whole.json
  sde-sample $run_of --shard 0/2 -o s0.h5 -q
  cut KILL 137 s1.h5 sde-sample $run_of --shard 1/2
  fails_with 2 sde-sample $run_of --shard 0/2 -o s1.h5 --resume
  assert_output --partial 'give the --shard of then'
  sde-sample $run_of --shard 1/2 -o s1.h5 --resume -q
  sde-sample --merge s1.h5 s0.h5 -o cut.h5 --json >cut.json
  diff <(jq 'del(.seconds, .threads, .entropy)' whole.json) <(jq 'del(.seconds, .threads, .entropy)' cut.json)
  same_data whole.h5 cut.h5
}

@test "samples of an SDE" {
  same_as_whole samples sde-sample @heston -N 40000 --steps 500
}

@test "log-likelihoods under a score model" {
  sde-sample mixture.json -N 1000 -o data.h5 -q
  same_as_whole data sde-likelihood mixture.json data.h5 --rtol 1e-8 --atol 1e-8
  same_as_whole data sde-likelihood mixture.json data.h5 --divergence hutchinson --probes 8
}

@test "log-likelihoods of series under an SDE" {
  sde-simulate ou.json -N 6 --dt 0.01 --end 50 --save 5001 --method exact -o series.h5 -q
  same_as_whole transitions sde-likelihood ou.json series.h5 --density simulated
}

@test "resuming what cannot be" {
  sde-sample mixture.json -N 500 -o data.h5 -q
  fails_with 66 sde-sample mixture.json -o x.h5 --resume
  assert_output --partial 'there is no checkpoint'
  fails_with 2 sde-likelihood mixture.json data.h5 --resume
  fails_with 2 sde-sample mixture.json -o - --checkpoint-every 5
  fails_with 2 sde-sample mixture.json --encode data.h5 -o x.h5 --checkpoint-every 5
  assert_output --partial '--encode'
  cut KILL 137 x.h5 sde-sample mixture.json -N 60000 --sampler heun --steps 60
  fails_with 2 sde-sample mixture.json -N 60000 --sampler heun --steps 61 -o x.h5 --resume
  assert_output --partial '/steps is 60 there and 61 here'
  # A log of rows that is cut short.
  truncate -s 100 x.h5.checkpoint.samples
  fails_with 65 sde-sample mixture.json -N 60000 --sampler heun --steps 60 -o x.h5 --resume
  assert_output --partial 'x.h5.checkpoint.samples: is shorter than its checkpoint says'
  # The data have changed meanwhile.
  cut KILL 137 l.h5 sde-likelihood mixture.json data.h5 --rtol 1e-9 --atol 1e-9
  sde-sample mixture.json -N 500 --seed 9 -o data.h5 -q -f
  fails_with 2 sde-likelihood mixture.json data.h5 --rtol 1e-9 --atol 1e-9 -o l.h5 --resume
  assert_output --partial 'data.h5 has changed'
}

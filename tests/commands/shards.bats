# Runs in parts: shards that merge to the bits of one run, and runs that are killed and taken up again.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  write_ou
}

all_statistics=mean,variance,covariance,quantiles,histogram,autocorrelation

# What one run writes, but who ran it and when: every dataset, and the configuration.
same_run() {
  same_data "$1" "$2"
  python '
import sys, h5py
a, b = (h5py.File(name)["provenance/config_json"][()] for name in sys.argv[1:3])
assert a == b, (a, b)' "$1" "$2"
}

run_of=(@heston -N 1500 --dt 0.01 --save 6 --seed 5 --stats $all_statistics --expect 's*v' --control auto -q)
heston() {
  sde-simulate "${run_of[@]}" "$@"
}

@test "three shards, one of them killed and resumed, merge to the bits of one run" {
  slow="-N 60000 --dt 0.001"
  heston $slow -o whole.h5
  heston $slow --shard 0/3 -o s0.h5 &
  first=$!
  heston $slow --shard 2/3 -o s2.h5 -j 1 &
  third=$!
  # No chance to clean up: what is left must be a checkpoint that can be taken up, and no output.
  sde-simulate "${run_of[@]}" $slow --shard 1/3 -o s1.h5 --checkpoint-every 0.05 &
  second=$!
  for _ in $(seq 200); do
    [ ! -e s1.h5.checkpoint ] || break
    sleep 0.02
  done
  kill -KILL $second
  wait $second || true
  wait $first
  wait $third
  assert [ -e s1.h5.checkpoint ]
  assert [ ! -e s1.h5 ]
  heston $slow --shard 1/3 -o s1.h5 --resume -j 2
  assert [ ! -e s1.h5.checkpoint ]
  assert [ ! -e s1.h5.checkpoint.paths ]
  assert_equal "$(find . -name '.*.part')" ""
  sde-simulate --merge s2.h5 s0.h5 s1.h5 -o merged.h5 --json >merged.json
  same_run whole.h5 merged.h5
  json '.paths == 60000 and .status.ok == 60000 and .expect["s*v"].value > 0' merged.json
  # The MODEL may be named, and then has to be the same.
  heston $slow --merge s0.h5 s1.h5 s2.h5 -o again.h5
  same_run whole.h5 again.h5
  for file in s0.h5 merged.h5; do run -0 sde-bench check $file; done
}

@test "statistics alone, as CSV, and shards without a path" {
  heston -o whole.h5 --set output.trajectories=false
  heston -o whole.csv
  for i in 0 1 2 3; do
    heston -o t$i.h5 --shard $i/4 --set output.trajectories=false
    heston -o s$i.h5 --shard $i/4
  done
  sde-simulate --merge t?.h5 -o merged.h5 -q
  same_run whole.h5 merged.h5
  sde-simulate --merge s?.h5 -o merged.csv -q
  cmp whole.csv merged.csv
  # 70 paths are two groups of 64 ids: a third shard has none.
  sde-simulate ou.json -N 70 --dt 0.1 -o few.h5 -q
  for i in 0 1 2; do sde-simulate ou.json -N 70 --dt 0.1 --shard $i/3 -o few$i.h5 -q; done
  sde-simulate --merge few?.h5 -o few_merged.h5 -q
  same_run few.h5 few_merged.h5
}

@test "a shard has the ids of its part" {
  sde-simulate ou.json -N 300 --dt 0.1 --shard 1/2 -o part.h5 --json >part.json
  json '.shard == {index: 1, count: 2, first: 128, total: 300} and .paths == 172' part.json
  sde-simulate ou.json -N 300 --dt 0.1 -o whole.h5 -q
  python '
import h5py, numpy as np
part, whole = h5py.File("part.h5"), h5py.File("whole.h5")
assert (part["path_id"][()] == np.arange(128, 300)).all()
assert part["trajectories/value"][()].tobytes() == whole["trajectories/value"][128:].tobytes()'
}

@test "shards that do not belong together are named" {
  fails_with 2 sde-simulate --merge -o merged.h5
  assert_output --partial '--merge: needs the files of shards after it (got "-o")'
  for i in 0 1 2; do sde-simulate ou.json -N 300 --dt 0.1 --shard $i/3 -o s$i.h5 -q; done
  sde-simulate ou.json -N 300 --dt 0.1 -o whole.h5 -q
  sde-simulate ou.json -N 300 --dt 0.1 --seed 1 --shard 1/3 -o seed.h5 -q
  sde-simulate ou.json -N 300 --dt 0.1 --param kappa=3 --shard 1/3 -o kappa.h5 -q
  sde-simulate ou.json -N 300 --dt 0.1 --shard 1/2 -o half.h5 -q
  sde-sample ou.json -N 300 -o samples.h5 -q
  fails_with 65 sde-simulate --merge s0.h5 s2.h5 -o m.h5
  assert_output --partial 'shard 1 of 3 is missing'
  fails_with 65 sde-simulate --merge s0.h5 s1.h5 s2.h5 s1.h5 -o m.h5
  assert_output --partial 's1.h5: is shard 1 of 3, and so is s1.h5'
  fails_with 65 sde-simulate --merge s0.h5 seed.h5 s2.h5 -o m.h5
  assert_output --partial 'seed.h5: does not belong with s0.h5: /seed is 0 there and 1 here'
  fails_with 65 sde-simulate --merge s0.h5 kappa.h5 s2.h5 -o m.h5
  assert_output --partial 'kappa.h5: does not belong with s0.h5: /sde/parameters/kappa is 2.0 there and 3'
  fails_with 65 sde-simulate --merge s0.h5 half.h5 -o m.h5
  assert_output --partial 'half.h5: does not belong with s0.h5: it is one of 2 shards'
  fails_with 65 sde-simulate --merge s0.h5 whole.h5 -o m.h5
  assert_output --partial 'whole.h5: is the output of a whole run, not a shard'
  fails_with 65 sde-simulate ou.json -N 200 --dt 0.1 --merge s0.h5 s1.h5 s2.h5 -o m.h5
  assert_output --partial '/paths is 300 there and 200 here'
  fails_with 2 sde-simulate --seed 1 -o m.h5 --merge s0.h5 s1.h5 s2.h5
  assert_output --partial 'the shards say what the run was'
  fails_with 66 sde-simulate -o m.h5 --merge s0.h5 absent.h5
  fails_with 2 sde-simulate ou.json --shard 0/2 -o part.csv
  assert_output --partial 'a shard is HDF5'
  fails_with 2 sde-simulate ou.json --shard 0/2 -o part.h5 --plot part.png
  fails_with 2 sde-simulate ou.json --shard 2/2 -o part.h5
  # Cut off within: not whole.
  head -c 9000 s1.h5 >cut.h5
  fails_with 65 sde-simulate --merge s0.h5 cut.h5 s2.h5 -o m.h5
  assert_output --partial 'cut.h5'
  assert [ ! -e m.h5 ]
}

@test "SIGTERM leaves a checkpoint: exit 75, and --resume ends as one run" {
  long="ou.json -N 3000 --dt 5e-6 --seed 2 --save 3 --stats $all_statistics -j 1"
  sde-simulate $long -o whole.h5 -q
  for signal in TERM INT; do
    python '
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
p = subprocess.Popen(["sde-simulate", *sys.argv[2:]], stderr=open("err.txt", "w"))
time.sleep(0.3)
p.send_signal(getattr(signal, "SIG" + sys.argv[1]))
sys.exit(p.wait(20) % 256)' $signal $long -o paths.h5 --checkpoint-every 100 -f && status=0 || status=$?
    echo "status $status: $(cat err.txt)"
    assert_equal $status 75
    assert_regex "$(cat err.txt)" 'paths.h5.checkpoint holds [0-9]+ of 3000 paths; continue with --resume'
    assert [ ! -e paths.h5 ]
    # With another configuration it is refused.
    fails_with 2 sde-simulate $long --param sigma=1 -o paths.h5 --resume
    assert_output --partial '/sde/parameters/sigma'
    fails_with 2 sde-simulate $long --shard 0/2 -o paths.h5 --resume
    assert_output --partial -- '--shard'
    sde-simulate $long -o paths.h5 --resume -q
    same_run whole.h5 paths.h5
    rm paths.h5
  done
}

@test "one long path is kept in the middle" {
  long="ou.json -N 1 --dt 1e-7 --save 2"
  sde-simulate $long -o whole.h5 -q
  # Statistics alone need no --checkpoint-every.
  timeout -s TERM 0.2 sde-simulate $long --set output.trajectories=false -o x.h5 && status=0 || status=$?
  assert [ -e x.h5.checkpoint ]
  timeout -s KILL 0.5 sde-simulate $long -o path.h5 --checkpoint-every 0.1 || true
  assert [ -e path.h5.checkpoint ]
  sde-simulate $long -o path.h5 --resume -q
  same_run whole.h5 path.h5
}

@test "resuming what cannot be" {
  fails_with 66 sde-simulate ou.json -o paths.h5 --resume
  assert_output --partial 'there is no checkpoint'
  fails_with 2 sde-simulate ou.json --resume
  assert_output --partial '-o'
  fails_with 2 sde-simulate ou.json --checkpoint-every 5 -o -
  echo rubbish >paths.h5.checkpoint
  fails_with 65 sde-simulate ou.json -o paths.h5 --resume
  assert_output --partial 'paths.h5.checkpoint'
}

@test "an output that does not fit on the disk is refused before the start" {
  fails_with 73 sde-simulate ou.json -N 1e15 -o paths.h5
  assert_regex "$output" 'paths.h5: would take [0-9.]+ PiB \([0-9]+ bytes\), and its disk has [0-9.]+ [A-Z]iB left \([0-9]+ bytes\)'
  run -0 sde-simulate ou.json -N 1e15 -o paths.h5 --dry-run
  # Trajectories of a run with checkpoints are on the disk twice.
  plain=$(sde-simulate ou.json -N 1e15 -o paths.h5 2>&1 | grep -o '([0-9]* bytes), and' | tr -dc 0-9) || true
  twice=$(sde-simulate ou.json -N 1e15 -o paths.h5 --checkpoint-every 60 2>&1 | grep -o '([0-9]* bytes), and' | tr -dc 0-9) || true
  assert [ "$twice" -gt $((plain + plain / 10 * 9)) ]
  write_mixture
  for model in mixture.json ou.json; do
    fails_with 73 sde-sample $model -N 1e13 -o samples.h5
    assert_output --partial 'samples.h5: would take'
  done
}

@test "precision and compression" {
  sde-simulate ou.json -N 500 --dt 0.01 -o f64.h5 -q
  sde-simulate ou.json -N 500 --dt 0.01 -o f32.h5 --set output.precision=f32 -q
  sde-simulate ou.json -N 500 --dt 0.01 -o gzip.h5 --set output.compression=4 --set output.precision=f32 -q
  for i in 0 1; do sde-simulate ou.json -N 500 --dt 0.01 --set output.precision=f32 --shard $i/2 -o part$i.h5 -q; done
  sde-simulate --merge part0.h5 part1.h5 -o merged.h5 -q
  same_run f32.h5 merged.h5
  python '
import h5py, numpy as np
f64, f32, gz = (h5py.File(n + ".h5")["trajectories/value"] for n in ("f64", "f32", "gzip"))
assert f32.dtype == np.float32 and gz.compression == "gzip" and gz.compression_opts == 4
assert all(d.chunks and d.chunks[1:] == d.shape[1:] for d in (f64, f32, gz))
assert (f64[()].astype(np.float32) == f32[()]).all() and (gz[()] == f32[()]).all()
assert gz.id.get_storage_size() < f32.id.get_storage_size()
assert h5py.File("f64.h5")["statistics/mean"][()].tobytes() == h5py.File("f32.h5")["statistics/mean"][()].tobytes()'
}

@test "samples in shards merge to the bits of one run" {
  write_mixture
  for model in mixture.json ou.json; do
    sde-sample $model -N 1000 --steps 20 --seed 3 -o whole.h5 -f --json >whole.json
    for i in 0 1 2; do sde-sample $model -N 1000 --steps 20 --seed 3 --shard $i/3 -o s$i.h5 -f -q; done
    sde-sample --merge s1.h5 s0.h5 s2.h5 -o merged.h5 -f --json >merged.json
    same_run whole.h5 merged.h5
    for file in whole merged; do jq 'del(.seconds, .threads, .entropy)' $file.json >$file.txt; done
    diff whole.txt merged.txt
    sde-sample $model -N 1000 --steps 20 --seed 3 -o whole.csv -f -q
    sde-sample --merge s1.h5 s0.h5 s2.h5 -o merged.csv -f -q
    cmp whole.csv merged.csv
  done
  # Adaptive steps differ from sample to sample; trajectories come along.
  sde-sample mixture.json -N 200 --sampler rk45 -o whole.h5 -f --json >whole.json
  for i in 0 1; do sde-sample mixture.json -N 200 --sampler rk45 --shard $i/2 -o s$i.h5 -f -q; done
  sde-sample --merge s0.h5 s1.h5 -o merged.h5 -f --json >merged.json
  same_run whole.h5 merged.h5
  assert_equal "$(jq .evaluations whole.json)" "$(jq .evaluations merged.json)"
  sde-sample mixture.json -N 130 --sampler heun --steps 5 --trajectory -o whole.h5 -f -q
  for i in 0 1; do sde-sample mixture.json -N 130 --sampler heun --steps 5 --trajectory --shard $i/2 -o s$i.h5 -f -q; done
  sde-sample --merge s0.h5 s1.h5 -o merged.h5 -f -q
  same_run whole.h5 merged.h5
  fails_with 65 sde-sample --merge s0.h5 -o merged.h5 -f
  assert_output --partial 'shard 1 of 2 is missing'
  fails_with 65 sde-simulate --merge s0.h5 s1.h5 -o merged.h5 -f
  assert_output --partial 's0.h5'
  fails_with 2 sde-sample mixture.json --shard 0/2 -o part.csv
  assert_output --partial 'a shard is HDF5'
}

@test "log-likelihoods in shards merge to the bits of one run" {
  write_mixture
  sde-sample mixture.json -N 300 --steps 10 -o data.h5 -q
  for how in '' '--divergence hutchinson --probes 4'; do
    sde-likelihood mixture.json data.h5 $how -o whole.h5 -f --json >whole.json
    for i in 0 1 2; do sde-likelihood mixture.json data.h5 $how --shard $i/3 -o s$i.h5 -f -q; done
    sde-likelihood --merge s2.h5 s1.h5 s0.h5 -o merged.h5 -f --json >merged.json
    same_run whole.h5 merged.h5
    for file in whole merged; do jq 'del(.seconds, .threads)' $file.json >$file.txt; done
    diff whole.txt merged.txt
  done
  # Time series under an SDE, three of five in one shard and two in the other.
  sde-simulate ou.json -N 5 --dt 0.01 --save 30 --method exact -o series.h5 -q
  sde-likelihood ou.json series.h5 -o whole.h5 -f --json >whole.json
  for i in 0 1; do sde-likelihood ou.json series.h5 --shard $i/2 -o s$i.h5 -f --json >s$i.json; done
  json '.n == 2 and .shard.total == 5' s0.json
  sde-likelihood --merge s0.h5 s1.h5 -o merged.h5 -f --json >merged.json
  same_run whole.h5 merged.h5
  for file in whole merged; do jq 'del(.seconds, .threads)' $file.json >$file.txt; done
  diff whole.txt merged.txt
  # Data that have changed meanwhile.
  sde-simulate ou.json -N 5 --dt 0.01 --save 30 --method exact --seed 1 -o series.h5 -q -f
  sde-likelihood ou.json series.h5 --shard 1/2 -o s1.h5 -f -q
  fails_with 65 sde-likelihood --merge s0.h5 s1.h5 -o merged.h5 -f
  assert_output --partial 's1.h5: does not belong with s0.h5: series.h5 was another file then'
}

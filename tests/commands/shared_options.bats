# What every program understands in the same way.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
}

@test "--help goes to standard output, fits a terminal, and names the shared options" {
  for program in "${programs[@]}"; do
    run --separate-stderr -0 "$program" --help
    assert_equal "$stderr" ""
    for option in --help --version --set --print-config --print-schema --json --threads --dry-run --force --quiet; do
      assert_regex "$output" "$option"
    done
    assert_equal "$(awk 'length > 100' <<<"$output")" ""
    run -0 "$program" -h
  done
}

@test "--version tells the version, and as JSON with --json" {
  version=$(sed -n 's/^project(sdetools VERSION \([0-9.]*\).*/\1/p' "$SDE_ROOT/CMakeLists.txt")
  for program in "${programs[@]}"; do
    run -0 "$program" --version
    assert_output --partial "$program"
    assert_output --partial "$version"
    run -0 "$program" -V
    run -0 bash -c "$program --version --json | jq -r .version"
    assert_output "$version"
  done
}

@test "a program without arguments says what it needs" {
  for program in "${programs[@]}"; do
    fails_with 2 "$program"
  done
}

@test "an unknown option gets a suggestion" {
  for program in "${programs[@]}"; do
    fails_with 2 "$program" --jsno
    assert_output --partial -- '--jsno'
    assert_output --partial -- '--json'
  done
}

@test "an option without its value, or with a wrong one, is named" {
  write_ou
  fails_with 2 sde-simulate ou.json --dt
  assert_output --partial -- '--dt'
  fails_with 2 sde-simulate ou.json --dt fast
  assert_output --partial -- '--dt'
  assert_output --partial 'fast'
  fails_with 2 sde-simulate ou.json -j -3
  fails_with 2 sde-simulate ou.json --seed 1.5
}

@test "a missing input is exit 66 and named" {
  write_ou
  write_train
  write_mixture
  fails_with 66 sde-simulate absent.json
  assert_output --partial 'absent.json'
  fails_with 66 sde-fit ou.json absent.csv
  assert_output --partial 'absent.csv'
  fails_with 66 score-train train.json absent.csv -o m.h5
  fails_with 66 sde-sample absent.h5
  fails_with 66 sde-likelihood mixture.json absent.h5
  fails_with 66 sde-bench check absent.h5
}

@test "every precedence step overrides the one before" {
  write_ou
  seed() { sde-simulate ou.json -N 2 "$@" --print-config | jq .seed; }
  assert_equal "$(seed)" 0
  echo '{"seed": 1}' >config.json
  assert_equal "$(seed -c config.json)" 1
  assert_equal "$(SDE_SEED=2 seed -c config.json)" 2
  assert_equal "$(SDE_SEED=2 seed -c config.json --set seed=3)" 3
  assert_equal "$(SDE_SEED=2 seed -c config.json --seed 4 --set seed=3)" 4
}

@test "--print-config prints what reads back to itself" {
  write_ou
  run -0 --separate-stderr sde-simulate ou.json --dt 0.01 -N 7 --print-config
  echo "$output" >effective.json
  run -0 --separate-stderr sde-simulate effective.json --print-config
  assert_equal "$output" "$(cat effective.json)"
  json '.solver.dt == 0.01 and .paths == 7' effective.json
}

@test "--print-config needs no data" {
  write_ou
  write_train
  for program in sde-fit sde-likelihood; do
    run -0 --separate-stderr $program ou.json --print-config
    run -0 jq -e '.model // .sde | .parameters.kappa == 2' <<<"$output"
  done
  for given in 'train.json --set prediction=score' '-c train.json --set prediction=score' \
    '@train-ve --set seed=3 --set prediction=score' '--set seed=3 --set prediction=score'; do
    # shellcheck disable=SC2086 # several words
    run -0 --separate-stderr score-train $given --print-config
    run -0 jq -e '.seed == 3 and .prediction == "score" and .ema == 0.999' <<<"$output"
  done
  fails_with 2 score-train --set process.tpye=ve --print-config
  assert_output --partial 'did you mean "type"?'
}

@test "--print-schema prints JSON Schema that its configuration names" {
  for program in sde-simulate sde-fit score-train sde-sample sde-likelihood; do
    run -0 bash -c "$program --print-schema | jq -e '.properties | length > 2'"
  done
}

@test "--list-models shows one line each, and each is valid" {
  run -0 sde-simulate --list-models
  assert_line --regexp '^@?ou '
  assert [ ${#lines[@]} -ge 5 ]
  for model in $(awk '{print $1}' <<<"$output"); do
    run -0 --separate-stderr sde-simulate "@${model#@}" --print-config
  done
  fails_with 2 sde-simulate @uo
  assert_output --partial '@ou'
}

@test "-n tells steps, memory and output size, and runs nothing" {
  run -0 sde-simulate @ou --dt 0.001 -N 1000 -o paths.h5 -n
  assert_output --partial '1000'
  assert_output --regexp '[Mm]emory'
  assert_output --regexp '[Oo]utput'
  assert [ ! -e paths.h5 ]
}

@test "-q is silent on standard error, progress as JSON is one object a line" {
  run --separate-stderr -0 sde-simulate @ou -N 2000 --dt 1e-3 -q --json
  assert_equal "$stderr" ""
  sde-simulate @ou -N 200000 --dt 1e-3 --progress json --json >out.json 2>progress.txt
  json -s 'all(type == "object")' progress.txt
}

@test "completion scripts parse and offer the options" {
  for program in "${programs[@]}"; do
    run -0 bash -c "$program --print-completion bash | bash -n"
    run -0 bash -c "$program --print-completion bash | grep -c -- --print-schema"
  done
}

# Processor time, which other work on the machine does not lengthen.
@test "start-up takes less than 20 ms at its quickest of ten" {
  run -0 python '
import os, sys
worst = 0
for program in sys.argv[1:]:
    times = []
    for _ in range(10):
        pid = os.posix_spawnp(program, [program, "--version"], os.environ,
                              file_actions=[(os.POSIX_SPAWN_OPEN, 1, "version.txt", os.O_WRONLY | os.O_CREAT, 0o644)])
        _, status, used = os.wait4(pid, 0)
        assert status == 0, (program, status)
        times.append(used.ru_utime + used.ru_stime)
    print(f"{program}: {1000 * min(times):.1f} ms")
    worst = max(worst, min(times))
sys.exit(worst >= 0.02)' "${programs[@]}"
}

@test "a configuration given by -c holds the model: the argument is DATA" {
  write_ou
  sde-simulate ou.json -N 1 --end 30 --steps 300 --set time.save=301 --format csv -o data.csv
  jq '{sde: ., density: "euler"}' ou.json >config.json
  sde-fit -c config.json data.csv --json | json '.density == "euler" and .converged'
  jq '{model: ., density: "euler"}' ou.json >config.json
  sde-likelihood -c config.json data.csv --json | json '.density == "euler"'
  run -2 sde-fit -c config.json
  assert_output --partial 'DATA is missing'
}

@test "--set does not add a parameter that the SDE does not have" {
  write_ou
  run -2 sde-simulate ou.json --set sde.parameters.kapa=3
  assert_output --partial 'there is no "kapa"; did you mean "kappa"?'
  sde-simulate ou.json --set sde.parameters.kappa=3 --json | json '.paths > 0'
}

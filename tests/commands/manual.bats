# The manual pages: their examples run, and they name what the programs offer.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
}

# The commands under EXAMPLES of a page, in order, as one script.
examples_of() {
  awk '/^# /{examples = ($0 == "# EXAMPLES")} /^```/{code = !code; next} examples && code' "$SDE_ROOT/man/$1.scd"
}

run_examples() {
  examples_of "$1" >commands.sh
  assert [ "$(grep -c . commands.sh)" -ge 2 ]
  run -0 bash -euo pipefail commands.sh
}

# Those that --help shows of a model of the library: -n checks everything and runs nothing.
@test "sde-simulate --help: its examples are valid" {
  sde-simulate --help | sed -n '/^Examples:/,$ s/^  \(sde-simulate @[^|]*\).*/\1/p' >commands.txt
  assert [ "$(wc -l <commands.txt)" -ge 8 ]
  while read -r command; do
    echo "$command"
    run -0 bash -c "$command -n"
  done <commands.txt
}

@test "sde-simulate(1): its examples run" { run_examples sde-simulate.1; }
@test "sde-fit(1): its examples run" { run_examples sde-fit.1; }
@test "score-train(1): its examples run" { run_examples score-train.1; }
@test "sde-sample(1): its examples run" { run_examples sde-sample.1; }
@test "sde-likelihood(1): its examples run" { run_examples sde-likelihood.1; }
@test "sde-bench(1): its examples run" { run_examples sde-bench.1; }
@test "sdetools(7): its examples run" { run_examples sdetools.7; }
@test "sde-formats(7): its examples run" { run_examples sde-formats.7; }


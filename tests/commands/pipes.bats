# What one program writes, every other reads, through files and pipes.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  write_ou
  write_mixture
  write_train
}

@test "simulate | fit" {
  sde-simulate ou.json -N 50 --seed 1 -o - | sde-fit ou.json - --json >fit.json
  json '.kind == "fit" and .converged and (.estimates | keys == ["kappa", "sigma", "theta"])' fit.json
}

@test "simulate | fit | simulate: a fit from a pipe is a model" {
  sde-simulate ou.json -N 50 --seed 1 -o - | sde-fit ou.json - --format json -o - | sde-simulate - -N 100 --json >final.json
  json '.kind == "simulate" and .paths == 100' final.json
  sde-simulate ou.json -N 50 --seed 1 -o - | sde-fit ou.json - --format h5 -o - | sde-simulate - -N 100 --json >final5.json
  json '.final' final.json >a
  json '.final' final5.json >b
  cmp a b
}

@test "simulate | fit through CSV gives the bits of HDF5" {
  sde-simulate ou.json -N 20 --seed 1 -o paths.h5
  sde-simulate ou.json -N 20 --seed 1 -o paths.csv
  sde-simulate ou.json -N 20 --seed 1 --format csv -o - >piped.csv
  cmp paths.csv piped.csv
  sde-fit ou.json paths.h5 --json | json -c '[.loglik, .estimates]' >a
  sde-fit ou.json paths.csv --json | json -c '[.loglik, .estimates]' >b
  sde-fit ou.json - --json <piped.csv | json -c '[.loglik, .estimates]' >c
  cmp a b
  cmp a c
}

@test "sample | likelihood, and sample | train | sample" {
  sde-sample mixture.json -N 50 --seed 1 -o - | sde-likelihood mixture.json - --json >loglik.json
  json '.kind == "likelihood" and .n == 50' loglik.json
  sde-sample mixture.json -N 500 --seed 1 -o - | score-train train.json - -o - | sde-sample - -N 20 --json >samples.json
  json '.kind == "sample" and .n == 20 and (.mean | length == 2)' samples.json
}

@test "a trained model and a fit are models for sde-likelihood" {
  sde-sample mixture.json -N 500 --seed 1 -o samples.h5
  score-train train.json samples.h5 -o model.h5
  sde-sample mixture.json -N 5 --seed 2 -o - | sde-likelihood model.h5 - --json | json '.n == 5'
  sde-simulate ou.json -N 20 --seed 1 -o paths.h5
  sde-fit ou.json paths.h5 -o fit.json
  sde-likelihood fit.json paths.h5 --json | json '.kind == "likelihood"'
}

@test "a model on standard input" {
  sde-simulate - -N 10 --json <ou.json | json '.paths == 10'
  sde-sample - -N 10 --json <mixture.json | json '.n == 10'
}

@test "standard input cannot be both model and data" {
  fails_with 2 sde-fit - - <ou.json
}

@test "head closes the pipe and nobody complains" {
  run -0 bash -c 'set -o pipefail; sde-simulate ou.json -N 20000 --format csv -o - 2>err.txt | head -1'
  assert_output 'id,time,x'
  assert_equal "$(cat err.txt)" ""
}

@test "HDF5 on a closed pipe ends without a message" {
  bash -c 'sde-simulate ou.json -N 20000 -o - 2>err.txt | head -c 1 >one'
  assert_equal "$(cat err.txt)" ""
}

@test "binary data are not written to a terminal" {
  run script -qec "sde-simulate ou.json -N 2 -o -" /dev/null
  assert_failure 2
}

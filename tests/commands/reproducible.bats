# The same seed gives the same bits: any number of threads, any instruction set.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  write_ou
  write_mixture
  write_train
}

# Writes one output of each program, in files that start with $1.
run_all() {
  local name=$1
  shift
  sde-simulate @heston -N 700 --dt 0.01 --save 5 --seed 7 -o "$name-em.h5" "$@"
  sde-simulate @gbm --method milstein -N 700 --dt 0.01 --seed 7 -o "$name-milstein.h5" "$@"
  sde-simulate ou.json --method exact -N 700 --seed 7 -o "$name-exact.h5" "$@"
  sde-sample mixture.json -N 300 --seed 7 --sampler euler_maruyama --steps 50 -o "$name-sample.h5" "$@"
  sde-sample mixture.json -N 300 --seed 7 --sampler rk45 -o "$name-rk45.h5" "$@"
  sde-likelihood mixture.json "$name-sample.h5" -o "$name-loglik.h5" "$@"
  score-train train.json "$name-sample.h5" -o "$name-model.h5" "$@"
  sde-fit ou.json "$name-exact.h5" --json "$@" | jq 'del(.seconds)' >"$name-fit.json"
}

compare_all() {
  for output in em milstein exact sample rk45 loglik; do
    echo "comparing $output"
    same_data "$1-$output.h5" "$2-$output.h5"
  done
  cmp "$1-fit.json" "$2-fit.json"
}

@test "one thread and two" {
  run_all one -j 1
  run_all two -j 2
  compare_all one two
  same_weights one-model.h5 two-model.h5
}

# The weights and losses of two models; how long training took may differ.
same_weights() {
  python '
import sys, h5py, numpy as np
a, b = (h5py.File(name, "r") for name in sys.argv[1:3])
seen = []
def compare(path, item):
    if isinstance(item, h5py.Dataset) and path.startswith(("weights/", "ema/", "optimizer/", "normalization/")):
        seen.append(path)
        if np.asarray(item[()]).tobytes() != np.asarray(b[path][()]).tobytes():
            sys.exit(f"{path} differs")
a.visititems(compare)
if len(seen) < 4:
    sys.exit(f"only {seen} seen")
if not np.array_equal(a["training/loss"][()], b["training/loss"][()]):
    sys.exit("losses differ")
' "$1" "$2"
}

@test "the portable instructions and the best of this machine" {
  SDE_SIMD=portable run_all portable
  run_all best
  compare_all portable best
  same_weights portable-model.h5 best-model.h5
}

@test "AVX2 and AVX-512" {
  grep -q avx512dq /proc/cpuinfo || skip "this machine has no AVX-512"
  SDE_SIMD=avx2 run_all avx2
  SDE_SIMD=avx512 run_all avx512
  compare_all avx2 avx512
  same_weights avx2-model.h5 avx512-model.h5
}

@test "another seed gives other numbers" {
  sde-simulate ou.json -N 10 --seed 1 -o a.h5
  sde-simulate ou.json -N 10 --seed 2 -o b.h5
  run ! same_data a.h5 b.h5
}

@test "more paths leave the first ones as they were" {
  sde-simulate ou.json -N 100 --seed 1 -o few.h5
  sde-simulate ou.json -N 1000 --seed 1 -o many.h5
  python '
import h5py, numpy as np
few, many = (h5py.File(n)["trajectories/value"][()] for n in ("few.h5", "many.h5"))
assert few.shape[0] == 100 and np.array_equal(few, many[:100])'
  sde-sample mixture.json -N 100 --seed 1 -o few_samples.h5
  sde-sample mixture.json -N 1000 --seed 1 -o many_samples.h5
  python '
import h5py, numpy as np
few, many = (h5py.File(n)["samples/x"][()] for n in ("few_samples.h5", "many_samples.h5"))
assert few.shape == (100, 2) and np.array_equal(few, many[:100])'
}

@test "an instruction set that is not known is refused" {
  SDE_SIMD=avx3 fails_with 2 sde-simulate ou.json -N 2
  assert_output --partial 'SDE_SIMD'
}

# The programs against laws and figures known from elsewhere.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  write_ou
  write_mixture
}

# near ACTUAL EXPECTED RELATIVE
near() {
  python 'import sys; a, e, r = map(float, sys.argv[1:]); sys.exit(abs(a - e) > r * abs(e) and f"{a} is not {e} within {r}")' "$@"
}

# T-bill rates from June 1964 to December 1989: 307 months, in percent of the price in the literature.
write_tbill() {
  awk -F, 'NR == 1 || ($1 >= "1964-06" && $1 <= "1989-12")' "$SDE_ROOT/examples/tbill/tb3ms.csv" >tbill.csv
  cat >vasicek.json <<'EOF'
{ "name": "vasicek", "parameters": {"kappa": 0.5, "theta": 0.06, "sigma": 0.02}, "state": ["r"],
  "drift": {"r": "kappa*(theta - r)"}, "diffusion": {"r": "sigma"}, "initial": {"r": 0.06} }
EOF
  cat >cir.json <<'EOF'
{ "name": "cir", "parameters": {"kappa": 0.5, "theta": 0.06, "sigma": 0.1}, "state": ["r"],
  "drift": {"r": "kappa*(theta - r)"}, "diffusion": {"r": "sigma*sqrt(r)"}, "initial": {"r": 0.06} }
EOF
}

@test "Vasicek on T-bill rates: the exact maximum likelihood estimate" {
  write_tbill
  sde-fit vasicek.json tbill.csv --density exact --json >fit.json
  near "$(jq .estimates.kappa.value fit.json)" .351428 1e-4
  near "$(jq .estimates.theta.value fit.json)" .074395 1e-4
  near "$(jq .estimates.sigma.value fit.json)" .021407 1e-4
  near "$(jq .loglik fit.json)" 1126.7298 1e-6
  json '.transitions == 306 and .converged' fit.json
}

@test "CIR on T-bill rates: the Euler quasi-likelihood" {
  write_tbill
  sde-fit cir.json tbill.csv --density euler --json >fit.json
  near "$(jq .estimates.kappa.value fit.json)" .241467 1e-4
  near "$(jq .estimates.theta.value fit.json)" .076436 1e-4
  near "$(jq .estimates.sigma.value fit.json)" .067334 1e-4
  near "$(jq .loglik fit.json)" 1189.2177 1e-6
}

@test "Ornstein-Uhlenbeck paths have the mean and variance of their law" {
  for method in exact euler-maruyama; do
    sde-simulate ou.json -N 100000 --dt 0.001 --method $method --seed 11 --json >out.json
    # mean 1 - exp(-2), variance sigma^2 (1 - exp(-4)) / 4; five standard errors.
    json '(.final.x.mean - (1 - (-2 | exp))) as $m | (.final.x.variance - 0.0625 * (1 - (-4 | exp))) as $v |
      ($m | fabs) < 5 * .final.x.stderr + 3e-4 and ($v | fabs) < 5 * 0.0625 * 0.0044721 + 2e-4' out.json
  done
}

@test "reverse Euler-Maruyama on N(0, 0.25) has the standard deviation of its recursion" {
  cat >normal.json <<'EOF'
{ "process": {"type": "vp"}, "score": {"type": "gaussian", "mean": [0], "covariance": [[0.25]]} }
EOF
  sde-sample normal.json -N 100000 --sampler euler_maruyama --steps 1000 --seed 5 --json >out.json
  # .500353 without, .500233 with the noiseless last step; four standard errors of a standard deviation.
  json '.nfe == 1000 and (.std[0] - 0.5003 | fabs) < 4 * 0.5 / (2 * 100000 | sqrt) + 1e-4' out.json
}

@test "likelihood of an analytic mixture is the exact density within 1e-3 nats" {
  sde-sample mixture.json -N 300 --seed 2 -o samples.h5
  sde-likelihood mixture.json samples.h5 -o loglik.h5
  python '
import h5py, numpy as np
x, value = h5py.File("samples.h5")["samples/x"][()], h5py.File("loglik.h5")["loglik/value"][()]
parts = [np.log(.5) - ((x - m) ** 2).sum(1) / .5 - np.log(2 * np.pi * .25) for m in ([-2, 0], [2, 0])]
worst = np.abs(value - np.logaddexp(*parts)).max()
print("largest difference", worst)
assert worst < 1e-3'
}

@test "DDIM in 50 uniform steps shrinks a normal law to .472628, as its recursion says" {
  sde-sample @gaussian -N 100000 --sampler ddim --steps 50 --seed 6 --json >out.json
  json '.nfe == 50 and (.std[0] - 0.472628 | fabs) < 4 * 0.4726 / (2 * 100000 | sqrt)' out.json
}

@test "samplers agree on the moments of the mixture" {
  for sampler in euler_maruyama heun rk45 'ddim --steps 500'; do
    sde-sample mixture.json -N 20000 --sampler $sampler --seed 4 --json >out.json
    # Means 0 within five standard errors; variances 4.25 and 0.25 within 4 %.
    json '(.mean[0] | fabs) < 0.075 and (.mean[1] | fabs) < 0.02 and
      (.std[0] / 2.0615528 - 1 | fabs) < 0.02 and (.std[1] / 0.5 - 1 | fabs) < 0.02' out.json || { echo $sampler; cat out.json; false; }
  done
}

@test "statistics alone keep memory flat in the number of paths" {
  peak() {
    python '
import resource, subprocess, sys
subprocess.run(["sde-simulate", "ou.json", "--dt", "0.01", "-N", sys.argv[1], "--json"], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$1"
  }
  small=$(peak 10000)
  large=$(peak 2000000)
  echo "10^4 paths: $small KiB, 2*10^6 paths: $large KiB"
  assert [ "$large" -lt $((small + 8192)) ]
}

@test "paths that explode are flagged and counted, not silent" {
  cat >explode.json <<'EOF'
{ "name": "explode", "state": ["x"], "drift": {"x": "x^3"}, "diffusion": {"x": "1"}, "initial": {"x": 3.0} }
EOF
  run --separate-stderr -0 sde-simulate explode.json --dt 0.01 -N 100 --json
  jq -e '.status.non_finite > 0 and .status.ok + .status.non_finite + .status.absorbed == 100' <<<"$output"
  assert_regex "$stderr" 'finite'
}

@test "strong orders 1/2, 1 and 1 of Euler-Maruyama, Milstein and Heun are inside their intervals" {
  sde-bench convergence --json >convergence.json
  json '[.runs[] | select(.name | endswith("strong order"))] as $strong |
    ($strong | length) == 9 and all($strong[]; .ok) and all(.runs[]; .ok != false) and
    all($strong[] | select(.case != "@additive");
      .target == (if (.name | startswith("euler")) then 0.5 else 1 end) and .low - 0.01 <= .target and .target <= .high + 0.01)' convergence.json
}

@test "the nine standard problems show strong orders 1 and 3/2 and weak order 2, in each calculus" {
  sde-bench convergence --all --method milstein --method sri1w1 --method dri1 --json >table.json
  json '([.runs[].case] | unique | length) == 9 and all(.runs[]; .ok != false) and
    all(.runs[] | select(.name | endswith(" strong order")); .ok) and
    ([.runs[] | select(.name == "milstein strong order" and .calculus == "stratonovich")] | length) == 7 and
    all(.runs[] | select(.case == "@stiffquad" or .case == "@linear") | select(.name == "sri1w1 strong order"); .value > 1.3) and
    all(.runs[] | select(.case == "@noncommutative" and .name == "milstein strong order"); .value > 0.9) and
    all(.runs[] | select(.case == "@noncommutative" and .name == "dri1 one-step weak order"); .value > 1.95)' table.json
  run -2 sde-bench convergence --all @ou
}

@test "throughput measures, and an unknown suite or case is refused" {
  sde-bench throughput ou_em --json >throughput.json
  json '.kind == "bench" and .suite == "throughput" and (.runs | length) >= 1 and all(.runs[]; .value > 0 and has("unit"))' throughput.json
  run -2 sde-bench throughput no_such_case
  sde-bench training train_64 layer_64 convolution_8x8_32 --set repeats=1 --json >training.json
  json '(.runs | length) == 7 and all(.runs[]; .value > 0)
    and all(.runs[] | select(.unit == "GFLOP/s"); .share > 0.02 and .share < 2 and .peak > 1)' training.json
  run -0 sde-bench training -n
  assert_output --partial 'unet_28'
  run -2 sde-bench training no_such_case
  run -2 sde-bench no_such_suite
}

@test "where no path is finite there are no moments" {
  echo '{"state": ["x"], "drift": {"x": "x^3"}, "diffusion": {"x": "1"}, "initial": {"x": 1e60}}' >explodes.json
  sde-simulate explodes.json -N 100 --dt 0.1 --save 2 --stats mean,variance -o lost.h5 --json >lost.json
  json '.status.non_finite == 100 and (.final.x | .mean == null and .variance == null and .stderr == null)' lost.json
  python '
import h5py, numpy as np
s = h5py.File("lost.h5")["statistics"]
assert s["mean"][0, 0] == 1e60 and np.isnan(s["mean"][1, 0]) and np.isnan(s["variance"][1, 0])'
  run -0 sde-simulate explodes.json -N 100 --dt 0.1
  assert_line --regexp '^  x +nan +nan +nan'
}

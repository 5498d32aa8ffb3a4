# sde-fit: likelihoods against scipy, uncertainty, what it says and how it ends.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  write_ou
  cat >cir.json <<'EOF'
{ "name": "cir", "parameters": {"kappa": 2, "theta": 0.2, "sigma": 0.4}, "state": ["x"],
  "drift": {"x": "kappa*(theta - x)"}, "diffusion": {"x": "sigma*sqrt(x)"}, "initial": {"x": 0.2} }
EOF
  cat >gbm.json <<'EOF'
{ "name": "gbm", "parameters": {"mu": 0.3, "sigma": 0.4}, "state": ["x"],
  "drift": {"x": "mu*x"}, "diffusion": {"x": "sigma*x"}, "initial": {"x": 1} }
EOF
}

# One path at unequal times with missing values, as a table time,x.
ragged_series() {
  sde-simulate "$1" -N 1 --seed "${2:-4}" --end 40 --save 801 --format csv -o - | awk -F, '
    NR == 1 {print "time,x"; next}
    NR % 7 == 3 {next}
    NR % 11 == 5 {print $2 ","; next}
    {print $2 "," $3}'
}

need_scipy() {
  /usr/bin/python3 -c 'import scipy' 2>/dev/null || skip 'scipy is not installed'
}

# The arguments NAME=VALUE of the estimates in fit.json.
estimates() {
  jq -r '.estimates | to_entries[] | "\(.key)=\(.value.value)"' fit.json
}

@test "exact log-likelihoods are those of scipy" {
  need_scipy
  for law in ou gbm cir; do
    ragged_series $law.json >data.csv
    sde-fit $law.json data.csv --json >fit.json 2>warnings.txt
    json '.converged and .density == "exact"' fit.json
    run -0 grep -q 'missing values' warnings.txt
    mapfile -t words < <(estimates)
    expected=$(/usr/bin/python3 "$SDE_ROOT/tests/oracles/transition_loglik.py" $law data.csv "${words[@]}")
    json --argjson e "$expected" '(.loglik - $e | fabs) < 1e-7 * ($e | fabs)' fit.json
  done
}

@test "the optimum is one: scipy finds less around it" {
  need_scipy
  ragged_series cir.json >data.csv
  sde-fit cir.json data.csv --json >fit.json 2>/dev/null
  oracle="$SDE_ROOT/tests/oracles/transition_loglik.py"
  for name in kappa theta sigma; do
    for side in -1 1; do
      mapfile -t words < <(jq -r --arg n $name --argjson s $side '.estimates | to_entries[] |
        "\(.key)=\(.value.value + if .key == $n then $s * 0.3 * .value.se else 0 end)"' fit.json)
      moved=$(/usr/bin/python3 "$oracle" cir data.csv "${words[@]}")
      json --argjson m "$moved" '.loglik > $m + 0.03 and .loglik < $m + 0.2' fit.json
    done
  done
}

@test "intervals widen with the confidence, and cover value -+ quantile * se" {
  ragged_series ou.json >data.csv
  sde-fit ou.json data.csv --confidence 0.5 --json >fit.json 2>/dev/null
  json '.confidence == 0.5 and (.estimates.kappa |
    (.ci[1] - .value - 0.6744897501960817 * .se | fabs) < 1e-9 and (.value - .ci[0] - 0.6744897501960817 * .se | fabs) < 1e-9)' fit.json
}

@test "a fit that does not converge exits with 1 and writes what it learnt" {
  ragged_series cir.json >data.csv
  run -1 sde-fit cir.json data.csv --set max_iterations=1 --set optimizer=newton --starts 1 -o fit.json
  assert_output --partial 'NOT CONVERGED'
  json '.converged == false and (.end | contains("max_iterations")) and (.sde.parameters.kappa == .estimates.kappa.value)' fit.json
  sde-simulate fit.json -N 10 --json | json '.paths == 10'
}

@test "a fit starts another: its estimates are the start" {
  ragged_series ou.json >data.csv
  sde-fit ou.json data.csv -o fit.json 2>/dev/null
  sde-fit fit.json data.csv --json 2>/dev/null | json '.optimizer.iterations == 0 and .converged'
  sde-fit ou.json data.csv -o fit.h5 2>/dev/null
  sde-fit fit.h5 data.csv --json 2>/dev/null | json '.optimizer.iterations == 0 and .converged'
}

@test "every optimiser reaches the same optimum" {
  ragged_series cir.json >data.csv
  sde-fit cir.json data.csv --json >fit.json 2>/dev/null
  best=$(jq .loglik fit.json)
  for optimizer in newton lbfgs slsqp bobyqa subplex; do
    sde-fit cir.json data.csv --optimizer $optimizer --json 2>/dev/null |
      json --argjson b "$best" '.converged and (.loglik - $b | fabs) < 1e-6'
  done
  sde-fit cir.json data.csv --starts 4 --seed 7 --json 2>/dev/null |
    json --argjson b "$best" '(.optimizer.starts | length == 4) and (.loglik - $b | fabs) < 1e-6'
}

@test "parameters held and chosen, by option and by configuration" {
  ragged_series ou.json >data.csv
  sde-fit ou.json data.csv --fix theta=0.9 --json 2>/dev/null >fit.json
  json '(.estimates | keys == ["kappa", "sigma"]) and .sde.parameters.theta == 0.9' fit.json
  sde-fit ou.json data.csv --estimate sigma --param kappa=1.5 --json 2>/dev/null >fit.json
  json '(.estimates | keys == ["sigma"]) and .sde.parameters.kappa == 1.5' fit.json
  cat >config.json <<'EOF'
{ "sde": "ou.json", "density": "euler", "estimate": ["kappa", "sigma"], "bounds": {"sigma": [null, 0.3], "kappa": [0.1, 9]},
  "starts": 2 }
EOF
  # The optimum on a bound: still an answer, said on standard error.
  run -2 sde-fit config.json data.csv
  assert_output --partial '/bounds/sigma'
  assert_output --partial 'outside'
  sde-fit config.json data.csv --param sigma=0.2 --json 2>warnings.txt >fit.json
  json '.converged and .density == "euler" and .estimates.sigma.value == 0.3 and .estimates.sigma.on_bound
        and .estimates.sigma.se == null and .estimates.kappa.se > 0' fit.json
  run -0 grep -q 'on the bound sigma = 0.3' warnings.txt
}

@test "auto names its choice and why" {
  ragged_series ou.json >data.csv
  sde-fit ou.json data.csv --json 2>/dev/null | json '.density == "exact" and (.density_reason | contains("known"))'
  jq '.drift.x = "kappa*(theta - x^3)"' ou.json >cubic.json
  sde-fit cubic.json data.csv --json 2>/dev/null | json '.density == "shoji-ozaki" and (.density_reason | contains("not affine"))'
}

@test "the data do not tell two parameters apart: both are named" {
  ragged_series ou.json >data.csv
  jq '.drift.x = "kappa*(theta + shift - x)" | .parameters.shift = 0.1' ou.json >double.json
  sde-fit double.json data.csv --json 2>warnings.txt >fit.json
  run -0 grep -q 'theta, shift' warnings.txt
  json '.estimates.theta.se == null and .estimates.theta.identified == false and .estimates.kappa.se > 0' fit.json
}

@test "rows that cannot be are named" {
  printf 'time,x\n0,1\n1,0.5\n2,-0.1\n3,0.4\n4,0.6\n5,0.7\n' >negative.csv
  fails_with 65 sde-fit cir.json negative.csv
  assert_output --partial 'negative.csv: row 3 (t = 2)'
  printf 'time,x\n0,1\n1,0.5\n2,0.1\n' >short.csv
  fails_with 65 sde-fit cir.json short.csv
  assert_output --partial '2 transitions cannot determine 3 parameters'
}

@test "wrong words in a configuration are found where they stand" {
  ragged_series ou.json >data.csv
  echo '{"sde": "ou.json", "estimate": ["kapa"]}' >config.json
  fails_with 2 sde-fit config.json data.csv
  assert_output --partial 'config.json: at /estimate'
  assert_output --partial 'did you mean "kappa"'
  jq '.parameters.sigma = 0' ou.json >zero.json
  fails_with 2 sde-fit zero.json data.csv
  assert_output --partial 'zero.json: at /parameters/sigma'
}

@test "the file of a fit holds every transition" {
  ragged_series cir.json >data.csv
  sde-fit cir.json data.csv -o fit.h5 2>/dev/null
  python '
import h5py, json, numpy as np
with h5py.File("fit.h5") as f:
    summary = json.loads(f["model/config_json"][()])
    assert summary["kind"] == "fit"
    n = summary["transitions"]
    z = f["fit/transitions/residual"][()]
    assert z.shape == (n, 1) and abs(z.mean()) < 4 / n**0.5 and abs(z.std() - 1) < 4 / (2 * n) ** 0.5
    back = (f["fit/transitions/value"][()] - f["fit/transitions/mean"][()]) / f["fit/transitions/deviation"][()]
    assert abs(back.std() - 1) < 0.2
    assert np.allclose(f["fit/se"][()] ** 2, np.diag(f["fit/covariance"][()]))
    assert [x.decode() for x in f["fit/parameter"][()]] == ["kappa", "theta", "sigma"]
    assert f["fit/estimate"][0] == summary["estimates"]["kappa"]["value"]'
}

@test "a dry run says what would be estimated" {
  ragged_series cir.json >data.csv
  run -0 sde-fit cir.json data.csv -n
  assert_output --partial 'kappa, theta, sigma'
  assert_output --partial 'exact (the transition law is known)'
}

@test "two states, several trajectories: local linearisation" {
  sde-simulate @heston -N 3 --seed 2 --dt 0.001 --end 2 --save 501 -o heston.h5
  sde-fit @heston heston.h5 --json >fit.json
  json '.density == "shoji-ozaki" and .converged and .transitions == 1500 and .data.series == 3' fit.json
  # The correlation and the volatility of variance are well determined; four standard errors.
  for name in rho xi; do
    truth=$(sde-simulate @heston --print-config | jq .sde.parameters.$name)
    json --arg n $name --argjson t "$truth" '.estimates[$n] | (.value - $t | fabs) < 4 * .se' fit.json
  done
}

@test "states seen with noise: the Kalman likelihood is that of scipy's dense Gaussian" {
  ragged_series ou.json | awk -F, 'NR == 1 {print} NR > 1 && NR <= 160 {print $1 "," ($2 == "" ? "" : $2 + 0.2 * sin(NR * NR))}' >data.csv
  jq '{sde: ., observation: {map: {x: "x"}, noise: {x: "eta"}, parameters: {eta: 0.2}, initial: {x: {normal: ["theta", 0.7]}}}}' \
    ou.json >noisy.json
  sde-fit noisy.json data.csv --predict 2 -o fit.h5
  sde-fit noisy.json data.csv --json >fit.json
  json '.density == "kalman" and (.density_reason | contains("linear")) and .converged and (.estimates.eta.se > 0)' fit.json
  json '.observation.parameters.eta == .estimates.eta.value and (.final_states[0].mean.x | type) == "number"' fit.json
  run -0 h5ls fit.h5/fit/states
  assert_output --partial 'smoothed_deviation'
  run -0 h5ls fit.h5/fit/predictions
  assert_output --partial 'mean'
  need_scipy
  mapfile -t words < <(estimates)
  theta=$(jq .estimates.theta.value fit.json)
  expected=$(/usr/bin/python3 "$SDE_ROOT/tests/oracles/kalman_loglik.py" data.csv "${words[@]}" "mean=$theta" deviation=0.7)
  json --argjson e "$expected" '(.loglik - $e | fabs) < 1e-8 * ($e | fabs)' fit.json
}

@test "an observation says what is wrong with it" {
  ragged_series ou.json >data.csv
  jq '{sde: ., observation: {noise: {z: 0.1}}}' ou.json >bad.json
  run -2 sde-fit bad.json data.csv
  assert_output --partial '/observation/noise: unknown column "z"'
  jq '{sde: ., observation: {map: {y: "x + q"}}}' ou.json >bad.json
  run -2 sde-fit bad.json data.csv
  assert_output --partial 'unknown name "q"'
  run -2 sde-fit ou.json data.csv --predict 2
  assert_output --partial '--predict: needs an observation'
}

@test "scores of data that were not fitted to: the true model foretells best" {
  sde-simulate ou.json -N 1 --end 100 --steps 1000 --set time.save=1001 --format csv -o data.csv
  sde-likelihood ou.json data.csv --crps 100 --json >right.json
  json '.scores.log == .mean_per_transition and .scores.crps.x > 0' right.json
  sde-likelihood ou.json data.csv --crps 100 --set model.parameters.sigma=1 --json >wrong.json
  json --argjson r "$(jq .scores right.json)" '.scores.crps.x > 1.05 * $r.crps.x and .scores.log < $r.log' wrong.json
  run -2 sde-likelihood ou.json data.csv --crps 1
  assert_output --partial 'two draws'
}

@test "densities are compared, and a coarse step is said with its bias" {
  sde-simulate cir.json -N 1 --seed 5 --end 400 --steps 40000 --set time.save=801 --format csv -o data.csv
  sde-fit cir.json data.csv --density euler --compare exact,ait-sahalia,ozaki,nonsense --json >fit.json 2>warnings.txt
  run -0 grep -q 'the step is coarse for the density "euler": "exact" would move kappa by' warnings.txt
  json '.step_bias_density == "exact" and (.comparison | length) == 4 and .comparison[0].density == "exact"
        and ((.estimates.kappa.value - .comparison[0].estimates.kappa.value) as $bias
             | (.estimates.kappa.step_bias / $bias) | . > 0.999 and . < 1.001)
        and (.comparison[3].refused | contains("nonsense"))' fit.json
  sde-fit cir.json data.csv --compare exact --json 2>&1 | json '(.step_bias_density == null) and (.comparison[0].loglik == .loglik)'
  run -0 sde-fit cir.json data.csv --compare euler,kessler
  assert_output --partial 'by other densities'
}

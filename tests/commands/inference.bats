# sde-fit beyond estimates: expressions, profiles, tests, constraints, priors, draws; and data that cannot be.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  cat >vasicek.json <<'JSON'
{ "name": "vasicek", "parameters": {"kappa": 1, "theta": 0.2, "sigma": 0.3}, "state": ["x"],
  "drift": {"x": "kappa*(theta - x)"}, "diffusion": {"x": "sigma"}, "initial": {"x": 0.2} }
JSON
  sde-simulate vasicek.json -N 1 --seed 3 --end 40 --save 401 --format csv -o - >data.csv
}

@test "expressions, profile intervals and tests stand in the summary" {
  sde-fit vasicek.json data.csv --json --report 'log(2)/kappa' --report kappa --intervals profile \
    --test theta=0.2 --test 'kappa=1.5, sigma=0.3' >fit.json
  json '.k == 3 and .aicc > .aic and (.bic - .aic - 3 * ((400 | log) - 2) | fabs) < 1e-9' fit.json
  json '.report[0].expression == "log(2)/kappa" and .report[1].se == .estimates.kappa.se
        and .report[1].se_robust == .estimates.kappa.se_robust
        and (.report[0].value * .report[1].value - (2 | log) | fabs) < 1e-12' fit.json
  # The likelihood is steeper towards small kappa.
  json '.intervals == "profile" and (.estimates.kappa | .ci[1] - .value > .value - .ci[0])
        and (.profiles.kappa.value | length) > 4' fit.json
  json '.tests[0].degrees == 1 and .tests[1].degrees == 2 and (.tests[1].p - (-.tests[1].statistic / 2 | exp) | fabs) < 1e-9' fit.json
  # The end of a profile interval is the value that the test rejects at just that level.
  end=$(jq .estimates.kappa.ci[0] fit.json)
  sde-fit vasicek.json data.csv --json --test "kappa=$end" | json '(.tests[0].p - 0.05 | fabs) < 1e-4'
  sde-fit vasicek.json data.csv --test theta=0.2 --report kappa --plot profile.png --intervals profile >text
  grep -q 'likelihood-ratio tests' text
  [ -s profile.png ]
}

@test "a parameter that vanishes with the hypothesis is named" {
  sde-fit vasicek.json data.csv --json --test kappa=0 2>warnings.txt |
    json '.tests[0].degrees == 2 and (.tests[0].note | contains("does not depend on theta"))'
  grep -q 'not chi-squared' warnings.txt
}

@test "relations between parameters" {
  sde-fit vasicek.json data.csv --json --constraint 'kappa == 4*sigma' >fit.json
  json '.converged and .k == 2 and (.estimates.kappa.value - 4 * .estimates.sigma.value | fabs) < 1e-6
        and .constraints[0].active' fit.json
  jq '.drift.x = "4*sigma*(theta - x)" | del(.parameters.kappa)' vasicek.json >eliminated.json
  sde-fit eliminated.json data.csv --json >other.json
  json --argjson l "$(jq .loglik other.json)" --argjson s "$(jq .estimates.sigma.se other.json)" \
    '(.loglik - $l | fabs) < 1e-6 and (.estimates.sigma.se - $s | fabs) < 1e-6' fit.json
  run -1 sde-fit vasicek.json data.csv --constraint 'kappa >= 3' --constraint 'kappa <= 2'
  assert_output --partial 'NOT CONVERGED: the constraint'
  fails_with 2 sde-fit vasicek.json data.csv --constraint 'kapa >= 3'
  assert_output --partial 'did you mean "kappa"'
  fails_with 2 sde-fit vasicek.json data.csv --constraint 'kappa + 3'
  assert_output --partial 'no relation'
  fails_with 2 sde-fit vasicek.json data.csv --test 'kappa > 3'
  assert_output --partial 'inequality'
}

@test "priors and draws from the posterior law" {
  echo '{"sde": "vasicek.json", "priors": {"kappa": {"gamma": [4, 2]}, "theta": {"normal": [0.2, 0.1]}, "sigma": {"half-normal": 1}},
         "posterior": {"warmup": 200, "chains": 2}}' >priors.json
  sde-fit priors.json data.csv --json --sample-posterior 300 -o draws.csv >fit.json
  json '.posterior_mode and .aic == null and (.log_posterior - .loglik - .log_prior | fabs) < 1e-9' fit.json
  json '.posterior | .chains == 2 and .draws == 300 and (.parameters.kappa | .r_hat < 1.05 and .ess_bulk > 100)' fit.json
  [ "$(wc -l <draws.csv)" -eq 601 ]
  head -1 draws.csv | grep -q '^chain,draw,kappa,theta,sigma,log_density,divergent$'
  mean=$(awk -F, 'NR > 1 {s += $3} END {printf "%.12g", s / (NR - 1)}' draws.csv)
  json --argjson m "$mean" '(.posterior.parameters.kappa.mean - $m | fabs) < 1e-9' fit.json
  sde-fit priors.json data.csv --sample-posterior 300 -j 1 -o again.csv 2>/dev/null
  cmp draws.csv again.csv
  sde-fit priors.json data.csv --sample-posterior 300 -o fit.h5 2>/dev/null
  if command -v h5dump >/dev/null; then
    h5dump -H -d /posterior/value fit.h5 | grep -q '( 2, 300, 3 )'
  fi
  fails_with 2 sde-fit vasicek.json data.csv --set 'priors={"kapa": {"normal": [0, 1]}}'
  assert_output --partial 'did you mean "kappa"'
  fails_with 2 sde-fit vasicek.json data.csv --set 'priors={"kappa": {"normal": [0, -1]}}'
  assert_output --partial 'must be > 0'
  fails_with 2 sde-fit vasicek.json data.csv --set 'priors={"kappa": {"uniform": [2, 3]}}'
  assert_output --partial 'outside the support'
}

@test "what the data do not determine is not sampled without a prior" {
  jq '.drift.x = "kappa*(theta + shift - x)" | .parameters.shift = 0.1' vasicek.json >double.json
  run -2 sde-fit double.json data.csv --sample-posterior 20
  assert_output --partial 'give it a prior'
  sde-fit double.json data.csv --json 2>/dev/null --report 'theta + shift' >fit.json
  json '.estimates.theta.se == null and .report[0].se > 0 and (.information.weakest | keys == ["shift", "theta"])' fit.json
}

@test "data and starts that cannot be: one sentence each" {
  awk -F, -v OFS=, 'NR > 1 {$3 = 0.2} 1' data.csv >constant.csv
  fails_with 65 sde-fit vasicek.json constant.csv
  assert_output --partial 'constant series'
  printf 'time,x\n0,1\n' >one.csv
  fails_with 65 sde-fit vasicek.json one.csv
  printf 'time,x\n0,1\n1,2\n1,3\n2,2\n3,1\n4,2\n' >twice.csv
  fails_with 65 sde-fit vasicek.json twice.csv
  assert_output --partial 'twice.csv'
  printf 'time,x\n0,1\n1,2\n0.5,3\n2,2\n3,1\n4,2\n' >back.csv
  fails_with 65 sde-fit vasicek.json back.csv
  assert_output --partial 'back.csv'
  jq '.domain = {"x": {"min": 0}}' vasicek.json >domain.json
  printf 'time,x\n0,1\n1,2\n2,-3\n3,2\n4,1\n5,2\n' >outside.csv
  fails_with 65 sde-fit domain.json outside.csv
  assert_output --partial 'outside the domain'
  printf 'time,x\n0,1\n1,2\n2,1\n' >few.csv
  fails_with 65 sde-fit vasicek.json few.csv
  assert_output --partial 'cannot determine 3 parameters'
  fails_with 2 sde-fit vasicek.json data.csv --set 'bounds={"kappa": [2, 3]}'
  assert_output --partial 'outside'
  jq '.parameters.spare = 1' vasicek.json >spare.json
  sde-fit spare.json data.csv --json 2>warnings.txt | json '.estimates | has("spare") | not'
  grep -q 'does not depend on spare' warnings.txt
  fails_with 2 sde-fit spare.json data.csv --estimate kappa,spare
  assert_output --partial '"spare"'
  sde-fit vasicek.json data.csv --set 'bounds={"kappa": [0.1, 1.01]}' --json 2>warnings.txt |
    json '.converged and .estimates.kappa.on_bound and .estimates.kappa.value == 1.01'
  grep -q 'lies on the bound kappa = 1.01' warnings.txt
  # Ran, but not converged: told apart, and written.
  run -1 sde-fit vasicek.json data.csv --set max_iterations=1 --starts 1 --set optimizer=newton --test theta=0 -o failed.json
  json '.converged == false and .loglik != null and .estimates.kappa.value != null and (.tests[0].note | contains("not converged"))' failed.json
}

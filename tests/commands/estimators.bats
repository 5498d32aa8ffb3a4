# sde-fit beyond the likelihood: simulate-and-refit, other estimators, candidate models.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  write_ou
  sde-simulate ou.json -N 1 --seed 4 --end 40 --save 401 --steps 4000 --format csv -o data.csv -q
}

@test "bootstrap: summary, JSON, file, same for any number of threads" {
  run -0 --separate-stderr sde-fit ou.json data.csv --bootstrap 40
  [[ $output == *'bootstrap: 40 data sets drawn by the transition law and fitted'* ]]
  [[ $output == *'95 % percentiles'* ]]
  sde-fit ou.json data.csv --bootstrap 40 --seed 3 --json -j 1 2>/dev/null >one.json
  sde-fit ou.json data.csv --bootstrap 40 --seed 3 --json -j 2 2>/dev/null >two.json
  cmp <(jq .bootstrap one.json) <(jq .bootstrap two.json)
  json '.bootstrap | .replicas == 40 and .failed == 0 and .method == "exact"' one.json
  # Bootstrap and information agree on the standard error of sigma; the rate is biased upwards.
  json '.bootstrap.estimates.sigma.se / .estimates.sigma.se | . > 0.7 and . < 1.4' one.json
  json '.bootstrap.estimates.sigma | .ci[0] < .ci[1] and .coverage > 0.8 and .coverage_stderr < 0.07' one.json
  sde-fit ou.json data.csv --bootstrap 40 --seed 3 -o fit.h5 -q 2>/dev/null
  h5dump -d /fit/bootstrap/estimate fit.h5 | grep -q '( 40, 3 )'
}

@test "bootstrap: wants two replicas, and none is none" {
  run -2 sde-fit ou.json data.csv --bootstrap 1
  [[ $output == *'/bootstrap: must be >= 2, or 0 for none (got 1)'* ]]
  sde-fit ou.json data.csv --bootstrap 0 --json 2>/dev/null >fit.json
  json 'has("bootstrap") | not' fit.json
}

@test "estimators: gmm tests what is in excess, regression and quadratic variation agree with awk" {
  run -0 --separate-stderr sde-fit ou.json data.csv --estimator gmm
  [[ $output == *'gmm, exact density'* ]]
  [[ $output == *'4 conditions; of those in excess J = '*' on 1 degrees of freedom'* ]]
  sde-fit ou.json data.csv --estimator gmm --json 2>/dev/null >gmm.json
  json '.estimator == "gmm" and .aic == null and .gmm.degrees == 1 and (.gmm.j_p > 0 and .gmm.j_p < 1)' gmm.json
  # sigma^2 = sum dx^2 / T
  sde-fit ou.json data.csv --estimator quadratic-variation --json 2>/dev/null >qv.json
  sigma=$(awk -F, 'NR > 2 {s += ($3 - x)^2 / ($2 - t); n++} {x = $3; t = $2} END {printf "%.12g", sqrt(s / n)}' data.csv)
  json --argjson s "$sigma" '(.estimates | keys == ["sigma"]) and (.estimates.sigma.value - $s | fabs) < 1e-9' qv.json
  # slope of the regression of dx/h on x
  sde-fit ou.json data.csv --estimator regression --json 2>/dev/null >ols.json
  slope=$(awk -F, 'NR > 2 {y = ($3 - x) / ($2 - t); sx += x; sy += y; sxx += x * x; sxy += x * y; n++} {x = $3; t = $2}
    END {printf "%.12g", (sxy - sx * sy / n) / (sxx - sx * sx / n)}' data.csv)
  json --argjson b "$slope" '.estimates | to_entries | any(.value.value + $b | fabs < 1e-7)' ols.json
}

@test "quick start: the same optimum in fewer steps" {
  sde-fit ou.json data.csv --param kappa=20 --param sigma=9 --json 2>/dev/null >slow.json
  sde-fit ou.json data.csv --param kappa=20 --param sigma=9 --start-from quick --json 2>/dev/null >quick.json
  json --slurpfile s slow.json '.converged and (.loglik - $s[0].loglik | fabs) < 1e-6' quick.json
  json --slurpfile s slow.json '.optimizer.iterations < $s[0].optimizer.iterations' quick.json
}

@test "models: a table by AIC, failures with their reasons, JSON, CSV and exit status" {
  echo '{"sde": "ou.json", "fix": {"theta": 1}}' >fixed.json
  sde-fit ou.json data.csv --models fixed.json,@double-well --json 2>/dev/null >all.json
  json '.models | length == 3 and (map(.aic) == (map(.aic) | sort)) and (map(.aic_weight) | add | . > 0.999999 and . < 1.000001)' all.json
  json '.models[] | select(.model == "fixed.json") | .k == 2 and .converged' all.json
  # The criteria are what they say.
  json '.transitions as $n | .models | all((.aic - 2 * .k + 2 * .loglik | fabs) < 1e-6 and
    (.bic - .k * ($n | log) + 2 * .loglik | fabs) < 1e-6 and
    (.aicc - .aic - 2 * .k * (.k + 1) / ($n - .k - 1) | fabs) < 1e-6)' all.json
  json '.models[0].aic as $a | .models | all((.aic_difference - .aic + $a | fabs) < 1e-6)' all.json
  # What is named for MODEL alone holds where a candidate has it.
  sde-fit ou.json data.csv --fix kappa=2 --models @vasicek,@double-well --json 2>/dev/null >held.json
  json '[.models[] | .k] | sort == [1, 2, 2]' held.json

  run -1 --separate-stderr sde-fit ou.json data.csv --models @heston,fixed.json
  [[ $output == *'@heston: no fit: '*'must have columns s, v'* ]]
  sde-fit ou.json data.csv --models fixed.json -o table.csv -q 2>/dev/null
  [ "$(wc -l <table.csv)" -eq 3 ]
  [ "$(head -1 table.csv | cut -d, -f1-8)" = model,name,density,converged,k,loglik,aic,aicc ]
  sde-fit ou.json data.csv -o estimates.csv -q 2>/dev/null
  [ "$(head -1 estimates.csv)" = parameter,estimate,se,se_robust,low,high ]
  [ "$(cut -d, -f1 estimates.csv | tr '\n' ' ')" = 'parameter kappa theta sigma ' ]
}

@test "models: a file that is missing or broken ends the run before any fit" {
  run -66 sde-fit ou.json data.csv --models nothing.json
  [[ $output == *'nothing.json'* ]]
  echo '{"state": ["x"], "drift": {"x": "a*"}, "parameters": {"a": 1}}' >broken.json
  run -2 sde-fit ou.json data.csv --models broken.json
  [[ $output == *'broken.json: at /drift/x'* ]]
  run -2 sde-fit ou.json data.csv --models fixed.json --estimator gmm
  [[ $output == *'--models: compares maxima'* ]]
}

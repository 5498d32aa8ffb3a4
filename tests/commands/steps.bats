# How sde-simulate steps: trees, adaptive steps, save times, stiff equations, stability.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  write_ou
}

# column FILE NAME: one column of a long table, without its header.
column() {
  awk -F, -v name="$2" 'NR == 1 {for (i = 1; i <= NF; ++i) if ($i == name) c = i; next} {print $c}' "$1"
}

@test "results do not depend on whether there is an output file" {
  for how in '--dt 0.25' '--dt 0.3' '--steps 7' '--steps 1500' '' '--brownian tree' '--rtol 0.01'; do
    # shellcheck disable=SC2086
    sde-simulate @ou $how -N 100 --seed 3 --json | jq -c '[.final, .steps]' >without.json
    # shellcheck disable=SC2086
    sde-simulate @ou $how -N 100 --seed 3 --json -f -o paths.h5 | jq -c '[.final, .steps]' >with.json
    run -0 cmp without.json with.json
  done
}

@test "save times that nobody asked for lie on the steps" {
  run --separate-stderr -0 sde-simulate ou.json --dt 0.25 -N 3 --json -o paths.csv
  assert_equal "$stderr" ''
  assert_equal "$(jq .steps <<<"$output")" 4
  assert_equal "$(column paths.csv time | sort -u | paste -sd' ')" '0 0.25 0.5 0.75 1'
  # Those that were asked for are met, and what that costs is said.
  run --separate-stderr -0 sde-simulate ou.json --dt 0.25 -N 3 --save 11 --json
  assert_regex "$stderr" 'last step'
  assert_equal "$(jq .steps <<<"$output")" 10
}

@test "trees of one span have the same path for any step; a grid does not" {
  cat >w.json <<'JSON'
{ "name": "w", "state": ["x"], "drift": {"x": "0"}, "diffusion": {"x": "1"}, "initial": {"x": 0} }
JSON
  for dt in 0.0625 0.03125 0.01; do
    sde-simulate w.json --brownian tree --tree-span 1 --dt $dt --save 3 -N 5 --seed 9 --format csv -o - >tree-$dt.csv
    sde-simulate w.json --brownian tree --dt $dt --save 3 -N 5 --seed 9 --format csv -o - >own-$dt.csv
    sde-simulate w.json --dt $dt --save 3 -N 5 --seed 9 --format csv -o - >grid-$dt.csv
  done
  python '
import sys, numpy as np
load = lambda name: np.genfromtxt(name, delimiter=",", names=True)["x"]
for dt in ("0.03125", "0.01"):
    assert np.allclose(load(f"tree-{dt}.csv"), load("tree-0.0625.csv"), rtol=0, atol=1e-13)
    # Without a span, where steps are one another times a power of two.
    assert np.allclose(load(f"own-{dt}.csv"), load("own-0.0625.csv"), rtol=0, atol=1e-13) == (dt != "0.01")
    assert not np.allclose(load(f"grid-{dt}.csv"), load("grid-0.0625.csv"), rtol=0, atol=1e-3)'
}

@test "a tree tells its span; runs share Levy areas where they agree on their pieces" {
  cat >nc.json <<'JSON'
{ "name": "nc", "state": ["x", "y"], "noise": ["a", "b"], "drift": {"x": "0", "y": "0"},
  "diffusion": {"x": {"a": "1"}, "y": {"a": "y", "b": "x"}}, "initial": {"x": 1, "y": 0.5} }
JSON
  for dt in 0.04 0.01 0.0025; do
    sde-simulate nc.json --method milstein --brownian tree --dt $dt --area-step 0.0025 --save 2 -N 64 --format csv -o - >shared-$dt.csv
    sde-simulate nc.json --method milstein --brownian tree --dt $dt --save 2 -N 64 --format csv -o - >own-$dt.csv
  done
  python '
import numpy as np
load = lambda name: np.genfromtxt(name, delimiter=",", names=True)["y"][1::2]
error = lambda kind, dt: np.sqrt(np.mean((load(f"{kind}-{dt}.csv") - load(f"{kind}-0.0025.csv")) ** 2))
# Order 1 with the areas of one path, 1/2 with others: 4 and 2 times closer at a quarter of the step.
assert error("shared", "0.01") < error("shared", "0.04") / 3, (error("shared", "0.01"), error("shared", "0.04"))
assert error("own", "0.01") > 2 * error("shared", "0.01"), (error("own", "0.01"), error("shared", "0.01"))'
  sde-simulate nc.json --method milstein --brownian tree --dt 0.01 --area-step 0.005 -N 2 --json >summary.json
  run -0 jq -e '.tree == {"span": 1.28, "area_step": 0.005}' summary.json
  run -0 sde-simulate nc.json --method milstein --brownian tree --dt 0.01 -n
  assert_line --partial 'tree over 1.28'
  run -2 sde-simulate nc.json --brownian tree --tree-span 0.5
  assert_output --partial 'the tree must reach from start to end, over 1 (got 0.5)'
  run -2 sde-simulate nc.json --tree-span 2
  assert_output --partial 'use the type tree'
  run -2 sde-simulate ou.json --brownian tree --area-step 0.1
  assert_output --partial 'takes no Levy areas here'
}

@test "should and quicsort take Langevin dynamics to third order" {
  cat >well.json <<'JSON'
{ "name": "well", "state": ["q", "p"], "drift": {"q": "p", "p": "q - q^3 - p"}, "diffusion": {"p": 0.9}, "initial": {"q": 0.5, "p": 0} }
JSON
  for method in should quicsort; do
    run -0 sde-bench convergence well.json --method $method --levels 4,8,16,32 -N 4096 --json
    run -0 jq -e '.runs[] | select(.unit == "order" and .target == 3 and .value > 2.8 and .ok)' <<<"$output"
  done
  run -2 sde-simulate ou.json --method should
  assert_output --partial 'Langevin'
}

@test "replay by id has the bits of the run: grid, tree, adaptive steps" {
  for how in '--dt 0.01' '--brownian tree --dt 0.01' '--method sosri --rtol 0.01'; do
    # shellcheck disable=SC2086
    sde-simulate @gbm $how --save 4 -N 300 --seed 2 --format csv -o - >all.csv
    # shellcheck disable=SC2086
    sde-simulate @gbm $how --save 4 --path-id 217 --seed 2 --format csv -o - >one.csv
    grep -E '^(id|217),' all.csv >expected.csv
    run -0 cmp expected.csv one.csv
    assert [ "$(wc -l <one.csv)" -eq 5 ]
  done
}

@test "adaptive steps of an SDE: counted, the same on any number of threads, and closer for a smaller tolerance" {
  for tolerance in 0.1 0.01 0.001; do
    sde-simulate @gbm --method sosri --rtol $tolerance -N 500 --seed 1 --json >$tolerance.json
    run -0 jq -e '.rejected >= 0 and .steps > 1 and .path_steps == (.steps * 500 | round) and .status.ok == 500' $tolerance.json
  done
  assert [ "$(jq '.steps | floor' 0.001.json)" -gt "$(jq '.steps * 2 | floor' 0.1.json)" ]
  for threads in 1 2; do
    sde-simulate @gbm --method sosri --rtol 0.01 -N 500 --seed 1 -j $threads --format csv -o - >threads-$threads.csv
  done
  run -0 cmp threads-1.csv threads-2.csv
  # Without a method, one that can adapt is chosen; --dt is the first step, and is no longer all there is.
  sde-simulate ou.json --rtol 1e-3 --dt 0.01 -N 50 --json >auto.json
  run -0 jq -e '.method == "sosra" and .steps > 1' auto.json
}

@test "adaptive steps are refused where they are not valid, with what fits" {
  fails_with 2 sde-simulate @gbm --method euler-maruyama --rtol 0.01
  assert_output --partial 'strong order 0.5'
  assert_output --partial 'sosri'
  fails_with 2 sde-simulate @heston --rtol 0.01
  assert_output --partial 'look ahead'
  fails_with 2 sde-simulate ou.json --method implicit-euler --rtol 0.01
  assert_output --partial 'sosra'
  fails_with 2 sde-simulate ou.json --method exact --rtol 0.01
}

@test "the smallest step is taken whatever its error, and that is said" {
  run --separate-stderr -0 sde-simulate @gbm --method sosri --rtol 1e-9 --set solver.adaptive.min_step=0.05 -N 10 --json
  assert_regex "$stderr" 'in spite of their error'
}

@test "the wind tunnel" {
  cat >tunnel.json <<'JSON'
{ "name": "tunnel", "state": ["x"], "drift": {"x": "1/(t + 1) - x/10"}, "initial": {"x": 0}, "time": {"end": 10} }
JSON
  at() { sde-simulate tunnel.json "$@" -N 1 --json | jq .final.x.mean; }
  for method in dopri5 tsit5 dop853 bosh3 rodas4; do
    run -0 jq -ne "$(at --method $method --rtol 1e-9) - 1.26164502 | fabs < 2e-8"
  done
  run -0 jq -ne "$(at --end 5 --method dop853) - 1.31313837 | fabs < 5e-6"
  run -0 jq -ne "$(at --method heun --dt 1) - 1.26164502 | fabs - 2.31e-2 | fabs < 5e-5"
  run -0 jq -ne "$(at --method euler --dt 0.1) - 1.26164502 | fabs - 2.31e-2 | fabs < 1e-3"
  # With noise: variance 5 sigma^2 (1 - e^{-t/5}).
  jq '.diffusion = {x: "0.4"}' tunnel.json >noisy.json
  sde-simulate noisy.json --method sra1 --dt 0.05 -N 40000 --json >noisy-end.json
  run -0 jq -e '.final.x.variance / (5 * 0.16 * (1 - (-2 | exp))) - 1 | fabs < 0.03' noisy-end.json
}

@test "save times do not cut the steps of an adaptive run" {
  cat >circle.json <<'JSON'
{ "name": "circle", "state": ["x", "y"], "drift": {"x": "y", "y": "-x"}, "initial": {"x": 1, "y": 0}, "time": {"end": 10} }
JSON
  few=$(sde-simulate circle.json -N 1 --save 2 --json | jq .steps)
  many=$(sde-simulate circle.json -N 1 --save 1000 --json | jq .steps)
  assert_equal "$few" "$many"
  assert [ "$few" -lt 200 ]
  sde-simulate circle.json -N 1 --save 1000 -o circle.csv
  python '
import numpy as np
d = np.genfromtxt("circle.csv", delimiter=",", names=True)
assert np.abs(d["x"] - np.cos(d["time"])).max() < 2e-5'
}

@test "a stiff equation by the Rosenbrock method" {
  cat >vdp.json <<'JSON'
{ "name": "vdp", "parameters": {"mu": 1000}, "state": ["x", "y"],
  "drift": {"x": "y", "y": "mu*(1 - x^2)*y - x"}, "initial": {"x": 2, "y": 0}, "time": {"end": 2000} }
JSON
  sde-simulate vdp.json --method rodas4 --rtol 1e-7 --atol 1e-10 -N 1 --json >vdp-end.json
  run -0 jq -e '(.final.x.mean - 1.706167732170 | fabs < 1e-5) and .steps < 3000' vdp-end.json
}

@test "a step above the stability limit is warned of, with the limit" {
  run --separate-stderr -0 sde-simulate ou.json --method euler-maruyama --dt 1.25 --end 10 -N 10 --set sde.parameters.kappa=2
  assert_regex "$stderr" 'stability limit 1 of euler-maruyama'
  run --separate-stderr -0 sde-simulate ou.json --method euler-maruyama --dt 0.5 --end 10 -N 10
  assert_equal "$stderr" ''
  run --separate-stderr -0 sde-simulate ou.json --method implicit-euler --dt 1.25 --end 10 -N 10
  assert_equal "$stderr" ''
  jq '.drift.x = "-5*x" | .diffusion.x = "2*x" | .initial.x = 1' ou.json >gbm.json
  run --separate-stderr -0 sde-simulate gbm.json --method euler-maruyama --dt 0.3 --end 3 -N 10
  assert_regex "$stderr" 'mean-square stability limit 0.24 of euler-maruyama'
}

@test "paths that explode are flagged and counted; --strict makes that a failure" {
  cat >explode.json <<'JSON'
{ "name": "explode", "state": ["x"], "drift": {"x": "x^3"}, "diffusion": {"x": "1"}, "initial": {"x": 1}, "time": {"end": 3} }
JSON
  run --separate-stderr -0 sde-simulate explode.json --dt 0.01 -N 100 --json
  assert_regex "$stderr" 'paths became non-finite'
  run --separate-stderr -1 sde-simulate explode.json --dt 0.01 -N 100 --json --strict
  run -0 jq -e '.status.non_finite > 0' <<<"$output"
  run --separate-stderr -0 sde-simulate ou.json -N 100 --strict --json
}

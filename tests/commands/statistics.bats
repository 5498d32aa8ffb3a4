# Statistics of sde-simulate against numpy on the trajectories of the same run, and expectations.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  write_ou
}

@test "every statistic is that of the paths" {
  sde-simulate @heston -N 700 --dt 0.01 --save 6 --seed 3 -o all.h5 \
    --stats mean,variance,covariance,quantiles,histogram,autocorrelation --set output.lags=2 \
    --set 'output.histogram={"bins":12,"range":{"v":[0,0.1]}}' --expect 's*v'
  python '
import h5py, numpy as np
f = h5py.File("all.h5")
x, st = f["trajectories/value"][()], f["statistics"]
for t in range(6):
    assert np.allclose(st["covariance"][t], np.cov(x[:, t].T), rtol=1e-12, atol=1e-18)
    for i in range(2):
        q = np.quantile(x[:, t, i], st["quantile_levels"][()])
        assert (abs(st["quantiles"][t, i] - q) <= st["quantiles_resolution"][t, i] + 1e-15).all()
        edges = st["histogram_edges"][t, i]
        counts, _ = np.histogram(x[:, t, i], edges)
        if t > 0:
            assert (counts == st["histogram"][t, i]).all(), (t, i)
        outside = st["histogram_outside"][t, i]
        assert counts.sum() + outside.sum() == 700
        assert outside[0] == (x[:, t, i] < edges[0]).sum()
        for k in range(3):
            got = st["autocorrelation"][t, i, k]
            if k == 0: assert got == 1
            elif t + k >= 6: assert np.isnan(got)
            elif t > 0: assert np.isclose(got, np.corrcoef(x[:, t, i], x[:, t + k, i])[0, 1], rtol=1e-10)
assert st["histogram_edges"][3, 1, -1] == 0.1
assert np.isclose(f["expect/value"][0], (x[:, -1, 0] * x[:, -1, 1]).mean(), rtol=1e-12)
assert f["expect/expression"][0] == b"s*v"
'
}

@test "statistics need no trajectories" {
  sde-simulate ou.json -N 300 --dt 0.01 --save 5 --stats covariance,histogram -o with.h5
  sde-simulate ou.json -N 300 --dt 0.01 --save 5 --stats covariance,histogram -o without.h5 --set output.trajectories=false
  python '
import h5py
a, b = (h5py.File(n) for n in ("with.h5", "without.h5"))
assert "trajectories" not in b
for name in a["statistics"]:
    assert a["statistics"][name][()].tobytes() == b["statistics"][name][()].tobytes(), name'
  # As a table: one column a state and statistic.
  sde-simulate ou.json -N 300 --dt 0.01 --save 5 --stats mean,covariance --set output.trajectories=false -o table.csv
  assert_equal "$(head -n 1 table.csv)" "time,x_mean,x_stderr,x_covariance_1,x_covariance_stderr_1"
}

@test "an expectation, and what control variates make of it" {
  sde-simulate @gbm -N 20000 --method exact --expect 'exp(-mu*t)*max(s-100,0)' --seed 4 --json >plain.json
  sde-simulate @gbm -N 20000 --method exact --expect 'exp(-mu*t)*max(s-100,0)' --seed 4 --control auto --json >auto.json
  sde-simulate @gbm -N 20000 --method exact --expect 'exp(-mu*t)*max(s-100,0)' --seed 4 --control 's=100*exp(mu*t)' --json >hand.json
  # Black and Scholes.
  for file in plain auto hand; do
    json '.expect[] | (.value - 10.450583572185565 | fabs) < 4 * .stderr' $file.json
  done
  json '.expect[] | .variance_reduction > 6 and .variance_reduction < 8' auto.json
  json -n --slurpfile a auto.json --slurpfile p plain.json --slurpfile h hand.json \
    '($a[0].expect[] | .plain_stderr) == ($p[0].expect[] | .stderr) and
     ($a[0].expect[].value - $h[0].expect[].value | fabs) < 1e-12 and $a[0].expect[].stderr < 0.4 * $p[0].expect[].stderr'
}

@test "an expectation that is not finite is said" {
  run --separate-stderr -1 sde-simulate ou.json -N 200 --dt 0.01 --expect 'log(x-1)' --expect x --json
  jq -e '.expect["log(x-1)"] | .value == null and .stderr == null and .undefined > 20' <<<"$output"
  jq -e '.expect.x | .value > 0 and .undefined == 0' <<<"$output"
  assert_regex "$stderr" 'the expectation of log\(x-1\) is not finite: on [0-9]+ of 200 paths'
}

@test "controls that cannot be" {
  fails_with 2 sde-simulate ou.json --control x=1
  assert_output --partial '--expect'
  fails_with 2 sde-simulate ou.json --expect x --control x
  assert_output --partial 'EXPR=MEAN'
  fails_with 2 sde-simulate ou.json --expect x --control 'x=1/0'
  assert_output --partial 'finite'
  fails_with 2 sde-simulate @double-well --expect 'x^2' --control auto
  assert_output --partial 'not affine'
  fails_with 2 sde-simulate ou.json --expect x --control 'z=1'
  assert_output --partial 'z'
}

@test "histograms and autocorrelations that cannot be" {
  fails_with 2 sde-simulate ou.json -o a.h5 --stats histogram --set 'output.histogram.range={"y":[0,1]}'
  assert_output --partial 'output.histogram.range: at /y: there is no such state'
  fails_with 2 sde-simulate ou.json -o a.h5 --stats histogram --set 'output.histogram.range={"x":[1,1]}'
  assert_output --partial 'increasing'
  fails_with 2 sde-simulate ou.json -o a.h5 --stats autocorrelation --save 1
  assert_output --partial 'two save times'
  fails_with 2 sde-simulate ou.json -o a.h5 --stats median
  assert_output --partial 'median'
}

@test "paths are added until the error asked for is reached" {
  sde-simulate @gbm --method exact --save 1 --expect 's' --expect 'max(s-100,0)' --target-stderr 0.1 --json >out.json
  json '.target_reached and .expect.s.stderr <= 0.1 and .expect.s.stderr > 0.08 and .expect["max(s-100,0)"].stderr <= 0.1' out.json
  json '(.expect.s.value - 105.127109637602 | fabs) < 0.4 and (.paths % 64) == 0' out.json
  # As one run of as many paths has it.
  sde-simulate @gbm --method exact --save 1 --expect 's' -N "$(jq .paths out.json)" --json >one.json
  assert_equal "$(jq .expect.s.value out.json)" "$(jq .expect.s.value one.json)"
  # Out of reach: the best answer, its error, and what it would take.
  run --separate-stderr -1 sde-simulate @gbm --method exact --save 1 --expect 's' --target-stderr 1e-3 --max-paths 5000 --json
  jq -e '(.target_reached | not) and .paths == 5000 and .expect.s.stderr > 0.2' <<<"$output"
  assert_regex "$stderr" 'the standard error of s is [0-9.]+ after 5000 paths, above the target of 0.001; --max-paths [0-9.e+]+ would reach it'
  # One path tells no error, and no target is reached by it.
  run --separate-stderr -1 sde-simulate @gbm --method exact --save 1 --expect s --target-stderr 1 --max-paths 1
  assert_regex "$stderr" 'one path of s has no standard error; allow more by --max-paths'
  # Statistics over time are stored, trajectories of a number that is not known are not.
  sde-simulate @gbm --method exact --save 3 --expect s --target-stderr 0.5 -o target.h5
  python '
import h5py
f = h5py.File("target.h5")
assert "trajectories" not in f and f["statistics/mean"].shape == (3, 1) and f["expect/stderr"][0] <= 0.5'
}

@test "multilevel Monte Carlo: the price, the rates and the work" {
  call='exp(-mu*t)*max(s-100,0)'
  sde-simulate @gbm --expect "$call" --method milstein --target-stderr 0.02 --mlmc --json >out.json
  json --arg c "$call" '.target_reached and (.expect[$c] | .stderr <= 0.02 and .bias <= 0.02 and
    (.value - 10.450583572185565 | fabs) < 4 * .stderr + 2 * .bias and (.beta - 2 | fabs) < 0.3 and (.alpha - 1 | fabs) < 0.4)' out.json
  json '.multilevel | .work_ratio > 10 and (.gamma - 1 | fabs) < 0.3 and
    (.levels | length > 3 and .[0].steps == 1 and .[1].steps == 2 and .[0].paths > 100 * .[3].paths)' out.json
  # The steps asked for are the finest, and the bias is theirs.
  sde-simulate @gbm --expect "$call" --method milstein --target-stderr 0.05 --mlmc --steps 48 --set target.refinement=4 -o out2.json
  json '.path_steps | type == "number" and . == floor' out2.json
  json '.status.ok == .paths and .status.non_finite == 0' out2.json
  run -0 grep -E '"path_steps": [0-9]+,' out2.json
  json '.steps == 48 and ([.multilevel.levels[].steps] == [3, 12, 48])' out2.json
  # Where fine levels see no difference by chance, what the others show is still told.
  sde-simulate @gbm --expect 'if(s > 150, 1, 0)' --method euler-maruyama --target-stderr 0.01 --mlmc --json >rare.json
  json '.expect[] | .bias > 0 and .stderr > 0' rare.json
  run --separate-stderr -1 sde-simulate @brownian --mlmc --target-stderr 1 --expect 'sqrt(x)' --method euler-maruyama --json
  jq -e '.status == {ok: .paths, non_finite: 0, absorbed: 0} and .expect["sqrt(x)"].undefined > 0' <<<"$output"
  run --separate-stderr -0 sde-simulate @brownian --mlmc --target-stderr 0.1 --expect x --method euler-maruyama --json \
    --set 'sde.domain={"x":{"min":-1,"boundary":"absorb"}}'
  jq -e '.status | .absorbed > 0 and .non_finite == 0' <<<"$output"
  run --separate-stderr -0 sde-simulate @cev --mlmc --target-stderr 1 --expect s
  assert_regex "$stderr" 'levels see s absorbed at the ends of their steps alone'
  fails_with 2 sde-simulate @gbm --mlmc
  assert_output --partial -- '--target-stderr'
  fails_with 2 sde-simulate @gbm --mlmc --target-stderr 1
  assert_output --partial -- '--expect'
  fails_with 2 sde-simulate @gbm --mlmc --target-stderr 1 --expect s --method exact
  assert_output --partial 'milstein'
  fails_with 2 sde-simulate @gbm --mlmc --target-stderr 1 --expect s -o paths.h5
  assert_output --partial 'FILE.json'
  fails_with 2 sde-simulate @gbm --target-stderr 1 --expect s --shard 0/2
  assert_output --partial -- '--shard'
  fails_with 2 sde-simulate @gbm --target-stderr -1 --expect s
  fails_with 2 sde-simulate @gbm --max-paths 100
}

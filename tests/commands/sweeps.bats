# sde-simulate --sweep: every point is the run that --param gives, and the outputs agree with one another.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  write_ou
}

@test "a point of a sweep is the run with those parameters" {
  run_of() { sde-simulate ou.json -N 500 --dt 0.01 --seed 3 --expect 'x*x' --event up=x-0.8 "$@"; }
  run_of --sweep kappa=1:3:3 --sweep sigma=0.2,0.4 --json >sweep.json
  run_of --sweep kappa=1:3:3 --sweep 'sigma=[0.2,0.4]' -o sweep.csv 2>/dev/null
  run_of --sweep kappa=1:3:3 --sweep sigma=0.2:0.4:2 -o sweep.h5 2>/dev/null
  run_of --param kappa=2 --param sigma=0.4 --json >one.json
  sde-bench check sweep.h5
  python '
import csv, json, h5py, numpy as np
sweep, one = json.load(open("sweep.json")), json.load(open("one.json"))
points = sweep["sweep"]["points"]
assert sweep["sweep"]["parameters"] == ["kappa", "sigma"] and sweep["points"] == 6
assert sweep["sweep"]["grid"] == {"kappa": [1, 2, 3], "sigma": [0.2, 0.4]}
assert [(p["at"]["kappa"], p["at"]["sigma"]) for p in points] == [(k, s) for k in (1, 2, 3) for s in (0.2, 0.4)]
for key in ("final", "expect", "events", "status"): assert points[3][key] == one[key], key
rows = list(csv.DictReader(open("sweep.csv")))
assert len(rows) == 6
f = h5py.File("sweep.h5")
assert f.attrs["kind"] == "ensemble" and list(f["sweep/parameters"].attrs["columns"]) == ["kappa", "sigma"]
assert f["sweep/grid/kappa"][()].tolist() == [1, 2, 3]
for i, (p, row) in enumerate(zip(points, rows)):
    assert f["sweep/parameters"][i].tolist() == [p["at"]["kappa"], p["at"]["sigma"]]
    assert f["sweep/final/mean"][i, 0] == p["final"]["x"]["mean"] == float(row["x_mean"])
    assert f["sweep/final/variance"][i, 0] == p["final"]["x"]["variance"] == float(row["x_variance"])
    assert f["sweep/expect/value"][i, 0] == p["expect"]["x*x"]["value"] == float(row["x*x"])
    assert f["sweep/expect/stderr"][i, 0] == p["expect"]["x*x"]["stderr"] == float(row["x*x_stderr"])
    assert f["sweep/events/up/fraction"][i] == p["events"]["up"]["fraction"] == float(row["up_fraction"])
    assert f["sweep/paths"][i] == 500
    assert (p["final"]["x"]["exact"]["mean"] > 0)
'
}

@test "a sweep from the configuration, logarithmic, to a target error" {
  cat >run.json <<'EOF'
{ "sde": "ou.json", "solver": {"steps": 50}, "paths": 128, "expect": ["x"], "target": {"stderr": 0.01},
  "sweep": {"sigma": "0.1:1.6:5:log", "kappa": 2} }
EOF
  sde-simulate run.json --json >run.out
  python '
import json
r = json.load(open("run.out"))
assert r["sweep"]["parameters"] == ["sigma", "kappa"]
assert all(abs(a - b) < 1e-12 for a, b in zip(r["sweep"]["grid"]["sigma"], (0.1, 0.2, 0.4, 0.8, 1.6)))
assert r["sweep"]["grid"]["sigma"][-1] == 1.6
paths = [p["paths"] for p in r["sweep"]["points"]]
assert paths[0] == 128 and paths[-1] > 4000, paths
assert all(p["expect"]["x"]["stderr"] <= 0.01 for p in r["sweep"]["points"])
'
  # The target out of reach at some points: the best answer, and status 1.
  run --separate-stderr -1 sde-simulate run.json --max-paths 1024 --json
  assert_equal "${#stderr_lines[@]}" 2
  [[ "${stderr_lines[0]}" == *'at sigma = 0.8, kappa = 2: the standard error is above the target after 1024 paths'* ]]
  sde-simulate run.json -n | grep -q '5 points of sigma, kappa'
}

@test "a sweep is drawn as a line and as a map" {
  sde-simulate ou.json -N 64 --steps 10 --sweep kappa=1:3:5 --plot line.svg >/dev/null
  sde-simulate ou.json -N 64 --steps 10 --sweep kappa=1:3:5 --sweep theta=0:1:4 --plot map.svg >/dev/null
  grep -q 'mean of x' line.svg
  grep -q 'theta' map.svg
  # Equal ratios are on a logarithmic axis: ticks at powers of ten.
  sde-simulate ou.json -N 64 --steps 10 --sweep kappa=0.01:10:4:log --sweep theta=0:1:4 --plot log.svg >/dev/null
  for tick in 0.01 0.1 1 10; do grep -q "> $tick<" log.svg; done
  # Twenty cells, each of its colour.
  [ "$(grep -c "<polygon fill = 'rgb" map.svg)" -ge 20 ]
}

@test "numbers of the solver are swept as parameters are" {
  sde-simulate ou.json -N 500 --seed 3 --brownian tree --sweep solver.dt=0.1,0.05 --sweep sigma=0.2,0.4 --json >sweep.json
  sde-simulate ou.json -N 500 --seed 3 --brownian tree --dt 0.05 --param sigma=0.4 --json >one.json
  sde-simulate ou.json -N 500 --seed 3 --sweep solver.steps=10:40:3:log -o steps.csv -q
  sde-simulate ou.json -N 500 --seed 3 --steps 40 --json >steps.json
  sde-simulate ou.json -N 500 --seed 3 --sweep solver.adaptive.rtol=0.1,0.001 -o rtol.h5 -q
  python '
import csv, json, h5py
sweep, one = json.load(open("sweep.json")), json.load(open("one.json"))
points = sweep["sweep"]["points"]
assert sweep["sweep"]["grid"] == {"solver.dt": [0.1, 0.05], "sigma": [0.2, 0.4]} and "steps" not in sweep
assert [p["path_steps"] for p in points] == [5000, 5000, 10000, 10000]
assert points[3]["final"] == one["final"]
rows = list(csv.DictReader(open("steps.csv")))
assert [r["solver.steps"] for r in rows] == ["10", "20", "40"]
assert float(rows[2]["x_mean"]) == json.load(open("steps.json"))["final"]["x"]["mean"]
assert h5py.File("rtol.h5")["sweep/grid/solver.adaptive.rtol"][()].tolist() == [0.1, 0.001]
'
  fails_with 2 sde-simulate ou.json --sweep solver.dtt=1,2
  assert_output --partial 'there is no such number of the solver; did you mean "solver.dt"?'
  fails_with 2 sde-simulate ou.json --sweep solver.steps=1.5,2
  assert_output --partial 'must be whole numbers from 1 on (got 1.5)'
  fails_with 2 sde-simulate ou.json --sweep solver.dt=0.1,0
  assert_output --partial 'must be > 0 (got 0)'
  fails_with 2 sde-simulate ou.json --sweep solver.dt=0.1,0.2 --sweep solver.steps=1,2
  assert_output --partial 'takes only one of solver.dt and solver.steps'
}

# run_of OPTIONS: six points, of which two miss their target.
run_of() {
  sde-simulate ou.json -N 256 --steps 40 --seed 3 --sweep kappa=1:3:3 --sweep sigma=0.2,0.4 --expect 'x*x' --expect 'max_path(x)' \
    --event up=x-0.8 --target-stderr 0.0155 --max-paths 512 "$@"
}

@test "points in shards merge to the bits of one sweep" {
  for form in h5 csv json; do run -1 run_of -o whole.$form -q; done
  for i in 0 1 2 3; do run_of --shard $i/4 -o part$i.h5 -q -j 1 2>/dev/null || true; done
  run -1 sde-simulate --merge part2.h5 part0.h5 part3.h5 part1.h5 -o merged.h5
  assert_regex "$output" 'at kappa = 1, sigma = 0.4: the standard error is above the target after 512 paths'
  same_data whole.h5 merged.h5
  for form in csv json; do run -1 sde-simulate --merge part?.h5 -o merged.$form --plot map.$form.svg -q; done
  cmp whole.csv merged.csv
  grep -q sigma map.csv.svg
  strip='del(.seconds, .threads, .method_reason)'
  assert_equal "$(jq "$strip" whole.json)" "$(jq "$strip" merged.json)"
  json '.shard == {index: 1, count: 4, first: 1, total: 6} and (.sweep.points | length == 2)' \
    <(run_of --shard 1/4 --json 2>/dev/null)
  for file in part0.h5 merged.h5; do sde-bench check $file; done
  fails_with 65 sde-simulate --merge part0.h5 part1.h5 part3.h5 -o again.h5
  assert_output --partial 'shard 2 of 4 is missing'
  run_of --seed 4 --shard 2/4 -o other.h5 -q 2>/dev/null || true
  fails_with 65 sde-simulate --merge part0.h5 part1.h5 other.h5 part3.h5 -o again.h5
  assert_output --partial 'other.h5: does not belong with part0.h5: /seed is 3 there and 4 here'
  # Starts from a file, which is one input for any number of points.
  printf 'x\n0.5\n1.5\n' >x0.csv
  for i in 0 1; do sde-simulate ou.json -N 64 --sweep kappa=1,2,3 --set 'sde.initial.x={"data":"x0.csv"}' --shard $i/2 -o from$i.h5 -q; done
  sde-simulate --merge from1.h5 from0.h5 -o from.csv -q
  sde-simulate ou.json -N 64 --sweep kappa=1,2,3 --set 'sde.initial.x={"data":"x0.csv"}' -o all.csv -q
  cmp all.csv from.csv
  # More shards than points: some have none.
  for i in 0 1 2; do sde-simulate ou.json -N 64 --steps 5 --sweep solver.dt=0.1,0.05 --shard $i/3 -o few$i.h5 -q; done
  sde-simulate --merge few?.h5 -o few.csv -q
  sde-simulate ou.json -N 64 --steps 5 --sweep solver.dt=0.1,0.05 -o all.csv -q -f
  cmp all.csv few.csv
}

@test "a sweep that is killed goes on from its last checkpoint" {
  long="sde-simulate ou.json -N 64000 --steps 200 --seed 3 --sweep kappa=1:3:30 --expect x -q"
  $long -o whole.csv
  $long -o killed.csv --checkpoint-every 0.05 &
  for _ in $(seq 200); do
    [ ! -e killed.csv.checkpoint ] || break
    sleep 0.01
  done
  kill -KILL $!
  wait $! || true
  assert [ ! -e killed.csv ]
  fails_with 2 $long -o killed.csv --resume --seed 4
  assert_output --partial '/seed is 3 there and 4 here'
  $long -o killed.csv --resume
  cmp whole.csv killed.csv
  assert_equal "$(echo killed.csv.*)" 'killed.csv.*'
  # A signal leaves one without being asked to.
  $long -o stopped.csv &
  sleep 0.15
  kill -TERM $!
  status=0
  wait $! || status=$?
  assert_equal $status 75
  $long -o stopped.csv --resume
  cmp whole.csv stopped.csv
}

@test "a sweep says where its steps are unstable, and what it does not keep" {
  run --separate-stderr -0 sde-simulate ou.json -N 64 --dt 0.1 --sweep kappa=1,50,100
  assert_equal "${#stderr_lines[@]}" 1
  assert_regex "$stderr" 'at kappa = 50: dt = 0.1 is above the stability limit 0.04 .*; and so at 1 more points'
  fails_with 2 sde-simulate ou.json --sweep kappa=1,2 --stats quantiles
  assert_output --partial '--stats: of a sweep the end alone is kept'
}

@test "sweeps refuse what is no grid" {
  fails_with 2 sde-simulate ou.json --sweep kapa=1:3:5
  assert_output --partial 'there is no such parameter; did you mean "kappa"?'
  fails_with 2 sde-simulate ou.json --sweep kappa=1:3
  assert_output --partial 'expected FROM:TO:COUNT'
  fails_with 2 sde-simulate ou.json --sweep kappa=1:3:2.5
  assert_output --partial 'the count must be a whole number from 2 on (got 2.5)'
  fails_with 2 sde-simulate ou.json --sweep kappa=-1:3:3:log
  assert_output --partial 'a logarithmic range needs ends above 0 (got -1 and 3)'
  fails_with 2 sde-simulate ou.json --sweep kappa=1:2:1000 --sweep sigma=1:2:1000 --sweep theta=1:2:2
  assert_output --partial 'points are too many for one run'
  fails_with 2 sde-simulate ou.json --sweep kappa=1,2 --shard 0/2 -o a.csv
  assert_output --partial 'a shard is HDF5'
  fails_with 2 sde-simulate ou.json --sweep kappa=1,2 --path-id 3
  fails_with 2 sde-simulate ou.json --sweep kappa=1,2 --expect x --target-stderr 0.1 --mlmc
  fails_with 2 sde-simulate ou.json --sweep kappa=1,2 --sweep sigma=1,2 --sweep theta=0,1 --plot a.svg
  assert_output --partial 'draws one swept parameter as a line and two as a map (got 3)'
  [ ! -e a.h5 ]
}

@test "Feller's condition and the bias of a boundary rule are reported" {
  cat >cir.json <<'EOF'
{ "name": "cir", "parameters": {"k": 1.0, "m": 0.1, "s": 0.8}, "state": ["x"], "drift": {"x": "k*(m - x)"},
  "diffusion": {"x": "s*sqrt(x)"}, "initial": {"x": 0.1}, "domain": {"x": {"min": 0, "boundary": "full-truncation"}} }
EOF
  run -0 sde-simulate cir.json -n
  assert_line --partial 'x: twice the drift at 0, 0.2, is below the variance rate a unit, 0.64: 0 is reached'
  for rule in full-truncation reflect absorb; do
    sde-simulate cir.json -N 20000 --dt 0.05 --method euler-maruyama --seed 1 --set "sde.domain.x.boundary=$rule" \
      --json >$rule.json
  done
  run -0 sde-simulate cir.json -N 2000 --dt 0.05 --method euler-maruyama --seed 1
  assert_line --partial 'the bias of full-truncation at the boundary 0 of x: mean'
  assert_line --partial "x reaches 0: Feller's condition fails"
  python '
import json, math
bias = {}
for rule in ("full-truncation", "reflect", "absorb"):
    r = json.load(open(rule + ".json"))
    f = r["feller"]["x"]
    assert abs(f["twice_drift"] - 0.2) < 1e-14 and abs(f["variance_rate"] - 0.64) < 1e-14 and not f["holds"]
    x = r["final"]["x"]
    assert abs(x["exact"]["mean"] - 0.1) < 1e-12
    assert abs(x["exact"]["mean_bias"] - (x["mean"] - 0.1)) < 1e-15
    bias[rule] = (x["exact"]["mean_bias"], x["stderr"])
# Reflection pushes up, absorption takes away, truncation is the least wrong.
assert bias["reflect"][0] > 8 * bias["reflect"][1], bias
assert bias["absorb"][0] < -8 * bias["absorb"][1], bias
assert abs(bias["full-truncation"][0]) < min(abs(bias["reflect"][0]), abs(bias["absorb"][0])), bias
'
  run -0 sde-simulate cir.json --param s=0.3 -N 640 --steps 10
  refute_line --partial 'Feller'
}

# What an SDE document may hold beside expressions of constants: correlated noises, inputs from files, parameters
# that every path draws.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
}

write_pair() {
  cat >pair.json <<'EOF'
{ "name": "pair", "parameters": {"rho": 0.6}, "state": ["x", "y"], "drift": {"x": "-x"},
  "diffusion": {"x": "1", "y": "2"}, "correlation": {"x": {"y": "rho"}} }
EOF
}

write_driven() {
  printf 'time,u\n0,0\n1,2\n3,2\n4,0\n' >u.csv
  cat >driven.json <<'EOF'
{ "name": "driven", "parameters": {"k": 1.5, "s": 0.2}, "inputs": {"u": {"data": "u.csv"}}, "state": ["x"],
  "drift": {"x": "k*(u - x)"}, "diffusion": {"x": "s"}, "initial": {"x": 0.5}, "time": {"end": 4} }
EOF
}

write_drawn() {
  cat >drawn.json <<'EOF'
{ "name": "drawn", "parameters": {"k": {"uniform": [1, 3]}, "s": 0.2}, "state": ["x"],
  "drift": {"x": "-k*x"}, "diffusion": {"x": "s"}, "initial": {"x": 1} }
EOF
}

@test "correlated noises are independent ones after Cholesky's factor" {
  write_pair
  run sde-simulate pair.json --print-sde ito
  assert_success
  assert_line 'dy = (0) dt + (2*rho) dW_x + (2*sqrt(1 - rho^2)) dW_y'
  sde-simulate pair.json -N 2000 --seed 4 --json --expect 'x*y' >a.json
  # The matrix written out is the same document.
  sde-simulate pair.json -N 2000 --seed 4 --json --expect 'x*y' --set 'sde.correlation=[[1,"rho"],["rho",1]]' >b.json
  python '
import json, math
a, b = json.load(open("a.json")), json.load(open("b.json"))
e = a["expect"]["x*y"]
# d E[xy] = -E[xy] dt + 2 rho dt
assert abs(e["value"] - 1.2 * (1 - math.exp(-1))) < 4 * e["stderr"] + 0.002, e
assert a["expect"] == b["expect"]
'
}

@test "a correlation that is none is refused by name" {
  write_pair
  fails_with 2 sde-simulate pair.json --param rho=1
  assert_output --partial 'at /correlation: the matrix is singular: each of x, y is a combination of the others'
  fails_with 2 sde-simulate pair.json --param rho=-1.5
  assert_output --partial 'at /correlation/x/y: a correlation is between -1 and 1 (got rho = -1.5)'
  fails_with 2 sde-simulate pair.json --set sde.correlation.y.x=0.3
  assert_output --partial 'the matrix is not symmetric: x with y is rho, and y with x is 0.3'
}

@test "a fit moves the correlation" {
  write_pair
  sde-simulate pair.json -N 1 --end 400 --dt 0.1 --save 4001 --seed 2 --format csv -o pair.csv
  sde-fit pair.json pair.csv --density euler --set sde.parameters.rho=0 --json >fit.json 2>warnings
  python '
import json
fit = json.load(open("fit.json"))
e = fit["estimates"]["rho"]
assert abs(e["value"] - 0.6) < 4 * e["se"], e
assert abs(e["se"] - (1 - 0.36) / 4000**0.5) < 0.3 * e["se"], e
assert fit["sde"]["correlation"] == {"x": {"y": "rho"}}
'
}

@test "inputs from a file drive a model, its fit and its likelihood" {
  write_driven
  sde-simulate driven.json --set 'sde.diffusion={}' --rtol 1e-11 --atol 1e-12 -N 1 --json >ode.json
  python '
import json, math
# x = u - lag of a ramp, piece by piece.
k, x = 1.5, 0.5
for slope, u0, length in ((2, 0, 1), (0, 2, 2), (-2, 2, 1)):
    e = math.exp(-k * length)
    x = u0 + slope * length - slope / k + (x - u0 + slope / k) * e
got = json.load(open("ode.json"))["final"]["x"]["mean"]
assert abs(got - x) < 1e-8, (got, x)
'
  sde-simulate driven.json -N 200 --dt 0.01 --save 41 --seed 5 -o paths.h5
  python '
import h5py
assert b"u.csv" in [row[0] for row in h5py.File("paths.h5")["provenance/inputs"][()]]
'
  sde-fit driven.json paths.h5 --json >fit.json
  python '
import json
fit = json.load(open("fit.json"))
k, s = fit["estimates"]["k"], fit["estimates"]["s"]
assert abs(k["value"] - 1.5) < 4 * k["se"] + 0.12, k   # the input moves within the steps of 0.1
assert abs(s["value"] - 0.2) < 0.02, s
'
  sde-likelihood driven.json paths.h5 --json >loglik.json
  # The input is read beside the document, wherever the program stands, and by the fit that came of it.
  mkdir -p elsewhere && cd elsewhere
  sde-simulate ../driven.json -N 64 >/dev/null
  sde-fit ../driven.json ../paths.h5 -o fit.json 2>/dev/null
  sde-simulate fit.json -N 64 >/dev/null
}

@test "an input holds its values, and times without any are refused" {
  write_driven
  sde-simulate driven.json -N 64 --json --expect u --set sde.inputs.u.interpolation=previous --end 3.5 >previous.json
  python 'import json; assert json.load(open("previous.json"))["expect"]["u"]["value"] == 2'
  fails_with 2 sde-simulate driven.json --end 5
  assert_output --partial 'at /inputs/u: the data of u.csv go from 0 to 4, and the times asked for from 0 to 5'
  sde-simulate driven.json -N 64 --end 5 --set sde.inputs.u.outside=hold >/dev/null
  printf 'time,x\n3,1\n4,1.5\n6,1\n7,1\n8,1.1\n' >late.csv
  fails_with 2 sde-fit driven.json late.csv
  assert_output --partial 'the times asked for from 3 to 8'
  fails_with 65 sde-simulate driven.json --set sde.inputs.u.column=v
  assert_output --partial 'there is no column "v"'
  fails_with 66 sde-simulate driven.json --set sde.inputs.u.data=none.csv
  printf 'time,u\n0,0\n1,\n4,0\n' >gap.csv
  fails_with 65 sde-simulate driven.json --set sde.inputs.u.data=gap.csv
  assert_output --partial 'u of gap.csv has no value at time 1'
}

@test "a parameter drawn for each path is no state, unless asked for" {
  write_drawn
  sde-simulate drawn.json -N 5000 --dt 0.01 --seed 7 --save 2 -o hidden.h5 --expect k
  sde-simulate drawn.json -N 5000 --dt 0.01 --seed 7 --save 2 -o shown.h5 --keep-parameters
  sde-simulate drawn.json -N 5000 --dt 0.01 --seed 7 --save 2 -o one.h5 --path-id 4321 --keep-parameters
  python '
import h5py, numpy as np
hidden, shown, one = (h5py.File(n) for n in ("hidden.h5", "shown.h5", "one.h5"))
x, both = hidden["trajectories/value"][()], shown["trajectories/value"][()]
assert list(hidden.attrs["columns"]) == ["x"] and list(shown.attrs["columns"]) == ["x", "k"]
assert (x[:, :, 0] == both[:, :, 0]).all()
k = both[:, 0, 1]
assert (k == both[:, 1, 1]).all() and k.min() > 1 and k.max() < 3 and len(set(k)) == 5000
assert abs(k.mean() - 2) < 4 * (1 / 3 / 5000) ** 0.5
assert np.isclose(hidden["expect/value"][0], k.mean(), rtol=1e-12)
assert (one["trajectories/value"][0] == both[4321]).all()
'
  sde-simulate drawn.json -N 5000 --dt 0.01 --seed 7 --save 2 --shard 0/2 -o a.h5
  sde-simulate drawn.json -N 5000 --dt 0.01 --seed 7 --save 2 --shard 1/2 -o b.h5
  sde-simulate --merge a.h5 b.h5 -o merged.h5
  run -0 sde-simulate drawn.json --print-sde ito
  assert_line 'k ~ uniform(1, 3), once a path'
  refute_line --partial 'dk ='
  python '
import h5py
a, b = h5py.File("merged.h5"), h5py.File("hidden.h5")
assert (a["trajectories/value"][()] == b["trajectories/value"][()]).all()
assert (a["statistics/mean"][()] == b["statistics/mean"][()]).all()
'
}

@test "estimates and exact laws take no parameter that is drawn" {
  write_drawn
  sde-simulate drawn.json --param k=2 -N 20 --save 50 -o data.h5
  fails_with 2 sde-fit drawn.json data.h5
  assert_output --partial 'at /parameters/k: is uniform, drawn anew for each path'
  sde-fit drawn.json data.h5 --fix k=2 --json >fit.json
  python '
import json
fit = json.load(open("fit.json"))
assert fit["sde"]["parameters"]["k"] == 2 and "k" not in fit["estimates"] or fit["estimates"]["k"].get("fixed"), fit
'
  fails_with 2 sde-likelihood drawn.json data.h5
  assert_output --partial '/parameters/k: is uniform'
  fails_with 2 sde-simulate drawn.json --method exact
  assert_output --partial 'each path has its own k'
  fails_with 2 sde-simulate drawn.json --set 'sde.parameters.k={"uniform":[3,1]}'
  assert_output --partial 'the upper end must not be below the lower (got 3 and 1)'
  fails_with 2 sde-simulate drawn.json --set 'sde.parameters.k={"normal":[3,-1]}'
  assert_output --partial 'the standard deviation must be >= 0 (got -1)'
}

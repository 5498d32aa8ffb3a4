# Expectations of functionals of the path.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  write_ou
}

@test "integrals over the path have the moments of their law" {
  # Of Brownian motion from 0: E int W = 0, E (int W)^2 = T^3/3, E int W^2 = T^2/2.
  echo '{"state": ["w"], "drift": {}, "diffusion": {"w": "1"}, "time": {"end": 2}}' >w.json
  sde-simulate w.json -N 20000 --dt 0.01 --seed 3 --json --expect 'integral(w)^2' --expect 'integral(w^2)' \
    --expect 'average(w*w) + 0*t' --expect 'exp(-integral(0.5))*average(1)' >w.out
  python '
import json, math
r = json.load(open("w.out"))
e = r["expect"]
for text, value in (("integral(w)^2", 8 / 3), ("integral(w^2)", 2), ("average(w*w) + 0*t", 1)):
    # The left-hand rule is off by about dt.
    assert abs(e[text]["value"] - value) < 4 * e[text]["stderr"] + 0.02 * value, (text, e[text])
assert abs(e["exp(-integral(0.5))*average(1)"]["value"] - math.exp(-1)) < 1e-12
assert e["exp(-integral(0.5))*average(1)"]["stderr"] < 1e-12
# They are no states, and the law is still known.
assert list(r["final"]) == ["w"] and r["final"]["w"]["exact"]["variance"] == 2
'
}

@test "an Asian option on the geometric average has its closed price" {
  # log of the average: normal with mean log s + (mu - sigma^2/2) T/2 and variance sigma^2 T/3 (Kemna and Vorst 1990).
  cat >gbm.json <<'EOF'
{ "parameters": {"mu": 0.05, "sigma": 0.2}, "state": ["s"], "drift": {"s": "mu*s"}, "diffusion": {"s": "sigma*s"},
  "initial": {"s": 100} }
EOF
  sde-simulate gbm.json -N 40000 --steps 200 --seed 5 --json --expect 'exp(-mu)*max(exp(average(log(s))) - 100, 0)' >asian.out
  python '
import json, math
from statistics import NormalDist
m, v = math.log(100) + (0.05 - 0.02) / 2, 0.04 / 3
N = NormalDist().cdf
d = (m + v - math.log(100)) / math.sqrt(v)
price = math.exp(-0.05) * (math.exp(m + v / 2) * N(d) - 100 * N(d - math.sqrt(v)))
(e,) = json.load(open("asian.out"))["expect"].values()
assert abs(e["value"] - price) < 4 * e["stderr"] + 0.01, (e, price)
'
}

@test "integrals go through sweeps, shards and files" {
  sde-simulate ou.json -N 640 --dt 0.01 --save 3 --seed 3 --expect 'integral(x)' -o whole.h5 --json >whole.json 2>/dev/null
  for i in 0 1; do
    sde-simulate ou.json -N 640 --dt 0.01 --save 3 --seed 3 --expect 'integral(x)' --shard $i/2 -o part$i.h5 2>/dev/null
  done
  sde-simulate --merge part0.h5 part1.h5 -o merged.h5 2>/dev/null
  same_data whole.h5 merged.h5
  sde-simulate ou.json -N 640 --dt 0.01 --seed 3 --sweep kappa=1,2 --expect 'integral(x)' --json >sweep.json
  python '
import json, h5py
f = h5py.File("whole.h5")
assert list(f.attrs["columns"]) == ["x"] and f["trajectories/value"].shape == (640, 3, 1)
points = json.load(open("sweep.json"))["sweep"]["points"]
assert abs(points[1]["expect"]["integral(x)"]["value"] - f["expect/value"][0]) < 1e-13
'
}

@test "functionals that are none are refused where they stand" {
  fails_with 2 sde-simulate ou.json --expect 'x + integral(x'
  assert_output --partial '/0: column 5: "integral(" is never closed'
  fails_with 2 sde-simulate ou.json --expect 'integral(average(x))'
  assert_output --partial 'in another one is not supported'
  fails_with 2 sde-simulate ou.json --expect 'average(xx)'
  assert_output --partial 'in average(xx): column 1: unknown name "xx"'
  fails_with 2 sde-simulate ou.json --expect 'integral(x) + y'
  assert_output --partial 'column 15: unknown name "y"'
  fails_with 2 sde-simulate @gbm --expect 'integral(x)' --transform lamperti
  assert_output --partial 'integrals over the path are not carried over'
}

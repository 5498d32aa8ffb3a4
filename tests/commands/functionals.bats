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

@test "extremes of the path have the laws of the running extremes, whatever the step" {
  # Of Brownian motion the greatest value has the law of |W(T)|, E = sqrt(2 T / pi); the least is its mirror image.
  echo '{"state": ["w"], "drift": {}, "diffusion": {"w": "1"}, "time": {"end": 2}}' >w.json
  sde-simulate w.json -N 40000 --steps 4 --seed 3 --json --expect 'max_path(w)' --expect 'min_path(w)' \
    --expect 'max_path(w)^2' --expect 'if(max_path(w) > 1.5, 1, 0)' --expect 'max_path(t)' --expect 'max_path(3 - t)' >w.out
  # A lookback put on the maximum of a geometric motion (Goldman, Sosin and Gatto 1979), by steps of its logarithm.
  echo '{"parameters": {"r": 0.05, "s": 0.2}, "state": ["x"], "drift": {"x": "r - s^2/2"}, "diffusion": {"x": "s"}}' >x.json
  sde-simulate x.json -N 40000 --steps 8 --seed 4 --json --expect 'exp(-r)*100*(exp(max_path(x)) - exp(x))' >x.out
  python '
import json, math
from statistics import NormalDist
N = NormalDist().cdf
e = json.load(open("w.out"))["expect"]
m = math.sqrt(4 / math.pi)
for text, value in (("max_path(w)", m), ("min_path(w)", -m), ("max_path(w)^2", 2),
                    ("if(max_path(w) > 1.5, 1, 0)", 2 * (1 - N(1.5 / math.sqrt(2))))):
    assert abs(e[text]["value"] - value) < 4 * e[text]["stderr"], (text, e[text], value)
assert e["max_path(t)"]["value"] == 2 and e["max_path(3 - t)"]["value"] == 3
r, s = 0.05, 0.2
mu = r - s * s / 2
# P(max > m) of motion with drift; E exp(max) = 1 + int exp(m) P(max > m) dm.
tail = lambda m: 1 - N((m - mu) / s) + math.exp(2 * mu * m / s**2) * N((-m - mu) / s)
h = 1e-4
price = 100 * math.exp(-r) * (1 + h * sum(math.exp((i + 0.5) * h) * tail((i + 0.5) * h) for i in range(20000)) - math.exp(r))
(x,) = json.load(open("x.out"))["expect"].values()
assert abs(x["value"] - price) < 4 * x["stderr"], (x, price)
'
}

@test "extremes keep to where paths are" {
  # Not beyond a bound that holds the state; at least the level at which an event stops the path, which takes no
  # bridge in that step.
  sde-simulate @brownian -N 2000 --steps 20 --set 'sde.domain={"x":{"min":-0.2,"boundary":"reflect"}}' \
    --event 'top={"of":"x","level":1,"stop":true}' --json --expect 'if(min_path(x) < -0.2, 1, 0)' --expect 'if(min_path(x) == -0.2, 1, 0)' \
    --expect 'if(max_path(x) >= 1, 1, 0)' --expect 'if(max_path(x) == 1, 1, 0)' >bound.out
  python '
import json
r = json.load(open("bound.out"))
below, at, reached, level = (e["value"] for e in r["expect"].values())
assert below == 0 and 0.3 < at < 0.9, (below, at)
assert reached >= r["events"]["top"]["fraction"] and level > 0.5 * reached, (reached, level, r["events"])
'
  # With the bits of one run in parts.
  sde-simulate ou.json -N 640 --dt 0.01 --save 3 --seed 3 --expect 'max_path(x)*min_path(x)' -o whole.h5 -q
  for i in 0 1; do
    sde-simulate ou.json -N 640 --dt 0.01 --save 3 --seed 3 --expect 'max_path(x)*min_path(x)' --shard $i/2 -j 1 -o part$i.h5 -q
  done
  sde-simulate --merge part0.h5 part1.h5 -o merged.h5 -q
  same_data whole.h5 merged.h5
  # An exact law takes steps on the way, an ODE those of one length.
  sde-simulate ou.json -N 5000 --method exact --expect 'max_path(x)' --json >exact.json
  sde-simulate ou.json -N 5000 --dt 0.001 --expect 'max_path(x)' --json >steps.json
  json '.steps == 1000' exact.json
  python '
import json
a, b = (json.load(open(n))["expect"]["max_path(x)"] for n in ("exact.json", "steps.json"))
assert abs(a["value"] - b["value"]) < 4 * (a["stderr"] ** 2 + b["stderr"] ** 2) ** 0.5, (a, b)
'
  echo '{"state": ["x", "v"], "drift": {"x": "v", "v": "-x"}, "initial": {"v": 1}, "time": {"end": 6}}' >ode.json
  sde-simulate ode.json -N 1 --expect 'max_path(x)' --json >ode.out
  python 'import json; assert abs(json.load(open("ode.out"))["expect"]["max_path(x)"]["value"] - 1) < 1e-4'
  fails_with 2 sde-simulate ou.json --rtol 1e-3 --expect 'max_path(x)'
  assert_output --partial 'adaptive steps pass over extremes of the path'
  fails_with 2 sde-simulate ou.json --antithetic --expect 'max_path(x)'
  assert_output --partial 'leave out antithetic'
  fails_with 2 sde-simulate ou.json --expect 'max_path(x)' --target-stderr 0.1 --mlmc --method milstein
  assert_output --partial 'does not follow extremes of the path'
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
  assert_output --partial 'functionals of the path are not carried over'
}

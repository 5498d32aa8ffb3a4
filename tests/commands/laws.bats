# What sde-simulate knows about an equation: its noise, its law, and what follows for the summary.
bats_require_minimum_version 1.5.0
load helpers
setup() {
  common_setup
  write_ou
  cat >langevin.json <<'JSON'
{ "name": "langevin", "parameters": {"k": 4.0, "g": 0.5, "s": 0.8}, "state": ["q", "p"], "noise": ["w"],
  "drift": {"q": "p", "p": "-k*q - g*p"}, "diffusion": {"p": {"w": "s"}}, "initial": {"q": 1, "p": 0},
  "time": {"end": 2} }
JSON
  cat >bridge.json <<'JSON'
{ "name": "bridge", "state": ["x"], "parameters": {"b": -1.0, "T": 2.0}, "drift": {"x": "(b - x)/(T - t)"},
  "diffusion": {"x": "0.5"}, "initial": {"x": 1}, "time": {"end": 2} }
JSON
}

@test "noise and law are in the plan, the summary and the file" {
  run -0 sde-simulate langevin.json -n
  assert_output --regexp 'noise *:? *additive'
  assert_output --regexp 'law *:? *Ornstein-Uhlenbeck in q, p'
  sde-simulate langevin.json -N 100 --json >run.json
  json '.noise == "additive" and .law == "Ornstein-Uhlenbeck in q, p"' run.json
  sde-simulate langevin.json -N 100 --save 3 -o run.h5
  python '
import h5py
with h5py.File("run.h5") as f:
    about = f["equation"].attrs
    text = lambda s: s.decode() if isinstance(s, bytes) else s
    assert text(about["noise"]) == "additive", about["noise"]
    assert text(about["law"]) == "Ornstein-Uhlenbeck in q, p", about["law"]
    assert text(about["calculus"]) == "ito"
    assert text(about["method"]) == "milstein"'
  run -0 sde-simulate @double-well -n
  assert_output --partial 'not known: the drift of "x" is not affine'
  run -0 sde-simulate @heston -n
  assert_output --partial 'general'
}

@test "a method's moments are compared with the exact ones" {
  sde-simulate langevin.json -N 4000 --steps 400 --json >run.json
  json '[.final[].exact] | all((.mean_z | fabs) < 4 and (.variance_z | fabs) < 4)' run.json
  # Steps of a fifth are told from the law, in the table too.
  sde-simulate langevin.json -N 4000 --steps 10 --method euler-maruyama --json >coarse.json
  json '[.final[].exact | .mean_z, .variance_z] | any(fabs > 4)' coarse.json
  run -0 sde-simulate langevin.json -N 4000 --steps 10 --method euler-maruyama
  assert_output --partial 'the law, Ornstein-Uhlenbeck in q, p, has'
  assert_output --partial 'a smaller dt reduces them'
  # The exact moments, by scipy.
  python '
import json, numpy as np
from scipy.linalg import expm
A = np.array([[0, 1, 0], [-4, -0.5, 0], [0, 0, 0]])
F = expm(A[:2, :2] * 2)
M = np.block([[-A[:2, :2], np.diag([0, 0.64])], [np.zeros((2, 2)), A[:2, :2].T]])
E = expm(M * 2)
P = E[2:, 2:].T @ E[:2, 2:]
got = json.load(open("run.json"))["final"]
for i, s in enumerate("qp"):
    assert abs(got[s]["exact"]["mean"] - F[i, 0]) < 1e-12
    assert abs(got[s]["exact"]["variance"] - P[i, i]) < 1e-12'
}

@test "exact draws, at save times and at the end of a bridge" {
  sde-simulate langevin.json --method exact -N 4000 --save '[0.1,0.5,2]' --json >run.json
  json '[.final[].exact] | all((.mean_z | fabs) < 4 and (.variance_z | fabs) < 4)' run.json
  sde-simulate bridge.json --method exact -N 50 --save 8 --format csv -o bridge.csv
  [ "$(awk -F, '$2 == 2 {print $3}' bridge.csv | sort -u)" = -1 ]
  fails_with 2 sde-simulate bridge.json --method exact --end 3
  assert_output --partial 'the bridge ends at 2'
  fails_with 2 sde-simulate @double-well --method exact
  assert_output --partial 'not affine'
}

@test "what the program draws has the laws, by scipy" {
  cat >matrix.json <<'JSON'
{ "name": "matrix", "state": ["x", "y"], "noise": ["u", "w"], "drift": {"x": "1 - x + y", "y": "-y"},
  "diffusion": {"x": {"u": "0.5", "w": "0.2"}, "y": {"w": "0.4"}}, "initial": {"x": 1, "y": -0.5}, "time": {"end": 1.2} }
JSON
  for model in matrix.json bridge.json @gbm @cir; do
    name=${model#@}
    sde-simulate $model --method exact -N 5000 --seed 9 --end 1.2 --save '[0.4,1.2]' --format csv -o "${name%.json}.csv"
  done
  python '
import numpy as np
from scipy import stats
from scipy.linalg import expm
def end(name):
    a = np.loadtxt(name + ".csv", delimiter=",", skiprows=1)
    return a[a[:, 1] == 1.2][:, 2:]
def check(values, law):
    p = stats.kstest(values, law.cdf).pvalue
    assert p > 1e-3, (law, p)
t = 1.2
A = np.array([[-1, 1], [0, -1.0]]); S = np.array([[0.5, 0.2], [0, 0.4]])
E = expm(np.block([[-A, S @ S.T], [np.zeros((2, 2)), A.T]]) * t)
P = E[2:, 2:].T @ E[:2, 2:]
m = expm(A * t) @ [1, -0.5] + np.linalg.solve(A, (expm(A * t) - np.eye(2)) @ [1, 0])
z = np.linalg.solve(np.linalg.cholesky(P), (end("matrix") - m).T)
for row in z: check(row, stats.norm())
check((z ** 2).sum(0), stats.chi2(2))
check(end("bridge")[:, 0], stats.norm(1 - 2 * t / 2, 0.5 * np.sqrt(t * (2 - t) / 2)))
check(np.log(end("gbm")[:, 0] / 100), stats.norm((0.05 - 0.02) * t, 0.2 * np.sqrt(t)))
k, theta, s, x0 = 3, 0.3, 0.2, 0.4
c = s * s * (1 - np.exp(-k * t)) / (4 * k)
check(end("cir")[:, 0] / c, stats.ncx2(4 * k * theta / s ** 2, x0 * np.exp(-k * t) / c))'
}

@test "antithetic and Sobol increments reduce the error, which is said honestly" {
  for how in "" --antithetic "--points sobol"; do
    sde-simulate @gbm -N 4096 --steps 16 --save 2 $how --json >"run${how// /}.json"
  done
  jq -e -s '[.[].final | to_entries[0].value.stderr] | .[1] < 0.5*.[0] and .[2] < 0.2*.[0]' \
    run.json run--antithetic.json run--pointssobol.json
  for file in run.json run--antithetic.json run--pointssobol.json; do
    json '[.final[].exact.mean_z] | all(fabs < 4.5)' $file
  done
  json '.increments == "sobol" and .randomisations == 32' run--pointssobol.json
  # The same bits on two threads.
  sde-simulate @gbm -N 4096 --steps 16 --save 2 --points sobol --json -j 2 | jq .final >two.json
  jq .final run--pointssobol.json | cmp - two.json
}

@test "combinations that make no sense are refused" {
  fails_with 2 sde-simulate @gbm --points sobol
  assert_output --partial '2048'
  fails_with 2 sde-simulate @gbm -N 4096 --steps 16 --save 2 --points sobol --antithetic
  assert_output --partial 'either antithetic or sobol'
  # The plan of a run refuses what the run does.
  fails_with 2 sde-simulate -n @gbm -N 4096 --steps 16 --save 2 --points sobol --antithetic
  assert_output --partial 'either antithetic or sobol'
  fails_with 2 sde-simulate -n @ou --method exact --precision f32
  assert_output --partial 'f32 is for explicit methods'
  fails_with 2 sde-simulate @gbm -N 4096 --steps 5000 --save 2 --points sobol
  assert_output --partial '3667'
  fails_with 2 sde-simulate @gbm -N 1000 --antithetic --precision f32
  assert_output --partial 'use f64'
  fails_with 2 sde-simulate @gbm -N 1001 --antithetic
  assert_output --partial 'even'
  fails_with 2 sde-simulate @cir -N 1000 --method exact --antithetic
  assert_output --partial 'numbers of its own'
}

@test "Levy areas by every law" {
  cat >general.json <<'JSON'
{ "state": ["x", "y"], "noise": ["u", "w"], "drift": {"x": "0", "y": "0"},
  "diffusion": {"x": {"u": "1"}, "y": {"w": "x"}}, "initial": {"x": 0, "y": 0} }
JSON
  # y is the iterated integral of u by w, of variance 1/2.
  for law in davie foster wiktorsson mrongowius; do
    sde-simulate general.json --method milstein --steps 1 -N 40000 --levy-area $law --expect 'y^2' --json >$law.json
    jq -e '.expect["y^2"] | ((.value - 0.5)/.stderr | fabs) < 4' $law.json
  done
  fails_with 2 sde-simulate general.json --levy-area wictorsson
  assert_output --partial 'wiktorsson'
}

@test "the Lamperti transform is printed, simulated and mapped back" {
  sde-simulate @cir --print-sde lamperti >y.json
  sde-simulate y.json -N 100 --json | jq -e '.noise == "additive"'
  sde-simulate @cir --transform lamperti -N 4000 --steps 200 --json >run.json
  json '.transform == "lamperti" and ([.final[].exact] | all((.mean_z | fabs) < 4 and (.variance_z | fabs) < 4))' run.json
  # The same Brownian path: close to Milstein at a small step, path by path.
  for how in "--method milstein" "--transform lamperti"; do
    sde-simulate @cir $how --steps 2000 -N 20 --save 2 --format csv -o "out${how// /}.csv"
  done
  python '
import numpy as np
a, b = (np.loadtxt(n, delimiter=",", skiprows=1) for n in ("out--methodmilstein.csv", "out--transformlamperti.csv"))
assert np.abs(a - b).max() < 2e-3, np.abs(a - b).max()'
  fails_with 2 sde-simulate @heston --transform lamperti
  assert_output --partial 'diagonal noise'
}

@test "work-precision sets errors against time" {
  sde-bench work-precision @linear --method milstein --method euler-maruyama --levels 8,16,32 -N 4096 --repeats 1 --json >work.json
  json '.suite == "work-precision" and (.runs | length) == 8' work.json
  json '[.runs[] | select(.unit == "error")] | all(.value > 0 and .stderr > 0 and .seconds_per_path > 0 and .weak_error >= 0)' work.json
  # Milstein's error at 32 steps is far below Euler's, and the ranking has both.
  json '[.runs[] | select(.steps == 32)] | (map(select(.name | startswith("milstein")))[0].value) <
    0.5*(map(select(.name | startswith("euler")))[0].value)' work.json
  json '[.runs[] | select(.unit == "s/path")] | length == 2 and all(.value > 0)' work.json
  run -0 sde-bench work-precision @linear --method milstein --levels 8,16,32 -N 4096 --repeats 1 --plot work.svg
  assert_output --partial 'exact solution'
  [ -s work.svg ]
  fails_with 2 sde-bench work-precision @heston --method sra1
  assert_output --partial 'general'
}

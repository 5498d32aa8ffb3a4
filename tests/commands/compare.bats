# sde-bench compare: measures of distance between samples.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
}

@test "measures on every row are those of numpy and scipy" {
  sde-sample @two-moons -N 400 -o a.h5
  sde-sample @two-gaussians -N 300 -o b.h5
  sde-bench compare a.h5 b.h5 --rows 0 --pair-rows 0 --bandwidth 0.8 --json >compare.json
  python '
import json, h5py, numpy as np
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
a, b = (h5py.File(f)["samples/x"][:] for f in ("a.h5", "b.h5"))
runs = {r["case"]: r for r in json.load(open("compare.json"))["runs"]}
assert all(r["rows_a"] == 400 and r["rows_b"] == 300 and r["stderr"] > 0 for r in runs.values())
ab, aa, bb = cdist(a, b), cdist(a, a), cdist(b, b)
off = lambda m, f: f(m)[~np.eye(len(m), dtype=bool)].mean()
k = lambda d: np.exp(-d**2 / 2 / 0.8**2)
near = lambda m: np.sort(m, 1)[:, 3]
A, B = np.cov(a.T), np.cov(b.T)
slices = []
for t in np.pi * np.arange(64) / 64:
    u = np.array([np.cos(t), np.sin(t)])
    p, q = np.sort(a @ u).repeat(3), np.sort(b @ u).repeat(4)  # 400 and 300 rows have 1200 in common
    slices.append(((p - q)**2).mean())
expected = {
    "sliced_wasserstein": np.sqrt(np.mean(slices)),
    "frechet": ((a.mean(0) - b.mean(0))**2).sum() + np.trace(A + B - 2 * sqrtm(A @ B).real),
    "energy": 2 * ab.mean() - off(aa, np.asarray) - off(bb, np.asarray),
    "mmd2": off(aa, k) + off(bb, k) - 2 * k(ab).mean(),
    "precision": (ab <= near(aa)[:, None]).any(0).mean(),
    "recall": (ab <= near(bb)[None, :]).any(1).mean(),
}
for name, value in expected.items():
    assert abs(runs[name]["value"] - value) < 1e-9, (name, runs[name]["value"], value)
assert runs["classifier"]["value"] > 0.8 and runs["classifier"]["p_value"] < 1e-9
'
  # The same bits for any number of threads.
  sde-bench compare a.h5 b.h5 --json -j 1 | jq 'del(.runs[].seconds, .threads)' >one.json
  sde-bench compare a.h5 b.h5 --json -j 2 | jq 'del(.runs[].seconds, .threads)' >two.json
  cmp one.json two.json
}

@test "columns are matched by name, and scales can be taken out" {
  printf 'x,y\n0,100\n1,300\n2,200\n0.5,150\n3,120\n' >a.csv
  printf 'y,x\n100,0\n300,1\n200,2\n150,0.5\n120,3\n' >b.csv
  sde-bench compare a.csv b.csv --bootstrap 0 --json >same.json
  json 'all(.runs[] | select(.case == "sliced_wasserstein" or .case == "frechet"); .value | fabs < 1e-6) and
    all(.runs[]; .stderr == null)' same.json
  printf 'x,y\n1,100\n2,300\n3,200\n1.5,150\n4,120\n' >c.csv
  # x is shifted by 1, its deviation is 1.07703...: SW_2^2 = 1 / 2 and 1 / (2 * 1.16).
  sde-bench compare a.csv c.csv --json >plain.json
  sde-bench compare a.csv c.csv --standardise --json >standard.json
  json '.runs[0].value - (0.5 | sqrt) | fabs < 1e-12' plain.json
  json '.runs[0].value - (0.5 / 1.16 | sqrt) | fabs < 1e-12' standard.json
}

@test "what cannot be compared is refused" {
  printf 'x,y\n0,1\n1,3\n2,2\n0,0\n' >a.csv
  printf 'x\n0\n1\n2\n3\n' >b.csv
  printf 'x,y\n0,1\n1,\n2,2\n0,0\n' >missing.csv
  printf 'x,y\n0,1\n1,1e200\n2,2\n0,0\n' >far.csv
  printf 'x,y\n0,1\n' >short.csv
  printf 'x,y\n1,1\n1,1\n1,1\n1,1\n' >equal.csv
  fails_with 65 sde-bench compare a.csv b.csv
  assert_output --partial 'b.csv: has 1 columns (x) and a.csv has 2 (x, y)'
  fails_with 65 sde-bench compare a.csv missing.csv
  assert_output --partial 'row 2'
  fails_with 65 sde-bench compare a.csv far.csv
  assert_output --partial 'row 2, column y: is too large'
  fails_with 65 sde-bench compare a.csv short.csv
  fails_with 65 sde-bench compare equal.csv equal.csv
  assert_output --partial '--bandwidth'
  fails_with 2 sde-bench compare a.csv
  fails_with 2 sde-bench compare a.csv a.csv --bootstrap 1
  fails_with 2 sde-bench compare a.csv a.csv --neighbours 0
  fails_with 66 sde-bench compare a.csv absent.csv
}

@test "both samples are drawn" {
  sde-sample @two-moons -N 200 -o a.h5
  sde-sample @two-gaussians -N 200 -o b.h5
  run -0 sde-bench compare a.h5 b.h5 --bootstrap 2 --plot both.png
  is_png both.png
}

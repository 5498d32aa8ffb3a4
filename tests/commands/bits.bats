# sde-likelihood: bits per dimension, estimated traces, data that are refused.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  cat >normal.json <<'END'
{ "process": {"type": "vp"}, "score": {"type": "gaussian", "mean": [5.5], "covariance": [[1.8]]} }
END
  printf 'k\n4\n5\n7\n6\n5\n3\n8\n' >counts.csv
}

@test "bits per dimension are those of the normal law's cells" {
  sde-likelihood normal.json counts.csv --bits-per-dim --draws 200 --json >bits.json
  python '
import json, numpy as np
from scipy.stats import norm
r = json.load(open("bits.json"))
k = np.array([4, 5, 7, 6, 5, 3, 8])
law = norm(5.5, 1.8**0.5)
truth = -np.log2(law.cdf(k + 1) - law.cdf(k)).mean()
u = (np.arange(10000) + 0.5) / 10000
bound = -law.logpdf(k[:, None] + u).mean() / np.log(2)
d = r["dequantisation"]
assert d["step"] == 1 and d["draws"] == 200 and d["levels"] == 6 and d["jacobian_bits"] == 0
assert abs(r["bits_per_dim"] - bound) < 0.02, (r["bits_per_dim"], bound)
assert abs(d["bits_per_dim_importance"] - truth) < 0.01, (d, truth)
assert abs(r["bits_per_dim"] + r["mean"] / np.log(2)) < 1e-12 and r["n"] == 7
'
  # In other units the bits are the same: the step's share is stated.
  awk 'NR > 1 {$1 /= 16} 1' counts.csv >small.csv
  sed 's/5.5/0.34375/; s/1.8/0.00703125/' normal.json >small.json
  sde-likelihood small.json small.csv --bits-per-dim --draws 200 --json >other.json
  json --slurpfile a bits.json '(.bits_per_dim - $a[0].bits_per_dim | fabs) < 2e-3 and .dequantisation.jacobian_bits == 4' other.json
  # One value a datum, the same for any number of threads.
  sde-likelihood normal.json counts.csv --bits-per-dim --draws 200 -j 1 -o one.h5
  sde-likelihood normal.json counts.csv --bits-per-dim --draws 200 -j 2 -o two.h5
  same_data one.h5 two.h5
  run -0 python 'import h5py; print(h5py.File("one.h5")["loglik/value"].shape)'
  assert_output '(7,)'
}

@test "bits per dimension of continuous data are refused" {
  printf 'k\n4.1\n5.33\n7.9\n6.25\n' >continuous.csv
  fails_with 65 sde-likelihood normal.json continuous.csv --bits-per-dim
  assert_output --partial 'continuous.csv: is continuous'
  fails_with 65 sde-likelihood normal.json counts.csv --bits-per-dim --quantisation 0.75
  assert_output --partial 'whole steps of 0.75'
  fails_with 2 sde-likelihood normal.json counts.csv --draws 4
  assert_output --partial '--bits-per-dim'
  fails_with 2 sde-likelihood normal.json counts.csv --bits-per-dim --draws 0
  run -0 sde-likelihood normal.json continuous.csv --json
  assert_output --partial '"bits_per_dim": null'
  fails_with 2 sde-likelihood @ou counts.csv --bits-per-dim
}

@test "data of another dimension, and data out of range, are refused" {
  fails_with 65 sde-likelihood @two-moons counts.csv
  assert_output --partial 'has 1 columns'
  printf 'k\n4\n1e300\n' >far.csv
  fails_with 65 sde-likelihood normal.json far.csv
  assert_output --partial 'far.csv: row 2, column 1: is too far'
}

@test "estimated traces agree with the exact one within the error that they state" {
  sde-sample @two-moons -N 200 -o moons.h5
  sde-likelihood @two-moons moons.h5 -o exact.h5 --check 0
  for divergence in hutchinson hutch++; do
    sde-likelihood @two-moons moons.h5 --divergence $divergence --probes 4 --check 0 -o $divergence.h5
    python '
import sys, h5py, numpy as np
a, b = (h5py.File(f)["loglik"] for f in ("exact.h5", sys.argv[1]))
e, se = b["value"][:] - a["value"][:], b["stderr"][:]
assert abs(e.mean()) < 4 * np.sqrt((e**2).mean() / 200) + 1e-3, e.mean()
if sys.argv[1] == "hutch++.h5":
    assert abs(e).max() < 5e-3 and se.max() < 1e-4  # its basis is all of two dimensions
else:
    assert 0.3 < np.sqrt((se**2).mean() / (e**2).mean()) < 2
' $divergence.h5
  done
}

@test "the variational bound is that of its closed form, and bits are of dequantised data" {
  cat >chain.json <<'END'
{ "process": {"type": "ddpm", "levels": 200},
  "score": {"type": "gaussian", "mean": [1, -2], "covariance": [[0.5, 0], [0, 0.5]]} }
END
  sde-sample chain.json --sampler exact -N 300 -o data.h5
  sde-likelihood chain.json data.h5 --method elbo --trajectories 40 --step-variance posterior --json -o elbo.h5 >elbo.json
  sde-likelihood chain.json data.h5 --json >flow.json
  python '
import json, h5py, numpy as np
r, flow = json.load(open("elbo.json")), json.load(open("flow.json"))
b = r["bound"]
raw = h5py.File("data.h5")["samples/x"][:]
x = raw - [1, -2]
n, N, V = len(x), 200, 0.5
beta = np.linspace(0.1 / N, 20 / N, N)
keep = np.concatenate([[1], np.cumprod(1 - beta)])   # squared signal of the levels
terms = []
for i in range(N + 1):
    if i == N:   # divergence between the last level and the prior
        v = 1 - keep[N]
        terms.append((0.5 * (v - 1 - np.log(v)) * 2 + 0.5 * keep[N] * (raw**2).sum(1)).mean())
        continue
    ks, kt = keep[i], keep[i + 1]
    gain = np.sqrt(kt) * V / (kt * V + 1 - kt)
    miss = ((1 - gain * np.sqrt(kt))**2 * x**2 + gain**2 * (1 - kt)).sum(1)
    if i == 0:
        terms.append((np.log(2 * np.pi * beta[0]) + miss * 0.5 / beta[0]).mean())
    else:   # half the fall of the signal-to-noise ratio times the squared miss
        terms.append((0.5 * (ks / (1 - ks) - kt / (1 - kt)) * miss).mean())
t, e = np.array(b["terms"]), np.array(b["terms_stderr"])
z = (t - terms)[:N] / e[:N]
assert abs(z).max() < 4.5 and 0.4 < z.std() < 1.7, (abs(z).max(), z.std())
assert abs(t[N] - terms[N]) < 1e-12 and e[N] == 0, (t[N], terms[N], e[N])
assert abs(-t.sum() - r["mean"]) < 1e-9 and b["L_0"] == t[0] and b["L_T"] == t[N]
assert abs(b["L_between"] - t[1:N].sum()) < 1e-9
assert r["mean"] < b["importance_weighted"] < flow["mean"], (r["mean"], b["importance_weighted"], flow["mean"])
f = h5py.File("elbo.h5")
assert np.allclose(f["bound/term"][:], t) and len(f["loglik/importance_weighted"]) == n
assert abs(f["loglik/value"][:].mean() - r["mean"]) < 1e-9 and (f["loglik/stderr"][:] > 0).all()
assert (f["loglik/nfe"][:] == 200 * 40).all() and r["nfe_mean"] == 8000
'
  sde-likelihood normal.json counts.csv --bits-per-dim --draws 50 --method elbo --steps 400 --json >bits.json
  sde-likelihood normal.json counts.csv --bits-per-dim --draws 50 --json >plain.json
  python '
import json
b, f = json.load(open("bits.json")), json.load(open("plain.json"))
assert b["dequantisation"] == {**f["dequantisation"], "bits_per_dim_importance": b["dequantisation"]["bits_per_dim_importance"]}
assert f["bits_per_dim"] - 0.1 < b["bits_per_dim"] < f["bits_per_dim"] + 0.3, (b["bits_per_dim"], f["bits_per_dim"])
assert abs(b["bound"]["bits_per_dim_importance_weighted"] - f["bits_per_dim"]) < 0.05
'
  run -0 sde-likelihood chain.json data.h5 --method elbo --trajectories 2
  assert_output --partial 'error of a value by its trajectories'
  assert_output --partial 'a lower bound: -(L_T + ... + L_0)'
  fails_with 2 sde-likelihood normal.json counts.csv --method elbo --rtol 1e-3
  assert_output --partial "is for --method flow"
  fails_with 2 sde-likelihood normal.json counts.csv --trajectories 3
  assert_output --partial "is for --method elbo"
  fails_with 2 sde-likelihood chain.json data.h5 --method elbo --steps 100
  assert_output --partial "the process has 200 levels"
  fails_with 2 sde-likelihood chain.json data.h5 --method elbo --shard 0/2 -o part.h5
  assert_output --partial "leave out --shard"
}

# An outside reader opens every file: h5py and h5dump, which share no code with the programs.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  write_ou
  write_mixture
  write_train
}

# header FILE KIND: the attributes and the provenance that every file has.
header() {
  python '
import sys, json, h5py
with h5py.File(sys.argv[1]) as f:
    text = lambda x: x.decode() if isinstance(x, bytes) else str(x)
    assert text(f.attrs["format"]) == "sdetools", f.attrs["format"]
    assert text(f.attrs["kind"]) == sys.argv[2], f.attrs["kind"]
    assert len(f.attrs["format_version"]) == 2
    assert f.attrs["complete"] == 1
    p = f["provenance"]
    for key in "config_json command_line version git_commit seed threads host started_utc".split():
        assert key in p, key
    json.loads(text(p["config_json"][()]))
    assert sys.argv[3] in text(p["command_line"][()]), p["command_line"][()]
' "$@"
}

@test "ensemble" {
  sde-simulate @heston -N 30 --dt 0.01 --save 11 --stats mean,variance,quantiles --seed 5 -o paths.h5
  header paths.h5 ensemble sde-simulate
  run -0 h5dump -H paths.h5
  run -0 h5dump -d /trajectories/value paths.h5
  python '
import h5py, numpy as np
with h5py.File("paths.h5") as f:
    x, t = f["trajectories/value"], f["trajectories/time"][()]
    assert x.shape == (30, 11, 2) and x.dtype == np.float64
    assert np.allclose(t, np.linspace(t[0], t[-1], 11))
    assert [c.decode() if isinstance(c, bytes) else c for c in np.ravel(x.attrs["columns"])] == ["s", "v"]
    assert f["path_id"].dtype == np.uint64 and list(f["path_id"][()]) == list(range(30))
    assert f["status"].dtype == np.uint8 and not f["status"][()].any()
    assert np.allclose(f["statistics/mean"][()], x[()].mean(0), rtol=1e-12)
    assert np.allclose(f["statistics/variance"][()], x[()].var(0, ddof=1), rtol=1e-9, atol=1e-15)
    assert int(f["provenance/seed"][()]) == 5'
}

@test "CSV holds the same numbers, with 17 digits" {
  sde-simulate @heston -N 30 --dt 0.01 --save 11 --seed 5 -o paths.h5
  sde-simulate @heston -N 30 --dt 0.01 --save 11 --seed 5 -o paths.csv
  assert_equal "$(head -1 paths.csv)" 'id,time,s,v'
  python '
import csv, h5py, numpy as np
rows = list(csv.DictReader(open("paths.csv")))
x = np.array([[float(r["s"]), float(r["v"])] for r in rows]).reshape(30, 11, 2)
with h5py.File("paths.h5") as f:
    assert np.array_equal(x, f["trajectories/value"][()])
    assert np.array_equal([float(r["time"]) for r in rows[:11]], f["trajectories/time"][()])
    assert [int(r["id"]) for r in rows[::11]] == list(range(30))'
}

@test "samples and likelihood" {
  sde-sample mixture.json -N 40 -o samples.h5
  header samples.h5 samples sde-sample
  sde-likelihood mixture.json samples.h5 -o loglik.h5
  header loglik.h5 likelihood sde-likelihood
  python '
import h5py, hashlib, numpy as np
with h5py.File("samples.h5") as f, h5py.File("loglik.h5") as g:
    assert f["samples/x"].shape == (40, 2) and f["samples/x"].dtype == np.float64
    assert list(f["sample_id"][()]) == list(range(40))
    for name in ("value", "stderr", "nfe"):
        assert g["loglik"][name].shape == (40,), name
    inputs = g["provenance/inputs"]
    digest = hashlib.sha256(open("samples.h5", "rb").read()).hexdigest()
    def strings(item):
        if isinstance(item, h5py.Group):
            return [s for key in item for s in strings(item[key])]
        return [str(v) for v in np.ravel(item[()]).tolist()] if item.dtype.names else \
            [v.decode() if isinstance(v, bytes) else str(v) for v in np.ravel(item[()])]
    assert any(digest in s for s in strings(inputs)), (digest, strings(inputs))'
}

@test "model" {
  sde-sample mixture.json -N 500 -o samples.h5
  score-train train.json samples.h5 -o model.h5
  header model.h5 model score-train
  python '
import json, h5py, numpy as np
with h5py.File("model.h5") as f, h5py.File("samples.h5") as g:
    json.loads(f["model/config_json"][()])
    assert len(f["weights"]) >= 3
    for layer in f["weights"].values():
        for name in layer:
            assert np.isfinite(layer[name][()]).all()
    assert f["ema"].keys() == f["weights"].keys() or len(f["ema"]) > 0
    assert f["normalization/mean"].shape == (2,)
    assert np.all(f["normalization/std"][()] > 0)
    assert np.isfinite(f["training/loss"][()]).all()'
}

@test "a fit as HDF5 and as JSON" {
  sde-simulate ou.json -N 20 -o paths.h5
  sde-fit ou.json paths.h5 -o fit.json
  json '.kind == "fit" and .converged and (.sde.parameters | keys == ["kappa", "sigma", "theta"])
        and (.sde.parameters.kappa == .estimates.kappa.value) and (.estimates.kappa.ci | length == 2)
        and (.diagnostics | has("pit_ks_p") and has("ljung_box_p"))
        and ([.aic, .bic, .loglik, .transitions, .seconds] | all(type == "number"))' fit.json
  sde-fit ou.json paths.h5 -o fit.h5
  run -0 sde-bench check fit.h5
  run -0 h5dump -H fit.h5
}

@test "check is silent on whole files" {
  sde-simulate ou.json -N 20 -o paths.h5
  sde-sample mixture.json -N 20 -o samples.h5
  run -0 sde-bench check paths.h5 samples.h5
  assert_output ""
}

@test "a damaged number in the middle is found by check" {
  sde-simulate ou.json -N 2000 -o paths.h5
  python '
import h5py
with h5py.File("paths.h5", "r+") as f:
    del f["status"]'
  fails_with 65 sde-bench check paths.h5
  assert_output --partial 'status'
}

@test "the data set of another program is read: /data/x and a mask" {
  python '
import h5py, numpy as np
with h5py.File("series.h5", "w") as f:
    f.attrs["format"], f.attrs["kind"], f.attrs["format_version"] = "sdetools", "dataset", [1, 0]
    rng = np.random.default_rng(1)
    f["data/x"] = np.cumsum(rng.normal(size=(3, 50, 1)), 1) * 0.1
    f["data/time"] = np.arange(50) * 0.1
    f.attrs["complete"] = 1'
  sde-fit ou.json series.h5 --json >fit.json || [ $? -eq 1 ]
  json '.transitions == 147' fit.json
}

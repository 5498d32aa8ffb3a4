# Score models from the command line: checkpoints, foreign and damaged models, SDEs as models.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  write_mixture
  write_train
}

@test "training that a signal ended continues bit for bit" {
  sde-sample mixture.json -N 500 -o data.h5
  # As many steps as take some seconds.
  sed -i 's/"steps": 50/"steps": 120000/' train.json
  score-train train.json data.h5 -o whole.h5
  for signal in TERM USR1; do
    score-train train.json data.h5 -o model.h5 &
    sleep 0.5
    kill -$signal $!
    status=0
    wait $! || status=$?
    assert_equal "$status" 75
    assert [ ! -e model.h5 ]
    run -0 sde-bench check model.h5.checkpoint
    score-train train.json data.h5 -o model.h5 --resume
    assert [ ! -e model.h5.checkpoint ]
    same_data whole.h5 model.h5
    rm model.h5
  done
}

@test "training that was killed continues from its last checkpoint" {
  sde-sample mixture.json -N 500 -o data.h5
  sed -i 's/"steps": 50/"steps": 120000/' train.json
  score-train train.json data.h5 -o whole.h5
  score-train train.json data.h5 -o model.h5 --checkpoint-every 0.1 &
  for _ in $(seq 100); do
    [ -e model.h5.checkpoint ] && break
    sleep 0.05
  done
  kill -KILL $!
  wait $! || true
  score-train train.json data.h5 -o model.h5 --resume
  same_data whole.h5 model.h5
}

@test "a checkpoint of another configuration or of other data is refused" {
  sde-sample mixture.json -N 500 -o data.h5
  sde-sample mixture.json -N 500 --seed 1 -o other.h5
  fails_with 66 score-train train.json data.h5 -o model.h5 --resume
  assert_output --partial 'model.h5.checkpoint'
  sed -i 's/"steps": 50/"steps": 1000000/' train.json
  score-train train.json data.h5 -o model.h5 &
  sleep 0.5
  kill -TERM $!
  wait $! || true
  fails_with 2 score-train train.json data.h5 -o model.h5 --lr 0.01 --resume
  assert_output --partial '/optimizer/lr is 0.001 there and 0.01 here'
  fails_with 2 score-train train.json other.h5 -o model.h5 --resume
  assert_output --partial 'other.h5'
  fails_with 2 score-train train.json data.h5 -o - --resume
}

@test "a loss that diverges leaves the last good model and exit status 1" {
  sde-sample mixture.json -N 500 -o data.h5
  run --separate-stderr -1 score-train train.json data.h5 -o model.h5 --steps 2000 --set optimizer.lr=1000 \
    --set optimizer.clip=0 --set optimizer.warmup=1900 --json
  assert_regex "$stderr" 'diverged'
  json '.diverged and .steps >= 1 and .steps < 2000 and .validation_loss < 100' <<<"$output"
  run -0 sde-bench check model.h5
  # No step is good: what was there stands.
  cp model.h5 before.h5
  fails_with 1 score-train train.json data.h5 -f -o model.h5 --set optimizer.lr=1e9 --set optimizer.clip=0
  assert_output --partial 'nothing is written'
  cmp model.h5 before.h5
}

@test "arrays that do not fit their configuration are named" {
  sde-sample mixture.json -N 500 -o data.h5
  score-train train.json data.h5 -o model.h5
  cp model.h5 bad.h5
  python '
import h5py
with h5py.File("bad.h5", "r+") as f:
    del f["ema/layer1/W"]
    f["ema/layer1/W"] = f["weights/layer0/W"][()]'
  fails_with 65 sde-bench check bad.h5
  fails_with 65 sde-sample bad.h5
  assert_output --partial '/ema/layer1/W'
  python '
import h5py
with h5py.File("bad.h5", "r+") as f:
    del f["ema/layer1/W"]'
  fails_with 65 sde-likelihood bad.h5 data.h5
  assert_output --partial '/ema/layer1/W'
  cp model.h5 bad.h5
  python '
import h5py
with h5py.File("bad.h5", "r+") as f:
    del f["ema"]'
  fails_with 65 sde-bench check bad.h5
  fails_with 65 sde-sample bad.h5
  assert_output --partial '/ema'
  cp model.h5 bad.h5
  python '
import h5py
with h5py.File("bad.h5", "r+") as f:
    f["optimizer/layer1/W/m"][0, 0] = float("nan")'
  sde-sample bad.h5 -o samples.h5
  fails_with 65 sde-bench check bad.h5
  assert_output --partial '/optimizer/layer1/W/m: holds a value that is not finite'
  cp model.h5 bad.h5
  python '
import h5py
with h5py.File("bad.h5", "r+") as f:
    f["training/step"][()] = 0'
  fails_with 65 sde-sample bad.h5
  assert_output --partial 'not trained'
}

@test "data of another dimension than a trained model, and columns in another order" {
  sde-sample mixture.json -N 500 --format csv -o data.csv
  cut -d, -f2,3 data.csv >two.csv
  score-train train.json two.csv -o model.h5
  awk -F, -v OFS=, '{print $3, $2}' data.csv >swapped.csv
  first=$(sde-likelihood model.h5 two.csv --json | jq .mean)
  assert_equal "$(sde-likelihood model.h5 swapped.csv --json | jq .mean)" "$first"
  cut -d, -f2 data.csv >one.csv
  fails_with 65 sde-likelihood model.h5 one.csv
  assert_output --partial '1'
}

@test "an SDE is a model for sde-sample, and each transition's likelihood is kept" {
  write_ou
  run --separate-stderr -0 sde-sample ou.json -N 20000 --seed 3 --json
  # At t = 1 from 0: mean 1 - e^-2, variance (1 - e^-4) / 16.
  json '(.mean[0] - 0.8646647 | fabs) < 5 * 0.2477 / (20000 | sqrt) and (.std[0] / 0.2477 - 1 | fabs) < 0.03' <<<"$output"
  fails_with 2 sde-sample ou.json --sampler heun
  sde-simulate ou.json -N 3 --save 40 -o paths.h5
  sde-likelihood ou.json paths.h5 -o loglik.h5
  python '
import h5py, numpy as np
with h5py.File("loglik.h5") as f, h5py.File("paths.h5") as g:
    first, each = f["loglik/first_transition"][()], f["loglik/transition"][()]
    x, t = g["trajectories/value"][:, :, 0], g["trajectories/time"][()]
    h = np.diff(t)
    mean = 1 + (x[:, :-1] - 1) * np.exp(-2 * h)
    variance = 0.25 * (1 - np.exp(-4 * h)) / 4
    exact = -0.5 * ((x[:, 1:] - mean) ** 2 / variance + np.log(2 * np.pi * variance))
    assert list(first) == [0, 39, 78, 117]
    assert np.allclose(each, exact.ravel(), rtol=1e-9)
    assert np.allclose(f["loglik/value"][()], exact.sum(1), rtol=1e-9)'
  fails_with 2 sde-likelihood ou.json paths.h5 --divergence hutchinson
}

@test "random probes agree with the exact trace within their standard error" {
  sde-sample mixture.json -N 200 -o data.h5
  sde-likelihood mixture.json data.h5 --json >exact.json
  sde-likelihood mixture.json data.h5 --divergence hutchinson --probes 64 --json >probed.json
  json -s '(.[0].mean - .[1].mean | fabs) < 5 * .[1].error_budget.probe / (200 | sqrt) + 1e-4 and
    .[0].error_budget.probe == 0 and .[1].error_budget.probe > 0' exact.json probed.json
}

@test "training with patience continues after SIGKILL as if nothing had happened" {
  sde-sample mixture.json -N 60 -o data.h5
  sed -i 's/"steps": 50/"steps": 30000/' train.json
  set -- train.json data.h5 --batch 16 --set validation_fraction=0.5 --set patience=3000 --set optimizer.schedule=constant
  score-train "$@" -o whole.h5 --json >whole.json
  json '.stopped_early and .best_step < .steps and .steps < 30000' whole.json
  score-train "$@" -o model.h5 --checkpoint-every 0.05 &
  for _ in $(seq 100); do
    [ -e model.h5.checkpoint ] && break
    sleep 0.02
  done
  kill -KILL $! || true
  wait $! || true
  if [ -e model.h5.checkpoint ]; then score-train "$@" -o model.h5 --resume; fi
  same_data whole.h5 model.h5
}

@test "labels: classes are learnt, and what they cannot be is refused" {
  awk 'BEGIN { srand(1); print "x,y,kind"; for (i = 0; i < 600; i++) print rand() + 3 * (i % 3) "," rand() "," i % 3 }' >labelled.csv
  fails_with 65 score-train train.json labelled.csv -o model.h5 --set classes=3 --columns x,y
  assert_output --partial 'label'
  score-train train.json labelled.csv -o model.h5 --set classes=3 --label-column kind
  python '
import h5py, json
with h5py.File("model.h5") as f:
    assert f["ema/class_embedding/W"].shape == (4, 32)
    assert json.loads(f["model/config_json"][()])["classes"] == 3
    assert list(f.attrs["columns"]) == ["x", "y"] or [c.decode() for c in f.attrs["columns"]] == ["x", "y"]'
  fails_with 65 score-train train.json labelled.csv -o other.h5 --set classes=2 --label-column kind
  assert_output --partial 'row 3: the label must be 0 to 1'
  # A model of other classes does not fit.
  python '
import h5py
with h5py.File("model.h5", "r+") as f:
    for group in "weights", "ema":
        kept = f[group]["class_embedding/W"][:3]
        del f[group]["class_embedding/W"]
        f[group]["class_embedding/W"] = kept'
  fails_with 65 sde-sample model.h5
  assert_output --partial '/ema/class_embedding/W: has shape [3,32] where its configuration makes [4,32]'
}

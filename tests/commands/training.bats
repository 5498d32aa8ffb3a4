# What score-train trains for: flows, consistency functions, energies; and what it refuses.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  write_mixture
  write_train
  sde-sample mixture.json -N 500 -o data.h5 >/dev/null
}

flow=(--set process.type=flow --set prediction=flow --set weighting=uniform)

@test "a flow teaches a straighter one, which has no score" {
  score-train train.json data.h5 "${flow[@]}" -o flow.h5 --json >flow.json
  json '.straightness > 0 and (.excess - (.validation_loss - .loss_floor) | fabs) < 1e-12' flow.json
  score-train train.json data.h5 "${flow[@]}" --set coupling=reflow --set teacher=flow.h5 -o straight.h5 --json >straight.json
  json '.straightness >= 0 and .loss_floor == null' straight.json
  sde-sample straight.h5 -N 100 --json >sample.json
  json '.sampler == "heun"' sample.json
  fails_with 2 sde-sample straight.h5 --sampler euler_maruyama
  assert_output --partial 'coupled ends'
  fails_with 2 sde-sample straight.h5 --sampler ddim --set eta=1
  assert_output --partial 'eta: must be 0'
  # The teacher is part of where the model came from.
  python '
import sys, h5py
with h5py.File("straight.h5") as f:
    assert "flow.h5" in str(f["provenance/inputs"][()]) or "flow.h5" in str([v[()] for v in f["provenance/inputs"].values()])
    assert str(f["model"].attrs["time_convention"]) == "t = 0: data, t = 1: noise"
'
}

@test "couplings by transport are for velocities alone" {
  for coupling in ot sinkhorn; do
    score-train train.json data.h5 "${flow[@]}" --set coupling=$coupling --steps 5 -f -o model.h5
    score-train train.json data.h5 "${flow[@]}" --set coupling=$coupling --set coupling_rows=0 --steps 2 -f -o model.h5
    fails_with 2 score-train train.json data.h5 --set coupling=$coupling -o other.h5
    assert_output --partial 'couples noise and data'
  done
}

@test "a consistency model goes to the data at once" {
  score-train train.json data.h5 --set process.type=edm --set prediction=edm --set objective=consistency -o model.h5
  sde-sample model.h5 -N 100 --steps 1 --json >sample.json
  json '.sampler == "consistency" and .nfe == 1' sample.json
  fails_with 2 sde-sample model.h5 --sampler heun
  assert_output --partial 'use consistency'
  fails_with 2 sde-likelihood model.h5 data.h5
  assert_output --partial 'has no score'
  fails_with 2 score-train train.json data.h5 --set objective=consistency -o other.h5
  assert_output --partial 'take edm'
}

@test "an energy and a score learned without the noise serve every program" {
  score-train train.json data.h5 --set prediction=energy -o energy.h5
  score-train train.json data.h5 --set objective=sliced -o sliced.h5
  score-train train.json data.h5 --set prediction=energy --set network.type=resmlp --set 'network.hidden=[16,16]' -o residual.h5
  score-train train.json data.h5 --set objective=implicit --set network.type=unet --set 'network.image=[2,1,1]' \
    --set 'network.hidden=[16]' --steps 10 -o unet.h5
  fails_with 2 score-train train.json data.h5 --set objective=sliced --set network.type=unet --set 'network.image=[2,1,1]' \
    --set 'network.hidden=[16]' --set network.attention=true -o other.h5
  assert_output --partial 'has no second derivatives'
  for model in energy sliced residual unet; do
    sde-sample $model.h5 -N 100 -o $model-samples.h5
    sde-likelihood $model.h5 $model-samples.h5 --divergence exact --json >loglik.json
    json '.mean | isnormal' loglik.json
  done
}

@test "a process and a prediction that do not go together are refused" {
  for prediction in epsilon score energy; do
    fails_with 2 score-train train.json data.h5 --set process.type=flow --set prediction=$prediction -o model.h5
    assert_output --partial 'ends in noise alone'
  done
  fails_with 2 score-train train.json data.h5 --set process.type=ddpm --set prediction=flow -o model.h5
  assert_output --partial 'ladder'
  fails_with 2 score-train train.json data.h5 "${flow[@]}" --set coupling=reflow -o model.h5
  assert_output --partial 'reflow needs one'
}

@test "every process trains with every prediction that it takes, and is sampled" {
  for type in vp vp_cosine subvp ve edm flow bridge interpolant ddpm ncsn; do
    for prediction in score epsilon sample v_prediction flow edm energy; do
      case $type-$prediction in
        flow-score | flow-epsilon | flow-energy | bridge-score | bridge-epsilon | bridge-energy) continue ;;
        interpolant-score | interpolant-epsilon | interpolant-energy | ddpm-flow | ncsn-flow) continue ;;
      esac
      score-train train.json data.h5 --set process.type=$type --set prediction=$prediction -f -o model.h5 --json >summary.json
      json '(.diverged | not) and (.loss | isnormal)' summary.json
      sde-sample model.h5 -N 3 >/dev/null
    done
  done
  sde-sample model.h5 -N 3 --sampler dpmpp_2m --json >sample.json
  json '.nfe <= 50 and (.grid | length) == .nfe + 1' sample.json
  fails_with 2 sde-sample model.h5 -N 3 --sampler dpmpp_2m --steps 2000
  assert_output --partial 'take fewer'
}

@test "a column that repeats another is refused, a small data set is not" {
  python '
import random
random.seed(1)
with open("twice.csv", "w") as a, open("few.csv", "w") as b:
    a.write("x,y,z\n"); b.write("x,y\n")
    for k in range(30):
        x, y = random.gauss(0, 1), random.gauss(0, 1)
        a.write(f"{x},{y},{2 * x + 1}\n"); b.write(f"{x},{y}\n")
'
  fails_with 65 score-train train.json twice.csv -o model.h5
  assert_output --partial 'column z: repeats column x on another scale'
  fails_with 2 score-train train.json few.csv -o model.h5
  assert_output --regexp 'batch: must be at most the [0-9]+ rows to train on \(got 64\)'
  jq 'del(.batch)' train.json >whole.json
  run -0 score-train whole.json few.csv -o model.h5
  assert_output --partial 'a batch is as large as the data'
}

@test "noise fills the steps of quantised data, and likelihoods know the step" {
  python '
import random
random.seed(2)
with open("counts.csv", "w") as a, open("even.csv", "w") as b:
    a.write("x,y\n"); b.write("x,y\n")
    for k in range(400):
        a.write(f"{round(random.gauss(20, 4))},{round(random.gauss(9, 3))}\n")
        b.write(f"{2 * round(random.gauss(10, 2))},{2 * round(random.gauss(4, 1))}\n")
'
  score-train train.json counts.csv --set dequantise=1 --steps 500 -o counts.h5
  sde-likelihood counts.h5 even.csv --bits-per-dim --json >even.json
  json '.dequantisation.step == 1 and .bits_per_dim > 1' even.json
  # As told where it is told.
  sde-likelihood counts.h5 even.csv --bits-per-dim --quantisation 2 --json >other.json
  json '.dequantisation.step == 2' other.json
  fails_with 65 score-train train.json counts.csv --set dequantise=3 -o other.h5
  assert_output --regexp 'counts.csv: row [0-9]+, column [xy]: [0-9]+ is no whole number of steps of 3'
  fails_with 2 score-train train.json counts.csv --set dequantise=-1 -o other.h5
}

@test "a custom process is integrated, and refused where it cannot be" {
  jq '.process = {"type": "custom", "beta": "0.1 + 19.9*t"}' train.json >custom.json
  score-train custom.json data.h5 -o custom.h5 --json >custom-summary.json
  score-train train.json data.h5 -o vp.h5 --json >vp-summary.json
  # vp by another name.
  assert [ "$(jq -s '(.[0].validation_loss - .[1].validation_loss | fabs) < 1e-5' custom-summary.json vp-summary.json)" = true ]
  jq '.process.beta = "1 - 2*t"' custom.json >bad.json
  fails_with 2 score-train bad.json data.h5 -o model.h5
  assert_output --partial '/process/beta: must be >= 0'
}

@test "products of bfloat16 train the same weights on every instruction set, and models of f32" {
  for precision in bf16x3 bf16; do
    score-train train.json data.h5 --precision $precision -f -o best.h5 --json >best.json
    SDE_SIMD=portable score-train train.json data.h5 --set precision=$precision -f -o portable.h5 --json >portable.json 2>notes
    grep -q 'no matrix tiles (AMX)' notes
    json '.validation_loss' best.json >one
    json '.validation_loss' portable.json >other
    cmp one other
    python '
import h5py, numpy as np
a, b = h5py.File("best.h5"), h5py.File("portable.h5")
assert all(np.array_equal(a[k][()], b[k][()]) and a[k].dtype == np.float32 for k in ("weights/layer0/W", "ema/layer1/W"))'
    sde-sample best.h5 -N 10 >/dev/null
  done
  score-train train.json data.h5 -f -o best.h5 --json >best.json
  json '.validation_loss' best.json >other
  run ! cmp one other
  fails_with 2 score-train train.json data.h5 --precision f16 -o other.h5
  fails_with 2 score-train train.json data.h5 --precision bf16 --set objective=sliced -o other.h5
  assert_output --partial 'precision: objective sliced needs second derivatives'
}

@test "networks can be evaluated as sde-formats(7) says" {
  awk '/^# /{networks = ($0 == "# NETWORKS")} /^```/{code = !code; next} networks && code' "$SDE_ROOT/man/sde-formats.7.scd" >network.py
  local type prediction name
  for type in mlp resmlp; do
    for prediction in epsilon score sample v_prediction flow energy edm; do
      name=$type-$prediction
      score-train train.json data.h5 -o $name.h5 --set normalization=none --set network.type=$type --set 'network.hidden=[16,16]' \
        --set prediction=$prediction --set steps=40 >/dev/null
      # A step of DDIM tells what the noise is thought to be.
      sde-sample $name.h5 -N 16 --sampler ddim --times 1,0.6,0.3 --trajectory -o $name-run.h5 >/dev/null
    done
  done
  run -0 python '
import json, sys
import h5py, numpy as np
sys.path.insert(0, ".")
from network import network

def a(t): return np.exp(-0.5 * (0.1 * t + 0.5 * 19.9 * t * t))
def s(t): return np.sqrt(-np.expm1(2 * np.log(a(t))))
for kind in ("mlp", "resmlp"):
    for prediction in ("epsilon", "score", "sample", "v_prediction", "flow", "energy", "edm"):
        file, run = h5py.File(f"{kind}-{prediction}.h5"), h5py.File(f"{kind}-{prediction}-run.h5")
        assert json.loads(file["model/config_json"][()])["prediction"] == prediction
        path, times = run["samples/trajectory"][()], run["samples/time"][()]
        for k in (0, 1):
            t, a0, s0, a1, s1 = times[k], a(times[k]), s(times[k]), a(times[k + 1]), s(times[k + 1])
            z = path[:, k]
            told = (path[:, k + 1] - a1 / a0 * z) / (s1 - a1 / a0 * s0)
            sigma, sd = s0 / a0, file["training/sigma_data"][()]
            edm = prediction == "edm"
            time = np.full(len(z), np.log(sigma) / 4 if edm else t)
            x = z / (a0 * np.hypot(sigma, sd)) if edm else z / np.hypot(a0, s0)
            out = network(file["ema"], time, x)
            if prediction == "energy":
                h = 1e-5
                out = np.stack([(network(file["ema"], time, x + h * d) - network(file["ema"], time, x - h * d))[:, 0] / (2 * h)
                                for d in np.eye(2)], axis=1)
            rate = -0.5 * (0.1 + 19.9 * t)     # a_dot / a
            s_dot = -rate * a0 * a0 / s0
            noise = {"epsilon": lambda: out, "energy": lambda: out, "score": lambda: -out,
                     "sample": lambda: (z - a0 * out) / s0,
                     "v_prediction": lambda: a0 * out + s0 * z,
                     "flow": lambda: (out - rate * z) / (s_dot - rate * s0),
                     "edm": lambda: (z - a0 * (sd**2 * z / a0 + sigma * sd * np.hypot(sigma, sd) * out) / (sigma**2 + sd**2)) / s0,
                     }[prediction]()
            worst = np.abs(noise - told).max() / np.abs(told).max()
            assert worst < 2e-4, (kind, prediction, k, worst)
print("all")
'
  assert_output all
}

# sde-sample: samplers, grids, trajectories, and what does not fit together.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  write_mixture
}

@test "every sampler that fits a mixture samples it, and counts whole evaluations" {
  for sampler in euler_maruyama sra1 reverse_diffusion ancestral pc ddim euler heun rk4 edm dpm1 dpm2 dpm3 dpmpp_2m \
    dpmpp_3m dpmpp_2m_sde unipc plms lms exact; do
    run --separate-stderr -0 sde-sample mixture.json -N 2000 --sampler $sampler --json
    json --arg s $sampler '.sampler == $s and .n == 2000 and (.std[0] - 2.06 | fabs) < 0.1 and (.std[1] - 0.5 | fabs) < 0.05' <<<"$output"
    assert_regex "$output" '"nfe": [0-9]+,'
  done
  sde-sample mixture.json --sampler edm --steps 18 --json | json '.nfe == 35'
  sde-sample mixture.json --sampler pc --steps 10 --corrector-steps 2 --json | json '.nfe == 30'
}

@test "the grid is printed on request" {
  run -0 sde-sample mixture.json --sampler dpmpp_2m --steps 4 --grid karras --grid print
  assert_line --regexp '^ +0  1 .*'
  assert_line --regexp '^ +4  0.001 '
  sde-sample mixture.json --steps 5 --set grid=logsnr --grid print --json |
    json '.kind == "grid" and (.grid | length) == 6 and
      ([range(5) as $i | .lambda[$i + 1] - .lambda[$i]] | (max - min) < 1e-9)'
  fails_with 2 sde-sample mixture.json --sampler rk45 --grid print
}

@test "trajectories end at the samples" {
  sde-sample mixture.json -N 300 --sampler heun --steps 7 --trajectory -o samples.h5
  sde-sample mixture.json -N 300 --sampler rk45 --steps 3 --trajectory -o adaptive.h5
  python '
import h5py, numpy as np
for name, times in (("samples.h5", 8), ("adaptive.h5", 4)):
    with h5py.File(name) as f:
        path = f["samples/trajectory"][()]
        assert path.shape == (300, times, 2)
        assert np.array_equal(path[:, -1], f["samples/x"][()])
        assert len(f["samples/time"]) == times and f["samples/time"][0] == 1
        assert abs(path[:, 0].std() - 1) < 0.1'
  fails_with 2 sde-sample mixture.json --trajectory
  assert_output --partial 'give -o'
}

@test "options that do not belong to a sampler, and samplers that do not fit a model, are refused" {
  fails_with 2 sde-sample mixture.json --steps 0
  fails_with 2 sde-sample mixture.json --sampler hein
  assert_output --partial 'did you mean "heun"'
  fails_with 2 sde-sample mixture.json --grid kras
  fails_with 2 sde-sample mixture.json --sampler heun --eta 1
  assert_output --partial 'ddim'
  fails_with 2 sde-sample mixture.json --sampler consistency
  assert_output --partial 'dpmpp_2m'
  fails_with 2 sde-sample mixture.json --sampler exact --steps 10
  fails_with 2 sde-sample mixture.json --sampler heun --grid karras --steps 100000000 --eps 0.999999999
  fails_with 2 sde-sample mixture.json --sampler unipc --order 4
  fails_with 2 sde-sample mixture.json --eps 1
  fails_with 2 sde-sample mixture.json --sampler ddim --times 1,0.5,0.5,0.1
  assert_output --partial 'repeats a time'
  fails_with 2 sde-sample mixture.json --sampler ddim --times 1,0.5 --steps 2
}

@test "a grid of one's own gives what its name would" {
  sde-sample mixture.json --sampler ddim --steps 5 --grid karras -N 50 --json -o named.h5 >named.json
  sde-sample mixture.json --sampler ddim --times "$(jq -r '.grid | map(tostring) | join(",")' named.json)" -N 50 --json -o own.h5 >own.json
  json --slurpfile named named.json '.grid == $named[0].grid and .nfe == 5' own.json
  same_data named.h5 own.h5
}

@test "data to start from that no sampler could follow, and models that were not trained, are refused" {
  printf 'a,b\n1,2\n1e39,3\n' >far.csv
  printf 'a\n1\n' >narrow.csv
  for option in --start --encode --decode; do
    fails_with 65 sde-sample mixture.json $option far.csv
    assert_output --partial 'far.csv: row 2, column 1'
    fails_with 65 sde-sample mixture.json $option narrow.csv
    assert_output --partial 'has 1 columns'
  done
  write_train
  sde-sample mixture.json -N 200 -o data.h5
  score-train train.json data.h5 -q -o model.h5
  sde-sample model.h5 -N 10 --steps 10
  python '
import h5py
with h5py.File("model.h5", "a") as f: f["training/step"][()] = 0'
  for program in "sde-sample model.h5" "sde-likelihood model.h5 data.h5"; do
    fails_with 65 $program
    assert_output --partial 'is not trained'
  done
  fails_with 2 sde-sample train.json
  assert_output --partial 'is a training configuration'
}

@test "toy distributions are drawn exactly, and likelihoods of draws are their entropy" {
  for toy in two-moons eight-gaussians checkerboard rings pinwheel swiss-roll; do
    sde-sample @$toy -N 2000 -o $toy.h5 --json | json '.sampler == "exact" and .nfe == 0 and (.entropy | . > 1 and . < 4)'
  done
  sde-sample @checkerboard --json | json '(.entropy - 3.6765 | fabs) < 1e-4'
  sde-likelihood @checkerboard checkerboard.h5 --json | json '(.mean + 3.6765 | fabs) < 4 * .stderr + 1e-3'
  sde-sample @two-moons --steps 20 --json | json '.sampler == "euler_maruyama" and .nfe == 20'
}

@test "empirical data are a model, and stay where their document is" {
  mkdir elsewhere
  sde-sample @rings -N 300 --format csv -o elsewhere/rows.csv
  echo '{"process": {"type": "vp"}, "score": {"type": "empirical", "data": "rows.csv", "bandwidth": 0.1}}' >elsewhere/kde.json
  sde-sample elsewhere/kde.json -N 2000 --sampler dpmpp_2m --json | json '(.std[0] - 1.45 | fabs) < 0.15 and .columns == ["x1", "x2"]'
  sde-likelihood elsewhere/kde.json elsewhere/rows.csv --json | json '.n == 300 and .error_budget.prior == 0'
  sed -i 's/rows.csv/none.csv/' elsewhere/kde.json
  fails_with 66 sde-sample elsewhere/kde.json
  assert_output --partial 'elsewhere/none.csv'
}

@test "labels and guidance" {
  sde-sample mixture.json --label 0 -N 4000 --sampler dpmpp_2m --json |
    json '(.mean[0] + 2 | fabs) < 0.05 and (.std[0] - 0.5 | fabs) < 0.03 and .nfe == 50'
  sde-sample mixture.json --label 1 --guidance-scale 2 --sampler dpmpp_2m --json | json '.mean[0] > 1.95 and .nfe == 100'
  sde-sample mixture.json --label 1 --guidance-scale 0 --sampler dpmpp_2m --json | json '.std[0] > 1.9 and .nfe == 50'
  fails_with 2 sde-sample mixture.json --label 2
  assert_output --partial '0 to 1'
  fails_with 2 sde-sample mixture.json --guidance-scale 2
  fails_with 2 sde-sample @gaussian --label 0
  assert_output --partial 'without class labels'
  sde-sample mixture.json -N 200 -o data.h5
  write_train
  score-train train.json data.h5 -o model.h5
  fails_with 2 sde-sample model.h5 --label 0 --guidance-scale 2
}

@test "what is known of a sample stays so, and the rest follows" {
  echo '{"process": {"type": "vp"}, "score": {"type": "gaussian", "mean": [0, 0], "covariance": [[1, 0.8], [0.8, 1]]}}' >pair.json
  sde-sample pair.json --known x2=1 -N 10000 --sampler dpmpp_2m --json |
    json '(.mean[0] - 0.8 | fabs) < 0.03 and (.std[0] - 0.6 | fabs) < 0.02 and (.mean[1] - 1 | fabs) < 1e-3'
  sde-sample pair.json --known x2=1 --observation-method repaint --sampler ancestral --steps 50 --grid logsnr -N 4000 \
    --set observation.resamples=20 --json |
    json '(.mean[0] - 0.8 | fabs) < 0.04 and .mean[1] == 1 and .std[1] == 0 and .nfe == 1000'
  # Their difference was 1, but for noise of deviation 0.5: mean 0.2 / 0.65, variance 0.2 - 0.04 / 0.65.
  sde-sample pair.json -N 10000 --sampler dpmpp_2m --set 'observation.matrix=[[1,-1]]' --set 'observation.value=[1]' \
    --set observation.noise=0.5 --json | json '(.mean[0] - .mean[1] - 0.4 / 0.65 | fabs) < 0.02'
  fails_with 2 sde-sample pair.json --known x3=1
  fails_with 2 sde-sample pair.json --known x2=1 --observation-method repaint --sampler dpmpp_2m
  fails_with 2 sde-sample pair.json --known x2=1 --observation-method dps --sampler heun
}

@test "data to noise and back, from part of the way, and from datum to datum" {
  sde-sample @two-moons -N 100 -o data.h5
  sde-sample @two-moons --encode data.h5 --rtol 1e-7 --atol 1e-7 -o noise.h5
  sde-sample @two-moons --decode noise.h5 --rtol 1e-7 --atol 1e-7 -o back.h5
  sde-sample @two-moons --start data.h5 --start-time 0.05 --sampler dpmpp_2m --steps 20 -o near.h5
  head -1 <(sde-sample @two-moons -N 4 --format csv -o -) | grep -q id
  sde-sample @two-moons -N 4 -o ends.csv
  sde-sample @two-moons --interpolate ends.csv --points 5 -o path.h5
  python '
import h5py, numpy as np
def x(name):
    with h5py.File(name) as f:
        return f["samples/x"][()]
data, back, near, path = x("data.h5"), x("back.h5"), x("near.h5"), x("path.h5")
assert abs(back - data).max() < 1e-4, abs(back - data).max()
noise = x("noise.h5")
assert abs(noise.std() - 1) < 0.2
assert 0.01 < np.sqrt(((near - data) ** 2).mean()) < 0.35
ends = np.genfromtxt("ends.csv", delimiter=",", skip_header=1)[:, 1:]
assert path.shape == (10, 2)
assert abs(path[[0, 4, 5, 9]] - ends).max() < 1e-2'
  fails_with 2 sde-sample @two-moons --encode data.h5 --decode noise.h5
  fails_with 2 sde-sample @two-moons --decode noise.h5 --sampler ancestral
  fails_with 2 sde-sample @two-moons --start-time 0.5
  fails_with 2 sde-sample @two-moons --decode noise.h5 -N 7
  fails_with 65 sde-sample @gaussian --start data.h5
  printf 'x1,x2\n1,2\n3,1e999\n' >bad.csv
  fails_with 65 sde-sample @two-moons --start bad.csv
  assert_output --partial 'bad.csv'
}

@test "shards join to the bits of one run, trajectories too" {
  arguments=(@two-moons -N 1500 --sampler heun --steps 5 --trajectory --seed 4)
  sde-sample "${arguments[@]}" -o whole.h5
  for i in 0 1 2; do sde-sample "${arguments[@]}" --shard $i/3 -j 1 -o part$i.h5; done
  sde-sample --merge part2.h5 part0.h5 part1.h5 -o merged.h5
  same_data whole.h5 merged.h5
  run sde-sample --merge part0.h5 part1.h5 -o merged2.h5
  assert_failure 65
  fails_with 2 sde-sample "${arguments[@]}" --shard 0/3 -o part.csv
}

@test "samplers are ranked on data, and one is recommended" {
  sde-sample @two-moons -N 1000 -o data.csv
  run --separate-stderr -0 sde-bench samplers data.csv -N 512 --nfe 5,10 --budget 10 --sampler euler --sampler heun \
    --sampler dpmpp_2m --components 8 --json
  # The cheapest of those within a tenth of the best, or of what two sets of draws differ by.
  json '.suite == "samplers" and ([.runs[].nfe] | max) <= 10 and (.runs[0].floor > 0) and
    ([.runs[] | select(.name == "recommended")] | length == 1) and
    ([.runs[] | select(.name == "recommended")][0].value <= ([([.runs[].value] | min) * 1.1, .runs[0].floor] | max) + 1e-9)' <<<"$output"
  fails_with 2 sde-bench samplers
  fails_with 2 sde-bench samplers data.csv --sampler heum
  assert_output --partial 'heun'
}

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

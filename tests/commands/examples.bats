# The examples as their Makefiles make them, and only what changed is made again.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
}

# A copy, so that nobody's out/ is in the way.
copy() {
  mkdir "$1"
  find "$SDE_ROOT/examples/$1" -maxdepth 1 -type f -exec cp -p {} "$1/" \;
  cd "$1" || return
}

# A second make prints the table and runs no program.
nothing_left() {
  run -0 make -n BIN="$SDE_BIN"
  assert_output 'cat out/table.txt'
}

# The table in the README is the one that was made.
table_is_shown() {
  run -0 diff out/table.txt <(awk '/^```/{code = !code; next} code' README.md)
}

@test "tbill: the estimates that the literature has, two fans" {
  copy tbill
  run -0 make BIN="$SDE_BIN"
  # Vasicek, exact, June 1964 to December 1989; CIR by the Euler density on the same.
  run -0 grep -E '^early +vasicek +exact +0\.3514[0-9]+ +0\.0743[0-9]+ +0\.0214[0-9]+ +1126\.7[23]' out/table.txt
  run -0 grep -E '^early +cir +euler +0\.2414[0-9]+ +0\.0764[0-9]+ +0\.0673[0-9]+ +1189\.21' out/table.txt
  assert_equal "$(wc -l <out/table.txt)" 7
  for picture in forecast fan-vasicek fan-cir fit-cir; do
    is_png out/$picture.png
  done
  nothing_left
  table_is_shown
  touch vasicek.json
  run -0 make -n BIN="$SDE_BIN"
  assert_output --partial 'vasicek.json'
  refute_output --partial 'sde-fit cir.json'
}

@test "geyser: a score model beats one Gaussian on held-out eruptions" {
  copy geyser
  run -0 make BIN="$SDE_BIN"
  for rival in gaussian scott loo; do
    echo "$rival $(jq -r '[.mean, .n] | @tsv' out/loglik-$rival.json)"
  done
  # The Gaussian in closed form, on 68 rows; scipy's gaussian_kde says -4.29675 with Scott's bandwidth.
  json '.n == 68 and (.mean + 4.610719 | fabs) < 1e-3' out/loglik-gaussian.json
  json '.mean + 4.296750 | fabs < 1e-3' out/loglik-scott.json
  assert [ "$(jq -s '.[0].mean > .[1].mean + 0.3' out/loglik-model.json out/loglik-gaussian.json)" = true ]
  nothing_left
  table_is_shown
  for picture in samples loss; do
    is_png out/$picture.png
  done
}

@test "digits: a U-Net learns what no Gaussian has" {
  copy digits
  run -0 make BIN="$SDE_BIN"
  json '.validation_loss < 0.75 * .loss_floor and .steps == 1500 and .rows > 1500' out/train.log
  nothing_left
  table_is_shown
  for picture in samples loss; do
    is_png out/$picture.png
  done
  # The pixels of samples are those of digits: dark corners, bright middles.
  python '
import h5py
with h5py.File("out/samples.h5") as f:
    x = f["samples/x"][()]
assert x.shape == (100, 64) and abs(x[:, [0, 7, 56]].mean()) < 1 and 6 < x[:, [27, 28, 35, 36]].mean() < 12'
}

@test "anomaly: digits in fewer bits than mirrored and turned ones" {
  copy anomaly
  run -0 make BIN="$SDE_BIN" DIGITS="$SDE_ROOT/examples/digits/digits.csv"
  json '.bits_per_dim < 2.9617 and .dequantisation.step == 1 and .n == 297' out/test.log
  json '.bits_per_dim > 3.5' out/mirrored.log
  run -0 make -n BIN="$SDE_BIN" DIGITS="$SDE_ROOT/examples/digits/digits.csv"
  assert_output 'cat out/table.txt'
  table_is_shown
  is_png out/anomaly.png
}

@test "images in the IDX format become data" {
  copy digits
  python '
import gzip, struct
with gzip.open("images.gz", "wb") as f:
    f.write(struct.pack(">HBB3I", 0, 8, 3, 3, 2, 2) + bytes(range(0, 12 * 20, 20)))
with gzip.open("labels.gz", "wb") as f:
    f.write(struct.pack(">HBBI", 0, 8, 1, 3) + bytes([2, 0, 1]))'
  ./idx.py images.gz labels.gz data.h5
  run -0 sde-bench check data.h5
  run -0 score-train @train-vp data.h5 -n -o model.h5 --set classes=3
  assert_output --partial 'to train on'
}

@test "digits: Fashion-MNIST is read and trained on" {
  [ -f /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz ] || skip "dataset-fashion-mnist is not installed"
  copy digits
  run -0 make BIN="$SDE_BIN" out/fashion.h5
  score-train fashion.json out/fashion.h5 -o out/fashion-model.h5 --steps 1 --batch 16 --set validation_fraction=0.001 --json >out/fashion.log
  json '.rows + .validation_rows == 60000 and .loss > 0.5 and .loss < 2 and .loss_floor < 0.2' out/fashion.log
  run -0 sde-sample out/fashion-model.h5 -N 2 --sampler heun --steps 2 --plot out/fashion.png
  is_png out/fashion.png
}

@test "gbm-call: Black and Scholes, and an order of magnitude less work" {
  copy gbm-call
  run -0 make BIN="$SDE_BIN"
  # 100 Phi(d) - 100 exp(-0.05) Phi(d - 0.2), d = 0.35.
  assert_equal "$(cut -c1-9 out/truth.txt)" 10.450583
  # Every price within three standard errors and the bias that the program tells, and the errors as asked for.
  awk 'NR > 1 { n = NF; e = $(n-5) < 0 ? -$(n-5) : $(n-5); if (e > 3*$(n-4) + 2*$(n-3)) exit 1 } END { if (NR != 11) exit 1 }' out/table.txt
  awk '/ to / { if ($6 > $3 || $7 > $3) exit 1 }' out/table.txt
  awk '/^milstein to 0.01/ { found = $NF > 30 } END { exit !found }' out/table.txt
  is_png out/mlmc.png
  nothing_left
  table_is_shown
}

@test "the data are what the Debian packages hold" {
  digits=/usr/lib/python3/dist-packages/sklearn/datasets/data/digits.csv.gz
  [ -f /usr/share/gretl/db/fedstl.idx ] || [ -f /usr/lib/R/library/datasets/data/Rdata.rdx ] ||
    [ -f "$digits" ] || skip "none of gretl-data, r-base-core and python3-sklearn is installed"
  if [ -f /usr/share/gretl/db/fedstl.idx ]; then
    "$SDE_ROOT/examples/tbill/extract.py" | cmp - "$SDE_ROOT/examples/tbill/tb3ms.csv"
  fi
  if [ -f /usr/lib/R/library/datasets/data/Rdata.rdx ]; then
    "$SDE_ROOT/examples/geyser/extract.py" | cmp - "$SDE_ROOT/examples/geyser/faithful.csv"
  fi
  if [ -f "$digits" ]; then
    "$SDE_ROOT/examples/digits/extract.py" | cmp - "$SDE_ROOT/examples/digits/digits.csv"
  fi
}

@test "toys: a flow trained on its own pairs is straight" {
  copy toys
  run -0 make BIN="$SDE_BIN"
  for toy in two-moons checkerboard; do
    json '.straightness > 0.3' out/$toy-flow.json
    json '.straightness < 0.001' out/$toy-reflow.json
  done
  nothing_left
  table_is_shown
  for picture in noising models; do
    is_png out/$picture.png
  done
}

@test "sampling: paths, cost, guidance, what is known, and ways between data" {
  copy sampling
  run -0 make BIN="$SDE_BIN"
  for picture in flow reverse cost class-0 class-1 class-4 inpainted between; do
    is_png out/$picture.png
  done
  # The same marginal by both kinds of path, within Monte Carlo error of the exact one.
  for kind in flow reverse; do
    json '(.mean[0] - 0.3 | fabs) < 0.03 and (.std[0] - 0.9744 | fabs) < 0.02' out/$kind.json
  done
  json '(.mean[0] - 0.8 | fabs) < 0.02 and (.std[0] - 0.6 | fabs) < 0.02' out/given-tweedie.json
  assert [ "$(jq -s '(.[0].mean[0] - 0.8 | fabs) < (.[1].mean[0] - 0.8 | fabs)' out/given-repaint.json out/given-replacement.json)" = true ]
  nothing_left
  table_is_shown
}

@test "digit-samples: quality against cost, classes, halves of digits, and ways between them" {
  copy digit-samples
  run -0 make BIN="$SDE_BIN" DIGITS="$SDE_ROOT/examples/digits/digits.csv"
  for picture in quality guidance inpainted between; do
    is_png out/$picture.png
  done
  # More evaluations bring every sampler closer; with six the multistep method leads.
  awk 'NR == 1 {for (i = 2; i <= 5; ++i) first[i] = $i}
    END {for (i = 2; i <= 5; ++i) if ($i >= first[i]) exit 1; if (first[5] >= first[2] || first[5] >= first[3]) exit 1}' out/quality.txt
  # Without guidance a class is hit by chance, with it nearly always.
  awk '$1 == 0 && ($2 < 4 || $2 > 20) || $1 == 1 && $2 < 85 || $1 == 3 && $2 < 95 {exit 1}' out/classes.txt
  # What is known stays, the rest is drawn anew: nine different completions.
  python '
import csv, json
for k in range(5):
    known = json.load(open(f"out/known-{k}.json"))["observation"]["known"]
    rows = list(csv.DictReader(open(f"out/inpainted-{k}.csv")))
    assert len(rows) == 9 and len(known) == 32
    assert all(abs(float(row[name]) - v) < 1e-12 for row in rows for name, v in known.items())
    assert len({row["p55"] for row in rows}) == 9
# Ways start and end at their digits.
rows = [[float(x) for x in row[-64:]] for row in list(csv.reader(open("out/between.csv")))[1:]]
pairs = [[float(x) for x in row] for row in list(csv.reader(open("out/pairs.csv")))[1:]]
off = max(abs(a - b) for k in range(10) for a, b in zip(pairs[k], rows[k // 2 * 12 + (11 if k % 2 else 0)]))
assert len(rows) == 60 and off < 2e-3, off'
  run -0 make -n BIN="$SDE_BIN" DIGITS="$SDE_ROOT/examples/digits/digits.csv"
  assert_output 'cat out/table.txt'
  table_is_shown
}

@test "heston: the semi-closed price, and errors that halve with the step" {
  copy heston
  run -0 make BIN="$SDE_BIN"
  # Broadie and Kaya (2006) print 6.8061.
  run -0 awk '$1 == 100 { print $2 }' out/smile.txt
  assert_output --regexp '^6\.8061'
  # From 8 steps to 64 each halving takes a third of the error or more; with 128 steps every price is within three
  # standard errors and the bias left.
  awk '$2 == 100 && $1 <= 64 { if (n++ && $5 > last * 2 / 3) exit 1; last = $5 }
       $1 == 128 { m++; if ($5 > 3 * $6 + last / 2 || -$5 > 3 * $6) exit 1 } END { exit n != 5 || m != 5 }' out/runs.txt
  is_png out/heston.png
  nothing_left
  table_is_shown
}

@test "cir-near-zero: the boundary rules against the exact law" {
  copy cir-near-zero
  run -0 make BIN="$SDE_BIN"
  # Columns: rule, method, steps, error of the mean, its standard error, that of the deviation, that of P(r < 0.001), its error.
  row() { awk -v rule="$1" -v method="$2" -v steps="$3" '$1 == rule && $2 == method && $3 == steps' out/runs.txt; }
  # The law itself within 3.5 standard errors; absorbing and reflecting far off on their sides; truncation hardly.
  row full-truncation exact 1 | awk '{ n++; if ($4 > 3.5*$5 || -$4 > 3.5*$5 || $7 > 3.5*$8 || -$7 > 3.5*$8) exit 1 } END { exit !n }'
  row reflect euler-maruyama 16 | awk '{ n++; if ($4 < 20*$5) exit 1 } END { exit !n }'
  row absorb euler-maruyama 16 | awk '{ n++; if (-$4 < 20*$5 || $7 < 0.2) exit 1 } END { exit !n }'
  row full-truncation euler-maruyama 16 | awk '{ n++; if ($4 > 5*$5 || -$4 > 5*$5) exit 1 } END { exit !n }'
  row none euler-maruyama 64 | awk '{ n++; if ($9 + 0 < 20) exit 1 } END { exit !n }'
  # More steps, less error of the mean and of the probability.
  for rule in reflect absorb; do
    awk -v rule=$rule '$1 == rule && $2 == "euler-maruyama" { e = $4 < 0 ? -$4 : $4; if (n++ && e > last) exit 1; last = e } END { exit n != 4 }' out/runs.txt
  done
  awk '$1 == "full-truncation" && $2 == "euler-maruyama" { if (n++ && $7 > last * 0.75) exit 1; last = $7 } END { exit n != 4 }' out/runs.txt
  is_png out/cir.png
  nothing_left
  table_is_shown
}

@test "double-well: the exact mean time with the bridge, a level that moved away without" {
  copy double-well
  run -0 make BIN="$SDE_BIN"
  # 2/sigma^2 times the double integral, sigma = 0.5.
  awk '$5 != 18.4262 && NR > 1 { exit 1 }' out/table.txt
  awk '{ e = $6 < 0 ? -$6 : $6 } $1 == "heun" && $2 == "bridge" { n++; if (e > 3 * $7) exit 1 } END { exit n != 4 }' out/table.txt
  awk '{ e = $4 - $8; if (e < 0) e = -e } $2 == "none" { n++; if ($6 < 10 * $7 || $3 < 0.2 && e > 3 * $7) exit 1 } END { exit n != 4 }' out/table.txt
  # The histogram is that of the exact density: chi-squared per bin over those with a hundred expected and more.
  awk 'NR == 1 { for (i = 1; i <= NF; ++i) column[$i] = i; next }
       { e = 24000 * $column["exact"]; o = 24000 * $column["heun_bridge_0.1"]; if (e > 100) { x += (o - e)^2 / e; n++ } }
       END { print x, n; exit !(n > 30 && x < 1.8 * n) }' out/density.txt
  is_png out/double-well.png
  nothing_left
  table_is_shown
}

@test "lorenz: balances that hold for any noise, and the exponent without" {
  copy lorenz
  run -0 make BIN="$SDE_BIN"
  # sigma, then mean and standard error of z, the three balances and the exponent.
  awk 'NR > 1 { n++; for (i = 4; i <= 8; i += 2) if ($i > 3 * $(i+1) || -$i > 3 * $(i+1)) exit 1 } END { exit n != 4 }' out/table.txt
  awk '$1 == "0" { d = $10 - 0.9056; if (d > 3 * $11 || -d > 3 * $11 || $11 > 0.002) exit 1; n++ } END { exit n != 1 }' out/table.txt
  awk 'NR > 2 { if ($10 > last) exit 1 } { last = $10 }' out/table.txt
  # Noise that is there: paths from one point with one Brownian motion lie apart from the first step on.
  run -1 cmp <(sed -n 2,3p out/path-0.csv) <(sed -n 2,3p out/path-2.csv)
  is_png out/lorenz.png
  nothing_left
  table_is_shown
}

@test "wind-tunnel: orders of solvers, and the variance of gusts" {
  copy wind-tunnel
  run -0 make BIN="$SDE_BIN"
  # x(10) = 1.26164502; Heun with step 1 is off by 2.31e-2, and so is Euler with step 0.1.
  run -0 awk '$1 == "heun" && $2 == 1 || $1 == "euler" && $2 == 0.1 { print $6 }' out/table.txt
  assert_output $'2.31e-02\n2.31e-02'
  awk '$1 == "rk4" && $2 == 0.1 { d = $5 - 1.2616450; n++; if (d > 2e-7 || -d > 2e-7) exit 1 } END { exit n != 1 }' out/table.txt
  # Means off by Euler-Maruyama's error for step 0.01 at the most, variances within three standard errors.
  awk '$1 ~ /^0\./ && NF == 8 { n++; m = $3 - $4; v = $6 - $7; if (m > 0.0036 + 3 * $5 || -m > 3 * $5 || v > 3 * $8 || -v > 3 * $8) exit 1 } END { exit n != 9 }' out/table.txt
  assert_equal "$(wc -l <out/sde-0.5.csv)" 10101
  is_png out/wind-tunnel.png
  nothing_left
  table_is_shown
}

@test "tbill-models: CKLS and constant elasticity lead, moments reject Vasicek and CIR" {
  copy tbill
  cd ..
  copy tbill-models
  run -0 make BIN="$SDE_BIN"
  assert_equal "$(awk 'NR > 1 {print $1}' out/table.txt | tr '\n' ' ')" 'ckls cev brennan-schwartz gbm cir vasicek '
  run -0 grep -E '^vasicek +exact +3 +1126\.7298' out/table.txt
  assert [ "$(awk '($1 == "cir" || $1 == "vasicek") && $10 > 0.01' out/table.txt | wc -l)" -eq 0 ]
  is_png out/ckls.png
  nothing_left
  table_is_shown
}

@test "nile: the variances of the literature, and one fall beats a wandering level" {
  copy nile
  run -0 make BIN="$SDE_BIN"
  json '.estimates | (.sigma.value * .sigma.value - 1469.1 | fabs) < 5 and (.eta.value * .eta.value - 15099 | fabs) < 15' out/models.json
  assert_equal "$(awk 'NR > 1 {print $1}' out/table.txt | tr '\n' ' ')" 'break level mean '
  is_png out/nile.png
  nothing_left
  table_is_shown
}

@test "volatility: a particle filter of returns and a Kalman filter of their squares" {
  copy volatility
  run -0 make BIN="$SDE_BIN"
  json '.converged and .density == "kalman" and .transitions == 2527' out/squares.json
  json '.converged and .density == "particle" and .diagnostics.pit_ks_p > 0.01' out/returns.json
  for picture in volatility residuals; do
    is_png out/$picture.png
  done
  nothing_left
  table_is_shown
}

@test "densities: the exact one is unbiased at any step, Euler's bias is the known one" {
  copy densities
  run -0 make BIN="$SDE_BIN"
  # kappa within four standard errors of 1 by the exact density, of (1 - e^-h)/h by Euler's.
  run -0 awk '$2 == "exact" || $2 == "euler" {
      split($1, part, "/"); h = 1/part[2]; truth = $2 == "exact" ? 1 : (1 - exp(-h))/h
      if (($3 - truth)^2 > 16*$4^2) { print; bad = 1 } } END { exit bad }' out/estimates.txt
  is_png out/bias.png
  nothing_left
  table_is_shown
}

@test "sweep: 49 mean times, each within its error and in order" {
  copy sweep
  run -0 make BIN="$SDE_BIN"
  assert_equal "$(wc -l <out/sweep.csv)" 50
  # Columns: sigma, tilt, mean time, its error, the fraction that arrived, the exact mean.
  awk 'NF { n++; d = $3 - $6; if (d < 0) d = -d; if (d > 3 * $4 || d > 0.03 * $6 || $5 != 1) exit 1 } END { exit n != 49 }' out/map.txt
  # More noise or more tilt, less time: differences of a few hundredths, by common random numbers.
  awk 'NF { if ($1 in below && $3 >= below[$1] || $1 > sigma && sigma && $3 >= last) exit 1
            below[$1] = last = $3; sigma = $1 } !NF { sigma = 0 }' out/map.txt
  is_png out/sweep.png
  nothing_left
  table_is_shown
}

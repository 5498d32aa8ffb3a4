# Wrong input gets one sentence that says where and what, and the right exit status.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  write_ou
  write_mixture
  write_train
}

# edit FILTER: ou.json changed by a jq filter.
edit() {
  jq "$1" ou.json >edited.json
}

# --- HDF5 ---

@test "a truncated HDF5 file" {
  sde-simulate ou.json -N 100 -o paths.h5
  head -c 20000 paths.h5 >short.h5
  fails_with 65 sde-fit ou.json short.h5
  assert_output --partial 'short.h5'
  fails_with 65 sde-bench check short.h5
  assert_output --partial 'short.h5'
  fails_with 65 bash -c 'sde-fit ou.json - <short.h5'
  assert_output --partial 'standard input'
}

@test "a foreign HDF5 file" {
  python 'import h5py; h5py.File("foreign.h5", "w")["numbers"] = [1.0, 2.0]'
  fails_with 65 sde-fit ou.json foreign.h5
  assert_output --partial 'foreign.h5'
  assert_output --partial 'sdetools'
  fails_with 65 sde-sample foreign.h5
  fails_with 65 sde-bench check foreign.h5
}

@test "a newer HDF5 file names both versions" {
  sde-simulate ou.json -N 10 -o paths.h5
  python 'import h5py; h5py.File("paths.h5", "r+").attrs.modify("format_version", [99, 0])'
  fails_with 65 sde-fit ou.json paths.h5
  assert_output --partial '99'
  assert_output --regexp '\b1\b'
  fails_with 65 sde-bench check paths.h5
}

@test "an incomplete HDF5 file" {
  sde-simulate ou.json -N 10 -o paths.h5
  python 'import h5py; del h5py.File("paths.h5", "r+").attrs["complete"]'
  fails_with 65 sde-fit ou.json paths.h5
  assert_output --partial 'complete'
  fails_with 65 sde-bench check paths.h5
}

@test "a file of another kind says which kind it is" {
  sde-simulate ou.json -N 10 -o paths.h5
  fails_with 65 sde-sample paths.h5
  assert_output --partial 'ensemble'
  sde-sample mixture.json -N 10 -o samples.h5
  fails_with 65 sde-sample samples.h5
}

@test "text or nothing where HDF5 was expected" {
  : >empty.h5
  echo hello >text.h5
  for file in empty.h5 text.h5; do
    fails_with 65 sde-bench check $file
    assert_output --partial $file
    run -65 sde-fit ou.json $file
  done
}

# --- CSV ---

@test "CSV with a ragged row names the line" {
  printf 'time,x\n0,1\n1\n2,3\n' >ragged.csv
  fails_with 65 sde-fit ou.json ragged.csv
  assert_output --partial 'ragged.csv:3: has 1 cell where the header has 2'
}

@test "CSV with text in a number column names line and column" {
  printf 'time,x\n0,1\n1,abc\n2,3\n' >text.csv
  fails_with 65 sde-fit ou.json text.csv
  assert_output --partial 'text.csv:3: column "x": must be a number (got "abc")'
}

@test "an empty CSV file, and one with a header alone" {
  : >empty.csv
  fails_with 65 sde-fit ou.json empty.csv
  assert_output --partial 'empty.csv'
  printf 'time,x\n' >header.csv
  fails_with 65 sde-fit ou.json header.csv
  assert_output --partial 'header.csv'
  fails_with 65 score-train train.json header.csv -o model.h5
}

@test "times that do not increase" {
  printf 'time,x\n0,1\n2,1.5\n1,3\n' >times.csv
  fails_with 65 sde-fit ou.json times.csv
  assert_output --partial 'times.csv'
}

@test "data of another dimension than the model" {
  printf 'a,b,c\n1,2,3\n4,5,6\n' >three.csv
  fails_with 65 sde-likelihood mixture.json three.csv
  assert_output --partial '3'
  assert_output --partial '2'
}

@test "a column that is not there" {
  printf 'time,x\n0,1\n1,2\n2,3\n' >data.csv
  fails_with 65 sde-fit ou.json data.csv --columns y
  assert_output --partial 'y'
}

# --- JSON ---

@test "an unknown key gets a suggestion" {
  edit '{sde: ., solver: {mehtod: "heun"}}'
  fails_with 2 sde-simulate edited.json
  assert_output --partial 'edited.json'
  assert_output --partial 'mehtod'
  assert_output --partial 'method'
  edit '.drfit = .drift | del(.drift)'
  fails_with 2 sde-simulate edited.json
}

@test "a value of the wrong type names the pointer and what was found" {
  edit '{sde: ., paths: "many"}'
  fails_with 2 sde-simulate edited.json
  assert_output --partial 'edited.json: at /paths'
  assert_output --partial 'many'
  edit '.parameters.kappa = "two"'
  fails_with 2 sde-simulate edited.json
  assert_output --partial '/parameters/kappa'
}

@test "JSON that does not parse names line and column" {
  printf '{ "state": ["x"],\n  "drift": {"x": "-x",}\n}\n' >broken.json
  fails_with 2 sde-simulate broken.json
  assert_output --regexp 'broken.json: line 2'
  : >empty.json
  fails_with 2 sde-simulate empty.json
}

@test "NaN, infinity and numbers out of range are not JSON numbers" {
  for number in NaN Infinity -Infinity 1e999; do
    sed "s/2.0/$number/" ou.json >nan.json
    fails_with 2 sde-simulate nan.json
    assert_output --partial 'nan.json'
  done
  fails_with 2 sde-simulate ou.json --dt nan
}

@test "JSON nested a hundred thousand deep" {
  python 'print("[" * 100000 + "]" * 100000)' >deep.json
  fails_with 2 sde-simulate deep.json
  assert_output --partial 'deep.json'
  python 'print("{\"sde\":" * 100000 + "1" + "}" * 100000)' >deep.json
  fails_with 2 sde-simulate deep.json
}

@test "an expression nested too deeply, or too long for a name" {
  python 'import json; d = json.load(open("ou.json")); d["drift"]["x"] = "(" * 100000 + "x" + ")" * 100000; json.dump(d, open("deep.json", "w"))'
  fails_with 2 sde-simulate deep.json
}

@test "a key given twice" {
  printf '{"state": ["x"], "drift": {"x": "-x"}, "drift": {"x": "x"}}' >twice.json
  fails_with 2 sde-simulate twice.json
  assert_output --partial 'drift'
}

# --- expressions ---

@test "an expression with an unknown name shows where and suggests" {
  edit '.drift.x = "kapa*(theta - x)"'
  fails_with 2 sde-simulate edited.json
  assert_output --partial 'edited.json: at /drift/x'
  assert_output --partial 'kapa'
  assert_output --partial 'kappa'
}

@test "unbalanced parentheses" {
  edit '.drift.x = "kappa*(theta - x"'
  fails_with 2 sde-simulate edited.json
  assert_output --partial '/drift/x'
  edit '.drift.x = "kappa*theta - x)"'
  fails_with 2 sde-simulate edited.json
  edit '.drift.x = ""'
  fails_with 2 sde-simulate edited.json
}

@test "a drift for a state that does not exist, and a state without one" {
  edit '.drift.y = "x"'
  fails_with 2 sde-simulate edited.json
  assert_output --partial 'y'
}

# --- numbers that make no sense ---

@test "dt that is zero, negative, or asks for more than 2^62 steps" {
  for dt in 0 -0.1; do
    fails_with 2 sde-simulate ou.json --dt $dt
    assert_output --partial 'must be > 0'
    assert_output --partial "got $dt"
  done
  edit '{sde: ., solver: {dt: -0.1}}'
  fails_with 2 sde-simulate edited.json
  assert_output --partial 'edited.json: at /solver/dt: must be > 0 (got -0.1)'
  fails_with 2 sde-simulate ou.json --dt 1e-30
  assert_output --partial 'steps'
}

@test "a dt that does not divide the interval shortens the last step and says so" {
  run --separate-stderr -0 sde-simulate ou.json --dt 0.3 --save 2 -N 10
  assert_regex "$stderr" 'last step'
  run --separate-stderr -0 sde-simulate ou.json --dt 0.25 --save 5 -N 10
  refute_regex "$stderr" 'last step'
}

@test "a start outside its domain" {
  write_ou
  fails_with 2 sde-simulate ou.json --set 'sde.domain={"x":{"min":0.5,"boundary":"reflect"}}'
  assert_output --partial 'at /initial/x: must not lie below the domain, which begins at 0.5 (got 0)'
  fails_with 2 sde-simulate ou.json --set 'sde.domain={"x":{"max":-1}}' --set 'sde.initial.x={"normal":[1,2]}'
  assert_output --partial 'which ends at -1 (got 1)'
  sde-simulate ou.json --set 'sde.domain={"x":{"min":0,"boundary":"reflect"}}' -N 10 >/dev/null
}

@test "no paths, a time span turned round" {
  fails_with 2 sde-simulate ou.json -N 0
  edit '{sde: ., time: {start: 1, end: 0}}'
  fails_with 2 sde-simulate edited.json
  assert_output --partial '/time'
}

@test "a method outside its claim, and one that does not exist" {
  fails_with 2 sde-simulate @gbm --method sra1
  assert_output --partial 'sra1'
  assert_output --partial 'diagonal noise'
  assert_output --partial 'euler-maruyama'
  fails_with 2 sde-simulate @ou --method milstien
  assert_output --partial 'milstein'
  fails_with 2 sde-simulate @gbm --method rk4
}

@test "an explicit picture without a known ending" {
  fails_with 2 sde-simulate ou.json --plot fan.gif
  assert_output --partial 'png'
}

@test "a picture on a machine without gnuplot is refused before any work" {
  mkdir bin
  for program in sde-simulate; do ln -s "$(command -v $program)" bin/; done
  run --separate-stderr env PATH="$PWD/bin" sde-simulate ou.json -N 10 -o paths.h5 --plot fan.png
  assert_failure
  assert_regex "$stderr" 'gnuplot'
  assert_regex "$stderr" 'install'
  assert [ ! -e paths.h5 ]
}

# --- score models ---

@test "an unknown sampler, process or score type gets a suggestion" {
  fails_with 2 sde-sample mixture.json --sampler huen
  assert_output --partial 'heun'
  jq '.process.type = "pv"' mixture.json >bad.json
  fails_with 2 sde-sample bad.json
  assert_output --partial 'vp'
  jq '.score.type = "gausian"' mixture.json >bad.json
  fails_with 2 sde-sample bad.json
  assert_output --partial 'gaussian'
}

@test "weights, means and covariances that do not fit together" {
  jq '.score.means = [[0, 0]]' mixture.json >bad.json
  fails_with 2 sde-sample bad.json
  jq '.score.covariances[0] = [[1, 2], [2, 1]]' mixture.json >bad.json
  fails_with 2 sde-sample bad.json
  assert_output --partial 'covariance'
  jq '.score.weights = [-1, 2]' mixture.json >bad.json
  fails_with 2 sde-sample bad.json
}

@test "sampling without a step" {
  fails_with 2 sde-sample mixture.json --steps 0
  assert_output --partial '0'
}

@test "training data that are constant, missing or one row" {
  printf 'x,y\n1,2\n1,3\n1,4\n' >constant.csv
  fails_with 65 score-train train.json constant.csv -o model.h5
  assert_output --partial 'x'
  printf 'x,y\n1,2\n' >one.csv
  fails_with 65 score-train train.json one.csv -o model.h5
  assert [ ! -e model.h5 ]
}

@test "score-train without -o" {
  sde-sample mixture.json -N 100 -o data.h5
  fails_with 2 score-train train.json data.h5
  assert_output --partial -- '-o'
}

# --- estimation ---

@test "one observation, and a constant series" {
  printf 'time,x\n0,1\n' >one.csv
  fails_with 65 sde-fit ou.json one.csv
  printf 'time,x\n0,1\n1,1\n2,1\n3,1\n4,1\n' >constant.csv
  run sde-fit ou.json constant.csv
  assert [ $status -eq 65 ] || [ $status -eq 1 ]
}

@test "a parameter that is fixed but not there" {
  sde-simulate ou.json -N 10 -o paths.h5
  fails_with 2 sde-fit ou.json paths.h5 --fix kapa=1
  assert_output --partial 'kappa'
}

@test "an exact density for an SDE without one" {
  sde-simulate @double-well -N 10 -o paths.h5
  fails_with 2 sde-fit @double-well paths.h5 --density exact
  assert_output --partial 'euler'
}

@test "an implicit step without a solution is told with its path and time" {
  cat >tangent.json <<'JSON'
{ "name": "tangent", "state": ["x"], "drift": {"x": "x*x + 1"}, "diffusion": {"x": "0.3"}, "initial": {"x": 0.0} }
JSON
  run --separate-stderr -0 sde-simulate tangent.json --method theta --theta 0.8 --dt 0.02 --end 1.6 -N 500 --json -o paths.h5
  jq -e '.status.unsolved > 100 and .status.unsolved <= .status.non_finite and .unsolved.time > 0.8 and .unsolved.time < 1.6' <<<"$output"
  id=$(jq .unsolved.path_id <<<"$output")
  assert_regex "$stderr" "Newton's iteration .* did not converge on [0-9]+ of 500 paths, first on path $id in the step from t = "
  fails_with 2 sde-simulate @ou --method heun --theta 0.5
  assert_output --partial 'theta'
  fails_with 2 sde-simulate @ou --method theta --radius 3
}

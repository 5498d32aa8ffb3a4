# Loaded by every suite of this folder. SDE_BIN is where the programs are (tests/run sets it).
: "${SDE_ROOT:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${SDE_BIN:=$SDE_ROOT/build/release/bin}"
export SDE_ROOT SDE_BIN LC_ALL=C
PATH=$SDE_BIN:$PATH
bats_load_library bats-support
bats_load_library bats-assert

# Every test runs in a directory of its own that bats throws away.
common_setup() {
  cd "$BATS_TEST_TMPDIR" || return
}

programs=(sde-simulate sde-fit score-train sde-sample sde-likelihood sde-bench)

# Documents that most suites start from.
write_ou() {
  cat >ou.json <<'EOF'
{ "name": "ou", "parameters": {"kappa": 2.0, "theta": 1.0, "sigma": 0.5}, "state": ["x"],
  "drift": {"x": "kappa*(theta - x)"}, "diffusion": {"x": "sigma"}, "initial": {"x": 0.0} }
EOF
}

write_mixture() {
  cat >mixture.json <<'EOF'
{ "process": {"type": "vp"}, "score": {"type": "gaussian_mixture", "weights": [0.5, 0.5],
  "means": [[-2, 0], [2, 0]], "covariances": [[[0.25, 0], [0, 0.25]], [[0.25, 0], [0, 0.25]]]} }
EOF
}

# A configuration that trains in about a second.
write_train() {
  cat >train.json <<'EOF'
{ "process": {"type": "vp"}, "network": {"type": "mlp", "hidden": [16, 16], "activation": "silu"},
  "batch": 64, "steps": 50, "seed": 3 }
EOF
}

# fails_with STATUS COMMAND...: the command ends with STATUS, prints nothing on standard output, and exactly one
# sentence on standard error, which is left in $output.
fails_with() {
  local expected=$1
  shift
  run --separate-stderr -"$expected" "$@"
  assert_equal "$output" ""
  assert_equal "${#stderr_lines[@]}" 1
  output=$stderr
}

# python CODE [ARG...]: a reader that shares nothing with the programs.
python() {
  /usr/bin/python3 -c "$@"
}

# same_data A B: every dataset but the provenance has the same bits.
same_data() {
  python '
import sys, h5py, numpy as np
def data(name):
    found = {}
    with h5py.File(name, "r") as f:
        f.visititems(lambda path, item: found.__setitem__(path, np.asarray(item[()]))
                     if isinstance(item, h5py.Dataset) and not path.startswith("provenance") else None)
    return found
a, b = data(sys.argv[1]), data(sys.argv[2])
if a.keys() != b.keys():
    sys.exit(f"members differ: {sorted(a.keys() ^ b.keys())}")
if not a:
    sys.exit("no data at all")
for path in a:
    if a[path].dtype != b[path].dtype or a[path].shape != b[path].shape or a[path].tobytes() != b[path].tobytes():
        sys.exit(f"{path} differs")
' "$1" "$2"
}

# json FILTER FILE: what jq prints; false and null fail, and so does no input at all, which jq 1.6 lets pass.
json() {
  local found
  found=$(jq -e "$@") || return
  if [ -z "$found" ]; then
    echo 'json: no input' >&2
    return 1
  fi
  printf '%s\n' "$found"
}

is_png() {
  assert_equal "$(head -c 4 "$1" | tail -c 3)" PNG
  assert [ "$(wc -c <"$1")" -gt 2000 ]
}

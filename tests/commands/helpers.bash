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

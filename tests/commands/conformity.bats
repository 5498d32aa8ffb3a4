bats_require_minimum_version 1.5.0
# What the source tree promises about itself.
setup() {
  load helpers
  cd "$SDE_ROOT" || return
}


@test "sources are formatted as .clang-format says" {
  run -0 bash -c 'find lib tools tests \( -name "*.cc" -o -name "*.h" \) -print0 | xargs -0 -n 8 -P 2 clang-format --dry-run --Werror'
}

@test "folders of the library include only what they may link" {
  run -0 tests/conformity/arrows.py
}

@test "the arrows check finds a forbidden include" {
  mkdir -p "$BATS_TEST_TMPDIR/lib/expr"
  cp lib/CMakeLists.txt "$BATS_TEST_TMPDIR/lib/"
  printf '#include "simd/math.h"\n#include "solve/solve.h"\n' >"$BATS_TEST_TMPDIR/lib/expr/bad.cc"
  run -1 tests/conformity/arrows.py "$BATS_TEST_TMPDIR"
  assert_output --partial "lib/expr/bad.cc:2: expr may not include solve/"
  assert [ ${#lines[@]} -eq 1 ]
}

@test "no source file is longer than 600 lines" {
  run bash -c 'find .ci lib man schemas tests tools examples -type f ! -path "*/out/*" \
    \( -name "*.cc" -o -name "*.h" -o -name "*.py" -o -name "*.bats" -o -name "*.scd" -o -name run \) -print0 |
    xargs -0 wc -l | awk "\$1 > 600 && \$2 != \"total\""'
  assert_output ""
}

@test "scripts parse" {
  for script in .ci/run .ci/install.sh tests/run examples/*/run; do
    run -0 bash -n "$script"
  done
}

@test "the changelog names the version that is built" {
  version=$(sed -n 's/^project(sdetools VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
  run -0 grep -F "## [$version]" CHANGELOG.md
}

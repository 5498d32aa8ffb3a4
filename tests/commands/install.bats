# What is installed works from where it was installed to, and so does the Debian package.
bats_require_minimum_version 1.5.0
setup_file() {
  bats_require_minimum_version 1.5.0
  load helpers
  tree=$SDE_ROOT/build/release
  [ -f "$tree/CMakeCache.txt" ] || skip "no build tree at build/release"
  export tree
}
setup() {
  load helpers
  common_setup
}

# works PREFIX: programs, models, schemas, manual pages and completions are there and found.
works() {
  local prefix=$1 program page
  for program in "${programs[@]}"; do
    run -0 env PATH="$prefix/bin:/usr/bin:/bin" "$program" --version
    assert [ -s "$prefix/share/man/man1/$program.1" ] || assert [ -s "$prefix/share/man/man1/$program.1.gz" ]
    assert [ -s "$prefix/share/bash-completion/completions/$program" ]
    run -0 bash -n "$prefix/share/bash-completion/completions/$program"
  done
  for page in sdetools sde-formats; do
    assert [ -s "$prefix/share/man/man7/$page.7" ] || assert [ -s "$prefix/share/man/man7/$page.7.gz" ]
  done
  for schema in sde simulate fit train score; do
    run -0 jq -e . "$prefix/share/sdetools/schemas/$schema.schema.json"
  done
  assert [ -s "$prefix/share/sdetools/models/ou.json" ]
  run -0 env PATH="$prefix/bin:/usr/bin:/bin" bash -c '
    sde-simulate @ou -N 50 -o - | sde-fit @ou - --json | jq -e .converged'
}

@test "an installed tree works after it was moved" {
  cmake --install "$tree" --prefix "$PWD/first" >install.txt
  mv first second
  works "$PWD/second"
}

@test "the Debian package has what it needs, and works where it is unpacked" {
  (cd "$tree" && cpack -G DEB -B "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/cpack.txt" 2>&1) || { cat cpack.txt; false; }
  run -0 dpkg-deb --field ./*.deb Depends
  for library in libc6 libstdc++6 libhdf5-103 libtbb12; do
    assert_output --partial "$library"
  done
  run -0 dpkg-deb --field ./*.deb Recommends
  assert_output --partial gnuplot
  dpkg-deb --extract ./*.deb root
  # The package holds no tests and nothing outside /usr.
  assert_equal "$(ls root)" usr
  refute [ -e root/usr/bin/test_base ]
  works "$PWD/root/usr"
}

@test "the package gets through dpkg in a system of its own" {
  [ "$(id -u)" -eq 0 ] || skip "needs root"
  (cd "$tree" && cpack -G DEB -B "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/cpack.txt" 2>&1)
  # Dependencies are those of this machine: its package database, copied.
  mkdir -p root/var/lib
  cp -a /var/lib/dpkg root/var/lib/
  run -0 dpkg --root="$PWD/root" --force-script-chrootless --install ./*.deb
  run -0 dpkg-query --admindir=root/var/lib/dpkg -W -f='${db:Status-Status}' sdetools
  assert_output installed
}

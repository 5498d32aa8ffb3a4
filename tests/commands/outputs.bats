# The destination of an output is always absent, old, or complete.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  write_ou
  write_mixture
  write_train
}

# Half-written files have other names beside the destination; none may stay.
no_leftovers() {
  assert_equal "$(find . -newer started -type f ! -name ou.json ! -name "$1" ! -name '*.txt' ! -name 'separate-stderr-*' | sort)" ""
}

@test "an existing output is refused, and replaced with -f" {
  sde-simulate ou.json -N 20 -o paths.h5
  sde-sample mixture.json -N 500 -o data.h5
  for command in "sde-simulate ou.json -N 2" "sde-fit ou.json paths.h5" "score-train train.json data.h5" \
    "sde-sample mixture.json -N 2" "sde-likelihood mixture.json data.h5"; do
    echo old >out.h5
    fails_with 73 $command -o out.h5
    assert_output --partial 'out.h5'
    assert_output --partial -- '-f'
    assert_equal "$(cat out.h5)" old
    run -0 $command -o out.h5 -f
    run -0 sde-bench check out.h5
  done
}

@test "an existing picture is refused before any work" {
  echo old >fan.png
  fails_with 73 sde-simulate ou.json -N 100 -o paths.h5 --plot fan.png
  assert [ ! -e paths.h5 ]
  assert_equal "$(cat fan.png)" old
}

@test "a directory that is missing or not writable" {
  fails_with 73 sde-simulate ou.json -N 2 -o absent/paths.h5
  assert_output --partial 'absent'
  mkdir locked
  chmod 555 locked
  if [ "$(id -u)" -eq 0 ]; then
    # Root writes everywhere but here.
    fails_with 73 sde-simulate ou.json -N 2 -o /proc/paths.h5
  else
    fails_with 73 sde-simulate ou.json -N 2 -o locked/paths.h5
  fi
}

@test "the output is not a directory" {
  mkdir paths.h5
  fails_with 73 sde-simulate ou.json -N 2 -o paths.h5 -f
}

# A file size limit stands for a full disk: the write fails half way.
@test "a full disk: exit 74, the old output stands, nothing is left" {
  echo old >paths.h5
  echo old >paths.csv
  touch started
  for file in paths.h5 paths.csv; do
    run --separate-stderr -74 bash -c "ulimit -f 64; trap '' XFSZ; sde-simulate ou.json -N 20000 -f -o $file"
    assert_equal "${#stderr_lines[@]}" 1
    assert_regex "$stderr" "$file"
    assert_equal "$(cat $file)" old
    no_leftovers $file
  done
}

@test "a full disk of its own, foreseen" {
  [ "$(id -u)" -eq 0 ] || skip "mounting needs root"
  unshare -m true 2>/dev/null || skip "no mount namespace here"
  run --separate-stderr -73 unshare -m bash -c 'mkdir disk && mount -t tmpfs -o size=256k none disk &&
    { sde-simulate ou.json -N 20000 -o disk/paths.h5; status=$?; ls disk >left.txt; exit $status; }'
  assert_regex "$stderr" 'disk/paths.h5: would take .* and its disk has'
  assert_equal "$(cat left.txt)" ""
}

@test "a full disk below standard output" {
  [ -c /dev/full ] || skip "no /dev/full"
  run -74 bash -c 'sde-simulate ou.json -N 100 --json >/dev/full'
  run -74 bash -c 'sde-simulate ou.json -N 100 --format csv -o - >/dev/full'
  run -74 bash -c 'sde-simulate ou.json -N 100 -o - >/dev/full'
  run -74 bash -c 'sde-simulate --help >/dev/full'
}

@test "SIGTERM and SIGINT halfway: one sentence, the old output stands" {
  for signal in TERM INT; do
    echo old >paths.h5
    touch started
    # The program itself becomes the child, with the default action for INT restored, which bash takes from its jobs.
    python '
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
p = subprocess.Popen(["sde-simulate", "ou.json", "-N", "1000000", "--dt", "1e-5", "-f", "-o", "paths.h5"],
                     stderr=open("err.txt", "w"))
time.sleep(1)
p.send_signal(getattr(signal, "SIG" + sys.argv[1]))
try:
    sys.exit(p.wait(10) % 256)
except subprocess.TimeoutExpired:
    p.kill()
    sys.exit("still running ten seconds after the signal")
' $signal && status=0 || status=$?
    echo "status $status: $(cat err.txt)"
    # 75 where a checkpoint was written; as after the signal itself where there is nothing to continue.
    assert [ $status -eq 75 ] || [ $status -eq 143 ] || [ $status -eq 130 ]
    assert_equal "$(cat paths.h5)" old
    no_leftovers paths.h5
  done
}

@test "SIGKILL halfway leaves the old output" {
  echo old >paths.h5
  sde-simulate ou.json -N 1000000 --dt 1e-5 -f -o paths.h5 2>err.txt &
  sleep 1
  kill -KILL $!
  wait $! || true
  assert_equal "$(cat paths.h5)" old
}

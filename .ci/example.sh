# Sourced by examples/*/run.
SDE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$SDE_ROOT/.ci/install.sh"

# sde_example FOLDER [--no-install] [-j N]: installs, builds the programs, makes the example, tells what was drawn.
sde_example() {
  local folder=$1 install=1 jobs=0
  shift
  while [ $# -gt 0 ]; do
    case "$1" in
      --no-install) install=0 ;;
      -j) jobs=${2:?-j takes a number}; shift ;;
      -h | --help) echo "usage: ${folder#"$SDE_ROOT"/}/run [--no-install] [-j N]"; return ;;
      *) echo "${folder#"$SDE_ROOT"/}/run: unknown argument $1 (known: --no-install, -j N)" >&2; return 2 ;;
    esac
    shift
  done
  [ $install -eq 0 ] || sde_install
  sde_build programs "$jobs"
  make -C "$folder" --no-print-directory
  echo
  echo "Drawn:"
  ls "$folder"/out/*.png
}

# Sourced by the scripts that a person runs (tests/run, examples/*/run): installs what is missing and builds.
# The caller sets SDE_ROOT, the top of the repository.

# Packages listed in .ci/packages that dpkg does not hold as installed, one a line.
sde_missing_packages() {
  local package
  sed 's/#.*//' "$SDE_ROOT/.ci/packages" | while read -r package; do
    [ -z "$package" ] && continue
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

# Installs the missing packages: as root at once, else through sudo after asking. Exits 2 where it may not.
sde_install() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This is not a Debian system: install the equivalents of .ci/packages yourself, then use --no-install." >&2
    exit 2
  fi
  local list missing as_root=() answer
  list=$(sde_missing_packages)
  [ -z "$list" ] && return
  mapfile -t missing <<<"$list"
  echo "Not installed: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null || [ ! -t 0 ] || [ ! -t 1 ]; then
      echo "Install them as root, then run this again: apt-get install --no-install-recommends ${missing[*]}" >&2
      exit 2
    fi
    read -r -p "Install these ${#missing[@]} packages with sudo apt-get? [y/N] " answer
    case "$answer" in
      [yY]*) as_root=(sudo) ;;
      *) echo "Nothing was installed. --no-install goes on without." >&2; exit 2 ;;
    esac
  fi
  "${as_root[@]}" apt-get update -q || { echo "apt-get update failed." >&2; exit 2; }
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" ||
    { echo "apt-get could not install the packages." >&2; exit 2; }
}

# sde_build PRESET JOBS: configures and builds; JOBS 0 leaves the number to ninja. Returns what the build returned.
sde_build() {
  local preset=$1 jobs=$2 parallel=()
  [ "$jobs" -gt 0 ] && parallel=(-j "$jobs")
  # Objects are the same wherever the tree lies, so a clone elsewhere finds them in ccache.
  export CCACHE_BASEDIR=$SDE_ROOT CCACHE_NOHASHDIR=1 NINJA_STATUS='[%f/%t, %es] '
  (cd "$SDE_ROOT" && cmake --preset "$preset" && cmake --build --preset "$preset" "${parallel[@]}")
}

# The README does what it says.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  ln -s "$SDE_ROOT/examples" examples
  write_train
}

recipes() {
  awk '/^## /{here = ($0 == "## Recipes")} /^```/{code = here && !code; next} code' "$SDE_ROOT/README.md"
}

@test "there are five recipes, of one line each" {
  assert_equal "$(recipes | wc -l)" 5
}

@test "the recipes run" {
  recipes >recipes.txt
  while read -r recipe; do
    echo "$recipe"
    run -0 bash -euo pipefail -c "$recipe"
    rm -f ./*.h5
  done <recipes.txt
  assert [ -s fan.png ]
  assert [ -s moons.png ]
  assert [ "$(wc -l <loglik.csv)" -eq 1001 ]
}

@test "files that the README names are there" {
  for file in $(grep -o -E '\]\([^)]+\)' "$SDE_ROOT/README.md" "$SDE_ROOT"/examples/*/README.md | sed 's/README.md:\](/ /; s/)//' | awk '{print $1 $2}'); do
    case "$file" in *http*) continue ;; esac
    echo "$file"
    assert [ -e "$file" ]
  done
  for program in "${programs[@]}"; do
    run -0 grep -q "^| \`$program\`" "$SDE_ROOT/README.md"
  done
}

# The tables in the code, the schemas, the manual pages and --help name the same choices.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
}

# What the program's own table has, which is what its manual page shows: the terms in one of its sections.
manual_terms() {
  "$1" --print-man-options |
    awk -v section="# $2" '/^# /{here = ($0 == section)} here && /^\*[a-z0-9_-]+\*$/{gsub(/\*/, ""); print}' | sort
}

# Choices of a key in the schema that the program prints.
schema_choices() {
  "$1" --print-schema | jq -r "[$2.enum[]] | sort | .[]"
}

# agree PROGRAM SECTION JQ-PATH OPTION: three lists; the fourth, the code's table, speaks through the error for a wrong name
# and through --help.
agree() {
  local program=$1 section=$2 path=$3 option=$4 name
  manual_terms "$program" "$section" >manual.txt
  schema_choices "$program" "$path" >schema.txt
  assert [ "$(wc -l <schema.txt)" -ge 2 ]
  run -0 diff manual.txt schema.txt
  "$program" --help | tr -s ' \n' '  ' | grep -o -E -- "--$option [^-]*(-[^-][^-]*)*" >help.txt || true
  while read -r name; do
    run -0 grep -q -w -- "$name" help.txt
  done <schema.txt
}

@test "methods" {
  agree sde-simulate METHODS .properties.solver.properties.method method
}

@test "densities" {
  agree sde-fit DENSITIES .properties.density density
}

@test "samplers" {
  agree sde-sample SAMPLERS .properties.sampler sampler
}

@test "every manual page lists exactly the options of --help" {
  for program in "${programs[@]}"; do
    "$program" --help | grep -o -E '^ +(-[A-Za-z], )?--[a-z][a-z-]+' | grep -o -E -- '--[a-z-]+' | sort -u >help.txt
    "$program" --print-man-options | grep -o -E -- '^[^\t]*--[a-z][a-z-]+' | grep -o -E -- '--[a-z-]+' | sort -u >manual.txt
    assert [ "$(wc -l <help.txt)" -ge 10 ]
    run -0 diff help.txt manual.txt
  done
}

@test "every schema is one that its own tests accept: draft 7, and every property described" {
  for schema in "$SDE_ROOT"/schemas/*.schema.json; do
    run -0 jq -e '."$schema" == "http://json-schema.org/draft-07/schema#"' "$schema"
  done
}

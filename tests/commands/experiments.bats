# Monte Carlo experiments of sde-simulate: events, drawn parameters, correlated noise, sweeps.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
  write_ou
}

@test "an event is counted alike in the summary, the file and the merged shards" {
  config='over={"of":"x","level":0.25,"direction":"up","stop":true,"bins":10,"range":[0,2]}'
  sde-simulate ou.json -N 256 --dt 0.01 --event "$config" -o all.h5 --json >all.json
  json '.events.over | .paths + .without == 256 and .fraction > 0.9 and .mean > 0.05 and .mean < 0.5' all.json
  python '
import h5py, json
f, s = h5py.File("all.h5")["events/over"], json.load(open("all.json"))["events"]["over"]
for key, value in s.items():
    assert f[key][()] == value, key
assert f["histogram"][()].sum() == s["paths"] and len(f["histogram_edges"]) == 11
'
  for i in 0 1; do sde-simulate ou.json -N 256 --dt 0.01 --event "$config" --shard $i/2 -o part$i.h5 -q; done
  sde-simulate --merge part0.h5 part1.h5 -o merged.h5 -q
  same_data all.h5 merged.h5
}

@test "events that cannot be are refused" {
  fails_with 2 sde-simulate ou.json --event 'a=kapa'
  assert_output --partial 'unknown name "kapa"'
  fails_with 2 sde-simulate ou.json --event 'a=kappa*0'
  assert_output --partial 'reaches no level'
  fails_with 2 sde-simulate ou.json --event 'a={"of":"x","levl":1}'
  assert_output --partial 'did you mean "level"'
  fails_with 2 sde-simulate ou.json --event 'a={"of":"x","range":[1,1]}'
  assert_output --partial '/range: must be two increasing numbers'
}

@test "shards with trajectories merge into a summary alone" {
  for i in 0 1; do sde-simulate ou.json -N 128 --shard $i/2 -o part$i.h5 -q; done
  sde-simulate --merge part0.h5 part1.h5 --json >merged.json
  sde-simulate ou.json -N 128 --json >all.json
  assert_equal "$(jq .final merged.json)" "$(jq .final all.json)"
}

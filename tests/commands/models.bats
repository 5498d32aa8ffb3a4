# Every equation of the installed library: it says where it comes from, runs to its end, and those with a law agree
# with it.
bats_require_minimum_version 1.5.0
setup() {
  load helpers
  common_setup
}

@test "every equation of the library runs, and agrees with its law" {
  sde-simulate --list-models >models.txt
  python '
import json, subprocess
def run(*args):
    done = subprocess.run(["sde-simulate", *args], capture_output=True, text=True)
    assert done.returncode == 0, (args, done.stderr)
    return done.stdout
names = [line.split()[0].lstrip("@") for line in open("models.txt") if line.strip()]
wanted = """ou gbm cir ckls heston sabr double-well lorenz fitzhugh-nagumo lotka-volterra langevin brusselator wind-tunnel
            cev hull-white black-karasinski stein-stein three-halves chen ait-sahalia jacobi logistic sir duffing van-der-pol
            kuramoto pendulum schlogl stochastic-resonance""".split()
assert not set(wanted) - set(names), set(wanted) - set(names)
laws = 0
for name in names:
    document = json.loads(run("@" + name, "--print-config"))["sde"]
    for key in ("description", "source", "calculus"): assert document.get(key), (name, key)
    r = json.loads(run("@" + name, "-N", "512", "--dt", str(document["time"]["end"] / 1000), "--json", "--seed", "11"))
    assert r["status"]["non_finite"] == 0, (name, r["status"])
    if r["law"] is None: continue
    # By the exact law: no method, no bias.
    exact = json.loads(run("@" + name, "-N", "4000", "--method", "exact", "--json", "--seed", "12"))
    laws += 1
    for state, x in exact["final"].items():
        assert abs(x["exact"]["mean_z"]) < 4 and abs(x["exact"]["variance_z"]) < 4, (name, state, x)
assert laws >= 7, laws
'
}

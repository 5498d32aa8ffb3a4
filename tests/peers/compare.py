#!/usr/bin/env python3
"""Time sde-bench and other libraries side by side, on one core and in one run, and print the ratios.

The other libraries are timed by scripts of their own that take case names and print one JSON object a line with the keys
case, peer, rate and unit (as sde-bench does for ours). A case may be of another suite than --suite, and name its
counterpart in the scripts with the argument that they take for it:
    [SUITE:]CASE[=COUNTERPART[@ARGUMENT]], e.g. "likelihood:loglik_128=loglik_rk4 width 128@128"
A script is run once a round for each argument. Only ratios taken in one run mean anything: machines drift.

usage: compare.py --script SCRIPT [--script SCRIPT ...] [--suite SUITE] [--python PYTHON] [--bin DIR] [--rounds N] [--core N] [CASE ...]
"""
import argparse
import collections
import json
import subprocess

# By suite of sde-bench. The other scripts take the names, but for training the width alone, and report that width alone.
CASES = {"throughput": ["normals", "ou_em", "gbm_milstein", "heston_em", "lorenz_em"],
         "training": ["train_64", "train_128", "train_256"]}


def lines_of_json(text):
    for line in text.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def parts_of(spec, default_suite):
    """Suite and case of ours, case of theirs, the argument their scripts take."""
    ours, _, theirs = spec.partition("=")
    suite, colon, case = ours.rpartition(":")
    suite = suite if colon else default_suite
    counterpart, at, argument = theirs.rpartition("@")
    if not at:
        counterpart, argument = theirs or case, case.rpartition("_")[2] if suite == "training" else theirs or case
    return suite, case, counterpart, argument


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--script", required=True, action="append", help="program that times the others; repeatable")
    parser.add_argument("--suite", default="throughput", choices=CASES, help="suite of sde-bench that holds cases without one of their own")
    parser.add_argument("--python", default="python3", help="interpreter that has the others installed")
    parser.add_argument("--bin", default="build/release/bin", help="where sde-bench is")
    parser.add_argument("--rounds", type=int, default=2, help="runs of both; the best of each counts")
    parser.add_argument("--core", default="0", help="core to run on")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    args = parser.parse_args()
    pin = ["taskset", "-c", args.core]
    rates = collections.defaultdict(dict)  # case -> who -> rate
    for _ in range(args.rounds):
        told = {}  # (script, argument) -> what it printed in this round
        for spec in args.cases or CASES[args.suite]:
            suite, case, counterpart, argument = parts_of(spec, args.suite)
            ours = subprocess.run(pin + [f"{args.bin}/sde-bench", suite, case, "-j", "1", "--json"],
                                  capture_output=True, text=True)
            if ours.returncode not in (0, 1):  # 1: a target is missed
                raise SystemExit(ours.stderr)
            for run in json.loads(ours.stdout)["runs"]:
                rates[case]["sdetools"] = max(run["value"], rates[case].get("sdetools", 0))
            for script in args.script:
                if (script, argument) not in told:
                    theirs = subprocess.run(pin + [args.python, script, argument], capture_output=True, text=True)
                    told[script, argument] = list(lines_of_json(theirs.stdout))
                for run in told[script, argument]:
                    if "rate" in run and (suite == "training" or run["case"] == counterpart):
                        rates[case][run["peer"]] = max(run["rate"], rates[case].get(run["peer"], 0))
    for case, who in rates.items():
        mine = who.pop("sdetools")
        print(f"{case}: sdetools {mine / 1e6:.3g} M/s")
        for peer, rate in sorted(who.items(), key=lambda item: -item[1]):
            print(f"    {peer:<32} {rate / 1e6:9.4g} M/s   sdetools is {mine / rate:6.2f} times as fast")


if __name__ == "__main__":
    main()

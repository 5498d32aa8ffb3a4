#!/usr/bin/env python3
"""Time sde-fit and pymle on the same path of the square-root process, in one run and on one core, and print the ratios.

The path has exact transitions; both start at the same values. pymle stops at its optimum: no standard errors, no residuals.
sde-fit is timed as a whole program: it starts, reads CSV, fits, and adds standard errors, step bias and tests of residuals.
Seconds are those of the processor, which other programs on the machine hardly change; wall time stands beside them.

usage: taskset -c 0 python fit.py [--bin DIR] [--rounds N] [POINTS]      (with a python that has pymle and numpy)
"""
import argparse
import json
import os
import resource
import subprocess
import tempfile
import time

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import numpy as np
from pymle.core.TransitionDensity import EulerDensity, ExactDensity, KesslerDensity, ShojiOzakiDensity
from pymle.fit.AnalyticalMLE import AnalyticalMLE
from pymle.models.CIR import CIR

KAPPA, THETA, SIGMA, STEP = 3.0, 0.3, 0.2, 1 / 250
START = {"kappa": 1.0, "theta": 0.1, "sigma": 0.4}
BOUNDS = [(0.01, 10), (0.01, 4), (0.01, 1)]
DENSITIES = {"exact": ExactDensity, "euler": EulerDensity, "kessler": KesslerDensity, "shoji-ozaki": ShojiOzakiDensity}


def draw_path(points):
    generator = np.random.default_rng(123)
    scale = SIGMA**2 * -np.expm1(-KAPPA * STEP) / (4 * KAPPA)
    x = np.empty(points + 1)
    x[0] = 0.4
    for i in range(points):
        x[i + 1] = scale * generator.noncentral_chisquare(4 * KAPPA * THETA / SIGMA**2, x[i] * np.exp(-KAPPA * STEP) / scale)
    return x


def processor(who):
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def theirs(x, density):
    wall, cpu = time.perf_counter(), processor(resource.RUSAGE_SELF)
    devnull = os.open(os.devnull, os.O_WRONLY)
    keep = os.dup(1)
    os.dup2(devnull, 1)  # it prints as it goes
    try:
        found = AnalyticalMLE(x, BOUNDS, STEP, density=DENSITIES[density](CIR())).estimate_params(np.array(list(START.values())))
    finally:
        os.dup2(keep, 1)
        os.close(keep)
        os.close(devnull)
    return {"cpu": processor(resource.RUSAGE_SELF) - cpu, "wall": time.perf_counter() - wall,
            "loglik": float(found.log_like), "values": [float(p) for p in found.params]}


def ours(program, file, density):
    command = [program, "@cir", file, "--density", density, "-j", "1", "--json", "-q"]
    for name, value in START.items():
        command += ["--param", f"{name}={value}"]
    wall, cpu = time.perf_counter(), processor(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    taken = {"cpu": processor(resource.RUSAGE_CHILDREN) - cpu, "wall": time.perf_counter() - wall}
    fit = json.loads(done.stdout)
    return taken | {"fit": fit["seconds"], "loglik": fit["loglik"], "values": [fit["estimates"][name]["value"] for name in START]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default="build/release/bin", help="where sde-fit is")
    parser.add_argument("--rounds", type=int, default=3, help="runs of both; the fastest of each counts")
    parser.add_argument("points", nargs="?", type=int, default=20000)
    args = parser.parse_args()
    x = draw_path(args.points)
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        np.savetxt(file, np.column_stack([np.arange(args.points + 1) * STEP, x]), delimiter=",", header="time,x", comments="", fmt="%.17g")
        file.flush()
        print(f"{'density':<12} {'who':<9} {'cpu s':>8} {'wall s':>8} {'loglik':>12}  {'kappa, theta, sigma':<28} ratio")
        for density in DENSITIES:
            mine = min((ours(f"{args.bin}/sde-fit", file.name, density) for _ in range(args.rounds)), key=lambda r: r["cpu"])
            his = min((theirs(x, density) for _ in range(args.rounds)), key=lambda r: r["cpu"])
            print(f"{density:<12} the fit alone takes {mine['fit']:.4f} s of wall time, pymle {his['wall'] / mine['fit']:.1f} times that")
            for who, run in (("sde-fit", mine), ("pymle", his)):
                values = ", ".join(f"{v:.5f}" for v in run["values"])
                ratio = "" if who == "sde-fit" else f"{run['cpu'] / mine['cpu']:.1f} times the time of sde-fit"
                print(f"{density:<12} {who:<9} {run['cpu']:8.3f} {run['wall']:8.3f} {run['loglik']:12.3f}  {values:<28} {ratio}")


if __name__ == "__main__":
    main()

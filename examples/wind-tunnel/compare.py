#!/usr/bin/python3
"""Prints what runs get wrong about the car's way, and writes the exact one.

usage: compare.py EXACT.txt FILE...   ode-METHOD-STEP.csv: one way, held against the solution by the exponential integral;
                                      sde-SIGMA.h5: mean and variance over many, held against those of the linear equation

EXACT.txt: time, x without noise, standard deviation for sigma = 1.
"""
import csv
import sys

import h5py
import numpy as np
from scipy.special import expi


def way(t):
    return np.exp(-(t + 1) / 10) * (expi((t + 1) / 10) - expi(1 / 10))


def variance(t):
    return 5 * (1 - np.exp(-t / 5))


np.savetxt(sys.argv[1], [(t, way(t), np.sqrt(variance(t))) for t in np.linspace(0, 10, 201)], "%.8f")
print(f"{'method':7} {'step':>5} {'x(5)':>10} {'error':>10} {'x(10)':>10} {'error':>10}")
for name in sys.argv[2:]:
    if name.endswith(".csv"):
        _, method, step = name.split("/")[-1].removesuffix(".csv").split("-")
        with open(name, newline="") as file:
            x = {float(row["time"]): float(row["x"]) for row in csv.DictReader(file)}
        print(f"{method:7} {step:>5} {x[5]:10.7f} {x[5] - way(5):10.2e} {x[10]:10.7f} {x[10] - way(10):10.2e}")
print(f"\n{'sigma':>5} {'time':>4} {'mean':>9} {'exact':>9} {'stderr':>9} {'variance':>9} {'exact':>9} {'stderr':>9}")
for name in sys.argv[2:]:
    if not name.endswith(".h5"):
        continue
    sigma = float(name.split("/")[-1].removesuffix(".h5").split("-")[1])
    with h5py.File(name) as file:
        s = {key: value[()] for key, value in file["statistics"].items()}
    for t in (1.0, 5.0, 10.0):
        i = np.flatnonzero(np.isclose(s["time"], t))[0]
        mean, spread, error = s["mean"][i, 0], s["variance"][i, 0], s["stderr"][i, 0]
        paths = spread / error**2
        print(f"{sigma:5g} {t:4g} {mean:9.6f} {way(t):9.6f} {error:9.6f} {spread:9.6f} {sigma**2 * variance(t):9.6f}",
              f"{spread * np.sqrt(2 / paths):9.6f}")

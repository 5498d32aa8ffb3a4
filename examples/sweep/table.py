#!/usr/bin/python3
"""Prints the mean times of a sweep as a matrix and what they are off by, and writes them for the heat map.

usage: table.py SWEEP.csv MAP.txt CONTOURS.txt

Every mean is held against the double integral of the scale and speed densities (Gardiner, Handbook of Stochastic Methods, 5.2.7),
of which CONTOURS.txt has a finer grid.
"""
import csv
import sys

import numpy as np

START, LEVEL = -1.0, 0.0


def mean_passage(sigma, c):
    """2/sigma^2 int_start^level exp(2V(y)/sigma^2) int_-inf^y exp(-2V(z)/sigma^2) dz dy, by the trapezoidal rule."""
    x = np.linspace(-4, LEVEL, 16001)
    v = 2 / sigma**2 * (x**4 / 4 - x**2 / 2 - c * x)
    h = x[1] - x[0]
    speed = np.exp(-v)
    inner = h * (np.cumsum(speed) - 0.5 * (speed + speed[0]))
    outer = np.exp(v) * inner
    part = outer[x >= START - h / 2]
    return 2 / sigma**2 * h * (part.sum() - 0.5 * (part[0] + part[-1]))


cells = {}
with open(sys.argv[1], newline="") as file:
    for row in csv.DictReader(file):
        sigma, c = round(float(row["sigma"]), 12), round(float(row["c"]), 12)
        mean, error, fraction = (float(row[f"ridge_{what}"]) for what in ("mean", "stderr", "fraction"))
        cells[sigma, c] = mean, error, fraction, mean_passage(sigma, c)
sigmas = sorted({key[0] for key in cells})
tilts = sorted({key[1] for key in cells})
print(f"{'tilt':>6} " + " ".join(f"{f'sigma={sigma:g}':>10}" for sigma in sigmas))
for c in tilts:
    print(f"{c:6g} " + " ".join(f"{cells[sigma, c][0]:10.3f}" for sigma in sigmas))
z = np.array([(mean - exact) / error for mean, error, _, exact in cells.values()])
ratio = np.array([mean / exact - 1 for mean, _, _, exact in cells.values()])
print(f"\n{len(cells)} means; relative error from {ratio.min():.3f} to {ratio.max():.3f}, in standard errors {z.min():.2f} to {z.max():.2f};",
      f"least fraction that arrived {min(cell[2] for cell in cells.values()):g}")
with open(sys.argv[2], "w") as file:
    for c in tilts:
        for sigma in sigmas:
            print(sigma, c, *cells[sigma, c], file=file)
        print(file=file)
with open(sys.argv[3], "w") as file:
    for c in np.linspace(tilts[0], tilts[-1], 25):
        for sigma in np.linspace(sigmas[0], sigmas[-1], 25):
            print(sigma, c, mean_passage(sigma, c), file=file)
        print(file=file)

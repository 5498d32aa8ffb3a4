#!/usr/bin/python3
"""Prints what runs get wrong about the Cox-Ingersoll-Ross law, which is a noncentral chi-squared one, and writes the densities.

usage: compare.py DENSITY.txt cir.json RUN.h5...   (with RUN.json beside each, the run's summary)
"""
import json
import sys

import h5py
import numpy as np
from scipy.stats import ncx2

with open(sys.argv[2]) as file:
    sde = json.load(file)["sde"]
kappa, theta, sigma = (sde["parameters"][name] for name in ("kappa", "theta", "sigma"))
start, T = sde["initial"]["r"], sde["time"]["end"]
decay = np.exp(-kappa * T)
scale = sigma**2 * (1 - decay) / (4 * kappa)
law = ncx2(4 * kappa * theta / sigma**2, start * decay / scale, scale=scale)

columns = {}
print(f"{'rule':15} {'method':17} {'steps':>5} {'mean':>9} {'stderr':>8} {'deviation':>9} {'near 0':>8} {'stderr':>8} {'lost':>7}")
for name in sys.argv[3:]:
    rule, method, steps = name.split("/")[-1].removesuffix(".h5").split("_")
    with open(name.removesuffix("h5") + "json") as file:
        run = json.load(file)
    r, near = run["expect"]["r"], run["expect"]["r < 0.001"]
    deviation = np.sqrt(run["final"]["r"]["variance"])
    print(f"{rule:15} {method:17} {steps:>5} {r['value'] - law.mean():9.5f} {r['stderr']:8.5f} {deviation - law.std():9.5f}",
          f"{near['value'] - law.cdf(0.001):8.4f} {near['stderr']:8.4f} {run['status']['non_finite'] / run['paths']:7.2%}")
    if steps == "16":
        with h5py.File(name) as file:
            edges = file["statistics/histogram_edges"][0, 0]
            count = file["statistics/histogram"][0, 0]
        columns[f"{rule}_{method}"] = count / run["paths"] / np.diff(edges)

middle = (edges[1:] + edges[:-1]) / 2
columns["exact"] = np.diff(law.cdf(edges)) / np.diff(edges)
with open(sys.argv[1], "w") as file:
    print("r", *columns, file=file)
    for i, at in enumerate(middle):
        print(f"{at:.5f}", *(f"{columns[name][i]:.4f}" for name in columns), file=file)

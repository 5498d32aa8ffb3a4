#!/usr/bin/python3
"""Prints what runs say of the first time from the bottom of the left well to the ridge beside the exact mean, and writes densities.

usage: exact.py DENSITY.txt RUN.h5...   (names RUN: METHOD_CORRECTION_STEP)

The mean is the double integral of the scale and speed densities (Gardiner, Handbook of Stochastic Methods, section 5.2.7), the
density is from the eigenvalues of the generator. Watched at the ends of steps alone, a level seems to lie 0.5826 sigma sqrt(step)
further away (Broadie, Glasserman and Kou, Mathematical Finance 7, 1997); the mean to there is printed too.
"""
import json
import sys

import h5py
import numpy as np
from scipy.integrate import quad
from scipy.linalg import eigh_tridiagonal

START = -1.0


def potential(x):
    return x**4 / 4 - x**2 / 2


def mean_passage(level, sigma):
    """2/sigma^2 int_start^level exp(2V(y)/sigma^2) int_-inf^y exp(-2V(z)/sigma^2) dz dy"""
    d = 2 / sigma**2
    inner = lambda y: quad(lambda z: np.exp(-d * potential(z)), -6, y, epsabs=1e-13)[0]
    return d * quad(lambda y: np.exp(d * potential(y)) * inner(y), START, level, epsabs=1e-11)[0]


def survival(times, sigma, nodes=1200, left=-3.0):
    """P(the ridge is not reached by t): the generator on a grid, reflecting far left, absorbing at 0."""
    h = -left / nodes
    x = left + h * np.arange(nodes)
    up = sigma**2 / (2 * h**2) * np.exp((potential(x) - potential(x + h)) / sigma**2)
    down = sigma**2 / (2 * h**2) * np.exp((potential(x) - potential(x - h)) / sigma**2)
    down[0] = 0
    # Reversible: symmetric after scaling by the root of the stationary density.
    rates, vectors = eigh_tridiagonal(-(up + down), np.sqrt(up[:-1] * down[1:]), select="i", select_range=(nodes - 60, nodes - 1))
    root = np.exp(-potential(x) / sigma**2)
    at = round((START - left) / h)
    return np.exp(np.outer(times, rates)) @ (vectors[at] / root[at] * (vectors * root[:, None]).sum(axis=0))


print(f"{'method':15} {'crossings':9} {'step':>6} {'mean time':>10} {'exact':>9} {'error':>9} {'stderr':>8} {'moved level':>11}")
columns = {}
for name in sys.argv[2:]:
    method, correction, step = name.split("/")[-1].removesuffix(".h5").split("_")
    with h5py.File(name) as file:
        event = {key: value[()] for key, value in file["events/ridge"].items()}
        sigma = json.loads(file["provenance/config_json"].asstr()[()])["sde"]["parameters"]["sigma"]
    exact = mean_passage(0.0, sigma)
    seen = mean_passage(0.5826 * sigma * np.sqrt(float(step)), sigma) if correction == "none" else exact
    mean, error = event["mean"].item(), event["stderr"].item()
    print(f"{method:15} {correction:9} {step:>6} {mean:10.4f} {exact:9.4f} {mean - exact:9.4f} {error:8.4f} {seen:11.4f}")
    edges = event["histogram_edges"]
    columns[f"{method}_{correction}_{step}"] = event["histogram"] / event["paths"] / np.diff(edges)
columns["exact"] = -np.diff(survival(edges, sigma)) / np.diff(edges)
with open(sys.argv[1], "w") as file:
    print("time", *columns, file=file)
    for at, *row in zip((edges[1:] + edges[:-1]) / 2, *columns.values()):
        print(f"{at:g}", *(f"{value:.6f}" for value in row), file=file)

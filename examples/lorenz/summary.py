#!/usr/bin/python3
"""Prints, for each strength of the noise, the mean height, the balances and the largest Lyapunov exponent, with standard errors.

usage: summary.py DIRECTORY SIGMA...   (reads balances-SIGMA.json and tangent-SIGMA.h5 there)

The exponent is the growth of the logarithm of the tangent between the two times that are stored, after the tangent has turned into
the direction that grows.
"""
import json
import sys

import h5py
import numpy as np

names = ["z", "xy - bz", "xy - xx", "energy", "exponent"]
print(f"{'sigma':>5}", *(f"{name:>8} {'stderr':>7}" for name in names))
for sigma in sys.argv[2:]:
    with open(f"{sys.argv[1]}/balances-{sigma}.json") as file:
        expect = json.load(file)["expect"]
    row = [expect[name] for name in ("z", "x*y - b*z", "x*y - x^2 + sigma^2/(2*s)", "x*y - (y^2 + b*z^2 - sigma^2)/r")]
    with h5py.File(f"{sys.argv[1]}/tangent-{sigma}.h5") as file:
        time, value = file["trajectories/time"][()], file["trajectories/value"][()]
    size = 0.5 * np.log((value[:, :, 3:] ** 2).sum(axis=2))
    rate = (size[:, 1] - size[:, 0]) / (time[1] - time[0])
    row.append({"value": rate.mean(), "stderr": rate.std(ddof=1) / np.sqrt(len(rate))})
    print(f"{sigma:>5}", *(f"{cell['value']:8.4f} {cell['stderr']:7.4f}" for cell in row))

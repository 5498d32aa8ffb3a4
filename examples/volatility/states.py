#!/usr/bin/python3
"""Prints per day the volatility in percent a year: date, by the particle filter with a band, smoothed from squares.

usage: states.py closes.csv squares.h5 returns.h5
"""
import csv
import sys

import h5py
import numpy as np

YEAR = np.sqrt(252)
with open(sys.argv[1]) as file:
    dates = [row["date"] for row in csv.DictReader(file)][1:]


def states(path, kind):
    with h5py.File(path) as f:
        return f[f"fit/states/{kind}"][:, 0], f[f"fit/states/{kind}_deviation"][:, 0]


smoothed, _ = states(sys.argv[2], "smoothed")
filtered, deviation = states(sys.argv[3], "filtered")
for day, h, sd, s in zip(dates, filtered, deviation, smoothed):
    year, month, dom = map(int, day.split("-"))
    print(f"{year + (month - 1) / 12 + (dom - 1) / 372:.4f}", *(YEAR * np.exp(np.array([h, h - 1.96 * sd, h + 1.96 * sd, s]) / 2)))

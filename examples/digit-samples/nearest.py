#!/usr/bin/env python3
"""Prints the percentage of samples whose nearest digit in DATA has the class that was asked for.

usage: nearest.py DATA CLASS=SAMPLES ...
"""
import csv
import sys


def read(name):
    with open(name, newline="") as file:
        return [[float(x) for x in row] for row in list(csv.reader(file))[1:]]


data = read(sys.argv[1])[:1500]
right = total = 0
for argument in sys.argv[2:]:
    label, _, name = argument.partition("=")
    for row in read(name)[:10]:
        image = row[-64:]
        nearest = min(data, key=lambda digit: sum((a - b) * (a - b) for a, b in zip(image, digit)))
        right += nearest[64] == int(label)
        total += 1
print(100 * right / total)

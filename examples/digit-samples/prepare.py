#!/usr/bin/env python3
"""Writes, with grey levels from -1 to 1 and uniform noise in the gaps between them: train.csv (all digits but the last 297, four
times, with their labels), first.csv and second.csv (the two halves of all digits); and of the last 297, without noise, pairs.csv (ten
digits, to be joined two by two), given.csv (five digits), and for each of those known-K.json, a configuration of sde-sample that
tells its upper half.

usage: prepare.py digits.csv MODEL FOLDER
"""
import csv
import json
import random
import sys

generator = random.Random(1)
digits, model, folder = sys.argv[1:]
with open(digits, newline="") as file:
    header, *rows = csv.reader(file)
pixels = [[int(x) for x in row[:64]] for row in rows]
labels = [row[64] for row in rows]


def noisy(i):
    return [f"{(x + generator.random()) / 8.5 - 1:.4f}" for x in pixels[i]]


def plain(i):
    return [f"{(x + 0.5) / 8.5 - 1:.4f}" for x in pixels[i]]


def write(name, columns, lines):
    with open(f"{folder}/{name}.csv", "w") as out:
        out.writelines(",".join(line) + "\n" for line in [columns, *lines])


last = len(rows) - 297
write("train", header, (noisy(i) + [labels[i]] for _ in range(4) for i in range(last)))
write("first", header[:64], (noisy(i) for i in range(0, len(rows), 2)))
write("second", header[:64], (noisy(i) for i in range(1, len(rows), 2)))
of_class = {}  # one test digit each
for i in range(last, len(rows)):
    of_class.setdefault(labels[i], i)
write("pairs", header[:64], (plain(of_class[c]) for c in "1730582496"))
write("given", header[:64], (plain(of_class[c]) for c in "02357"))
for k, c in enumerate("02357"):
    known = {name: float(value) for name, value in zip(header[:32], plain(of_class[c]))}
    with open(f"{folder}/known-{k}.json", "w") as out:
        json.dump({"model": model, "observation": {"method": "repaint", "known": known, "resamples": 10}}, out)

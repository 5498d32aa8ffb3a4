#!/usr/bin/env python3
"""Writes train.csv (all digits but the last 297, twenty times each, with uniform noise in the gaps between grey levels), and test.csv,
mirrored.csv and turned.csv: the last 297 as they are, mirrored, and turned by a quarter.

usage: prepare.py digits.csv FOLDER
"""
import csv
import random
import sys

generator = random.Random(1)
with open(sys.argv[1], newline="") as file:
    header, *rows = csv.reader(file)
pixels = [[int(x) for x in row[:64]] for row in rows]


def write(name, rows):
    with open(f"{sys.argv[2]}/{name}.csv", "w") as out:
        out.write(",".join(header[:64]) + "\n")
        out.writelines(",".join(row) + "\n" for row in rows)


write("train", ([f"{x + generator.random():.3f}" for x in row] for _ in range(20) for row in pixels[:-297]))
places = {"test": lambda y, x: 8 * y + x, "mirrored": lambda y, x: 8 * y + 7 - x, "turned": lambda y, x: 8 * x + 7 - y}
for name, place in places.items():
    write(name, ([str(row[place(y, x)]) for y in range(8) for x in range(8)] for row in pixels[-297:]))

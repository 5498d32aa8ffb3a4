#!/usr/bin/python3
"""Writes digits.csv: 1797 handwritten digits of 8 x 8 pixels, from scikit-learn's copy (Debian package python3-sklearn).

usage: extract.py [digits.csv.gz] > digits.csv

A row of theirs is 64 pixels, line by line from the top, 0 to 16, and the digit. Ours has names.
"""
import gzip
import sys

path = sys.argv[1] if len(sys.argv) > 1 else "/usr/lib/python3/dist-packages/sklearn/datasets/data/digits.csv.gz"
print(",".join(f"p{line}{column}" for line in range(8) for column in range(8)) + ",label")
with gzip.open(path, "rt") as file:
    for row in file:
        print(",".join(str(int(float(value))) for value in row.split(",")))

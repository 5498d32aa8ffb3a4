#!/usr/bin/python3
"""Writes tb3ms.csv from gretl's copy of the St. Louis Fed data (Debian package gretl-data).

usage: extract.py [fedstl.idx] > tb3ms.csv

A gretl database is a pair of files. The text index has two lines a series, `name  description` and
`frequency  first - last  n = count`, in the order in which the values lie in the binary file: float32,
little-endian, no separators. Monthly dates are written YYYY.MM.
"""
import re
import struct
import sys

index = sys.argv[1] if len(sys.argv) > 1 else "/usr/share/gretl/db/fedstl.idx"
lines = [line for line in open(index, encoding="utf-8") if line.strip() and not line.startswith("#")]
offset = 0
for title, span in zip(lines[::2], lines[1::2]):
    frequency, first, last, count = re.match(r"(\w)\s+(\S+)\s+-\s+(\S+)\s+n\s*=\s*(\d+)", span).groups()
    if title.split()[0] == "tb3ms":
        break
    offset += int(count)
else:
    sys.exit(f"{index}: no series tb3ms")
if frequency != "M":
    sys.exit(f"{index}: tb3ms is not monthly (got {frequency})")

with open(re.sub(r"idx$", "bin", index), "rb") as binary:
    binary.seek(4 * offset)
    percent = struct.unpack(f"<{count}f", binary.read(4 * int(count)))
year, month = map(int, first.split("."))
print("time,r")
for i, value in enumerate(percent):
    m = month - 1 + i
    # Two decimals of a percent in the source: float32 noise is rounded away.
    print(f"{year + m // 12}-{m % 12 + 1:02d},{round(value, 2) / 100:.4f}")

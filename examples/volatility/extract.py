#!/usr/bin/python3
"""Writes closes.csv from djclose.gdt of Debian's package gretl-data.

usage: extract.py [djclose.gdt] > closes.csv

A gdt file is XML, here compressed by gzip: <obs label="1980-01-02">824.57 </obs>.
"""
import gzip
import re
import sys

path = sys.argv[1] if len(sys.argv) > 1 else "/usr/share/gretl/data/misc/djclose.gdt"
with gzip.open(path, "rt", encoding="utf-8") as file:
    rows = re.findall(r'<obs label="(\d{4}-\d\d-\d\d)">([\d.]+) *</obs>', file.read())
if not rows:
    sys.exit(f"{path}: holds no daily observations")
print("date,close")
for day, close in rows:
    print(f"{day},{close}")

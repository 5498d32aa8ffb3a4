#!/usr/bin/python3
"""Prints the quantiles over time that sde-simulate wrote, one row a time: any HDF5 reader will do."""
import sys

import h5py

with h5py.File(sys.argv[1]) as f:
    for time, row in zip(f["statistics/time"], f["statistics/quantiles"]):
        print(time, *row[0])

#!/usr/bin/python3
"""Writes images and labels in the IDX format of MNIST, gzipped, as a data set that score-train reads.

usage: idx.py IMAGES LABELS OUT.h5

IDX: two zero bytes, the type (8: unsigned bytes), the number of dimensions, each as a big-endian 32-bit number, the values.
Images become rows of pixels from 0 to 1.
"""
import gzip
import struct
import sys

import h5py
import numpy


def idx(path):
    data = gzip.open(path).read()
    zero, kind, dimensions = struct.unpack_from(">HBB", data)
    if zero or kind != 8:
        sys.exit(f"{path}: is no IDX file of bytes")
    shape = struct.unpack_from(f">{dimensions}I", data, 4)
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * dimensions).reshape(shape)


images, labels = idx(sys.argv[1]), idx(sys.argv[2])
with h5py.File(sys.argv[3], "w") as file:
    file.attrs.update(format="sdetools", kind="dataset", format_version=[1, 0])
    file["data/x"] = images.reshape(len(images), -1) / 255.0
    file["data/labels"] = labels.astype("i8")
    file.attrs["complete"] = 1

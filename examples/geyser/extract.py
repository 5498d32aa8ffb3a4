#!/usr/bin/python3
"""Writes faithful.csv from R's data sets (Debian package r-base-core).

usage: extract.py [directory that holds Rdata.rdx and Rdata.rdb] > faithful.csv

R keeps its data sets in a lazy-load database: Rdata.rdx is a gzipped serialized list that gives each
variable's (offset, length) in Rdata.rdb, where 4 bytes of length and a Z for xz precede a raw LZMA2 stream of
the serialized value. Serialization is R's XDR format (R Internals, section 1.8); the part needed is read here.
"""
import gzip
import lzma
import struct
import sys


class Reader:
    def __init__(self, data):
        self.data, self.at, self.references = data, 0, []
        if self.take("2s")[0] != b"X\n":
            raise ValueError("not an XDR serialization")
        if self.take(">3i")[0] == 3:
            self.take(f"{self.take('>i')[0]}s")  # the encoding

    def take(self, form):
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values

    def item(self):
        flags = self.take(">I")[0]
        kind, has_attributes, has_tag = flags & 255, flags & 512, flags & 1024
        if kind in (254, 242, 253):  # NULL, the empty and the global environment
            return None
        if kind == 255:
            return self.references[(flags >> 8) - 1]
        if kind == 1:  # symbol
            self.references.append(self.item())
            return self.references[-1]
        if kind == 2:  # pairlist, as a dict
            attributes = self.item() if has_attributes else None
            tag = self.item() if has_tag else None
            return {tag: self.item(), **(self.item() or {})}
        count = self.take(">i")[0]
        if kind == 9:  # one string
            return None if count == -1 else self.take(f"{count}s")[0].decode()
        if kind in (10, 13):
            value = list(self.take(f">{count}i"))
        elif kind == 14:
            value = list(self.take(f">{count}d"))
        elif kind in (16, 19):
            value = [self.item() for _ in range(count)]
        else:
            raise ValueError(f"type {kind} is not handled")
        attributes = self.item() if has_attributes else {}
        return dict(zip(attributes["names"], value)) if "names" in attributes else value


folder = sys.argv[1] if len(sys.argv) > 1 else "/usr/lib/R/library/datasets/data"
offset, length = Reader(gzip.open(folder + "/Rdata.rdx").read()).item()["variables"]["faithful"]
with open(folder + "/Rdata.rdb", "rb") as database:
    database.seek(offset + 4)
    packed = database.read(length - 4)
if packed[:1] != b"Z":
    sys.exit(f"{folder}/Rdata.rdb: faithful is not xz compressed (got {packed[:1]})")
xz = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 6}])
data = Reader(xz.decompress(packed[1:])).item()
print("eruption,waiting")
for eruption, waiting in zip(data["eruptions"], data["waiting"]):
    print(f"{eruption:g},{waiting:g}")

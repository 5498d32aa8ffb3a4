"""Reference values for tests/fit/bessel_test.cc: log(exp(-z) I_nu(z)) and its derivatives to 25 digits, with mpmath.

usage: python3 log_bessel.py > ../fit/log_bessel_reference.inc
"""
from mpmath import besseli, diff, log, mp, mpf

mp.dps = 60


def value(nu, z):
    # mpmath sums the series or the large-argument expansion as needed; the ratio stays in range at 60 digits.
    return log(besseli(nu, z)) - z


ORDERS = ["-0.9999", "-0.75", "-0.5", "0", "0.3", "1", "4.5", "21.875", "44", "99.5", "999.25", "1e5"]
ARGUMENTS = ["1e-12", "1e-3", "0.7", "5", "19.5", "29.9", "31", "75", "101", "990", "7500", "3e4", "1e6"]
print("// nu, z, L, dL/dnu, dL/dz, d2L/dnu2, d2L/dnudz, d2L/dz2; written by tests/oracles/log_bessel.py")
for nu in (mpf(float(x)) for x in ORDERS):
    for z in (mpf(float(x)) for x in ARGUMENTS):
        if nu >= 1e5 and (5 < z < 7500 or z > 1e5):
            continue
        row = [value(nu, z)] + [diff(value, (nu, z), n) for n in ((1, 0), (0, 1), (2, 0), (1, 1), (0, 2))]
        print("{" + ", ".join([repr(float(nu)), repr(float(z))] + [mp.nstr(x, 18) for x in row]) + "},")

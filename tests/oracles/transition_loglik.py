"""Log-likelihood of a scalar series under an exact transition law, with scipy alone.

usage: python3 transition_loglik.py ou|gbm|cir DATA.csv NAME=VALUE...     (columns time,x; an empty cell is missing)
"""
import csv
import math
import sys

from scipy import stats

law, data = sys.argv[1:3]
p = {name: float(value) for name, value in (word.split("=") for word in sys.argv[3:])}
rows = [(float(t), float(x)) for t, x in list(csv.reader(open(data)))[1:] if x.strip()]
total = 0.0
for (t0, x0), (t1, x1) in zip(rows, rows[1:]):
    step = t1 - t0
    if law == "gbm":
        total += stats.lognorm.logpdf(x1, p["sigma"] * math.sqrt(step),
                                      scale=x0 * math.exp((p["mu"] - p["sigma"] ** 2 / 2) * step))
        continue
    decay = math.exp(-p["kappa"] * step)
    if law == "ou":
        deviation = p["sigma"] * math.sqrt((1 - decay**2) / (2 * p["kappa"]))
        total += stats.norm.logpdf(x1, p["theta"] + (x0 - p["theta"]) * decay, deviation)
    else:
        c = p["sigma"] ** 2 * (1 - decay) / (4 * p["kappa"])
        total += stats.ncx2.logpdf(x1 / c, 4 * p["kappa"] * p["theta"] / p["sigma"] ** 2, x0 * decay / c) - math.log(c)
print(repr(float(total)))

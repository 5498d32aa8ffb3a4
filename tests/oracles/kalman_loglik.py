"""Log-likelihood of an Ornstein-Uhlenbeck process seen with Gaussian noise, by other means than a filter of ours.

usage: python3 kalman_loglik.py DATA.csv NAME=VALUE...     (columns time,x; an empty cell is missing)

NAME: kappa, theta, sigma, eta (deviation of the noise), mean and deviation (of the state at the first row). All
observations together are one Gaussian vector, whose density scipy gives; where statsmodels is installed its Kalman
filter has to agree.
"""
import csv
import sys

import numpy as np
from scipy.stats import multivariate_normal

p = {name: float(value) for name, value in (word.split("=") for word in sys.argv[2:])}
kappa, theta, sigma, eta = p["kappa"], p["theta"], p["sigma"], p["eta"]
rows = [(float(t), float(x) if x.strip() else np.nan) for t, x in list(csv.reader(open(sys.argv[1])))[1:]]
time = np.array([t for t, _ in rows]) - rows[0][0]
value = np.array([x for _, x in rows])

seen = np.isfinite(value)
t, y = time[seen], value[seen]
early = np.minimum.outer(t, t)
variance = p["deviation"] ** 2 * np.exp(-2 * kappa * early) - sigma**2 * np.expm1(-2 * kappa * early) / (2 * kappa)
covariance = variance * np.exp(-kappa * np.abs(np.subtract.outer(t, t))) + eta**2 * np.eye(len(t))
mean = theta + (p["mean"] - theta) * np.exp(-kappa * t)
total = float(multivariate_normal(mean, covariance).logpdf(y))

try:
    from statsmodels.tsa.statespace.kalman_filter import KalmanFilter
except ImportError:
    print("statsmodels is not installed; scipy alone", file=sys.stderr)
else:
    n = len(time)
    step = np.diff(time, append=time[-1] + 1)
    model = KalmanFilter(k_endog=1, k_states=1, tolerance=0)
    model.bind(np.asfortranarray(value[None, :].copy()))
    model["design"] = np.ones((1, 1))
    model["obs_cov"] = np.full((1, 1), eta**2)
    model["selection"] = np.ones((1, 1))
    model["transition"] = np.exp(-kappa * step)[None, None, :]
    model["state_intercept"] = (theta * -np.expm1(-kappa * step))[None, :]
    model["state_cov"] = (-(sigma**2) * np.expm1(-2 * kappa * step) / (2 * kappa))[None, None, :]
    model.initialize_known(np.array([p["mean"]]), np.array([[p["deviation"] ** 2]]))
    other = float(model.loglike())
    assert abs(other - total) < 1e-8 * abs(total), (other, total)
print(repr(total))

#!/usr/bin/python3
"""Prices of calls under Heston's model from its characteristic function, and the volatilities that Black and Scholes would need.

usage: exact.py heston.json STRIKE...    prints strike, price and implied volatility, a line each
       exact.py heston.json RUN.json...  prints steps, strike, price, exact price, error, standard error, implied volatility, its
                                         standard error and the exact one, a line for each expectation of each run

The characteristic function is that of Heston (Review of Financial Studies 6, 1993) in the form that stays on one branch of the
logarithm (Albrecher, Mayer, Schoutens and Tistaert, Wilmott Magazine, January 2007).
"""
import json
import re
import sys

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm

with open(sys.argv[1]) as file:
    sde = json.load(file)["sde"]
p = sde["parameters"]
r, kappa, theta, xi, rho = (p[name] for name in ("r", "kappa", "theta", "xi", "rho"))
spot, v0, T = 100.0, sde["initial"]["v"], sde["time"]["end"]


def characteristic(u):
    """E exp(i u ln(S_T / F)), F the forward price."""
    b = kappa - 1j * rho * xi * u
    d = np.sqrt(b**2 + xi**2 * (u**2 + 1j * u))
    g = (b - d) / (b + d)
    decay = np.exp(-d * T)
    a = kappa * theta / xi**2 * ((b - d) * T - 2 * np.log((1 - g * decay) / (1 - g)))
    return np.exp(a + v0 * (b - d) / xi**2 * (1 - decay) / (1 - g * decay))


def heston(strike):
    """Lewis's integral along the line of imaginary part -1/2 (Option valuation under stochastic volatility, 2000)."""
    forward = spot * np.exp(r * T)
    k = np.log(forward / strike)
    value, _ = quad(lambda u: (np.exp(1j * u * k) * characteristic(u - 0.5j)).real / (u**2 + 0.25), 0, np.inf,
                    epsabs=1e-12, epsrel=1e-11, limit=500)
    return np.exp(-r * T) * (forward - np.sqrt(forward * strike) / np.pi * value)


def black_scholes(strike, sigma):
    d = (np.log(spot / strike) + (r + sigma**2 / 2) * T) / (sigma * np.sqrt(T))
    return spot * norm.cdf(d) - strike * np.exp(-r * T) * norm.cdf(d - sigma * np.sqrt(T))


def implied(strike, price):
    return brentq(lambda sigma: black_scholes(strike, sigma) - price, 1e-4, 4, xtol=1e-12)


def vega(strike, sigma):
    d = (np.log(spot / strike) + (r + sigma**2 / 2) * T) / (sigma * np.sqrt(T))
    return spot * norm.pdf(d) * np.sqrt(T)


def known(strike):
    price = heston(strike)
    return price, implied(strike, price)


cache = {}
for argument in sys.argv[2:]:
    if not argument.endswith(".json"):
        print(f"{float(argument):g} %.8f %.8f" % known(float(argument)))
        continue
    with open(argument) as file:
        run = json.load(file)
    prices = {float(re.search(r"exp\(x\) - (\d+)", payoff).group(1)): mean for payoff, mean in run["expect"].items()}
    for strike, mean in sorted(prices.items()):
        price, error = mean["value"], mean["stderr"]
        if strike not in cache:
            cache[strike] = known(strike)
        exact, exact_sigma = cache[strike]
        sigma = implied(strike, price)
        print(f"{run['steps']:5d} {strike:6g} {price:9.5f} {exact:9.5f} {price - exact:9.5f} {error:8.5f}",
              f"{sigma:8.5f} {error / vega(strike, sigma):8.5f} {exact_sigma:9.5f}")

"""Deviations that samplers reach on N(0, 1/4) under the VP process from a draw 1 of the prior, in plain floating point:
the score is linear, so that each sampler is a recursion of one number. Formulas as their papers print them."""
import math

import numpy as np

BMIN, BMAX, VARIANCE, EPS = 0.1, 20.0, 0.25, 1e-3


def integral(t):
    return t * (BMIN + 0.5 * t * (BMAX - BMIN))


def alpha(t):
    return math.exp(-0.5 * integral(t))


def sigma(t):
    return math.sqrt(-math.expm1(-integral(t)))


def half_log_snr(t):
    return math.log(alpha(t) / sigma(t))


def time(lam):
    b = math.log1p(math.exp(-2 * lam)) if lam > 0 else -2 * lam + math.log1p(math.exp(2 * lam))
    return 2 * b / (BMIN + math.sqrt(BMIN**2 + 2 * (BMAX - BMIN) * b))


def marginal(t):
    return alpha(t) ** 2 * VARIANCE + sigma(t) ** 2


def eps(x, t):
    return sigma(t) * x / marginal(t)


def x0(x, t):
    return (x - sigma(t) * eps(x, t)) / alpha(t)


def grid(n):
    first, last = half_log_snr(1.0), half_log_snr(EPS)
    return [1.0] + [time(first + i / n * (last - first)) for i in range(1, n)] + [EPS]


def dpm(order, n):
    x, ts = 1.0, grid(n)
    for s, t in zip(ts, ts[1:]):
        ls, lt = half_log_snr(s), half_log_snr(t)
        h, e = lt - ls, eps(x, s)
        if order == 2:
            m = time(ls + h / 2)
            u = alpha(m) / alpha(s) * x - sigma(m) * math.expm1(h / 2) * e
            x = alpha(t) / alpha(s) * x - sigma(t) * math.expm1(h) * eps(u, m)
        else:
            r1, r2 = 1 / 3, 2 / 3
            m1, m2 = time(ls + r1 * h), time(ls + r2 * h)
            u1 = alpha(m1) / alpha(s) * x - sigma(m1) * math.expm1(r1 * h) * e
            d1 = eps(u1, m1) - e
            u2 = (alpha(m2) / alpha(s) * x - sigma(m2) * math.expm1(r2 * h) * e
                  - sigma(m2) * r2 / r1 * (math.expm1(r2 * h) / (r2 * h) - 1) * d1)
            d2 = eps(u2, m2) - e
            x = (alpha(t) / alpha(s) * x - sigma(t) * math.expm1(h) * e
                 - sigma(t) / r2 * (math.expm1(h) / h - 1) * d2)
    return x


def dpmpp_3m(n):
    x, ts, past = 1.0, grid(n), []
    for i in range(n):
        s, t = ts[i], ts[i + 1]
        h = half_log_snr(t) - half_log_snr(s)
        past = [x0(x, s)] + past[:2]
        phi1 = math.exp(-h) - 1
        base = sigma(t) / sigma(s) * x - alpha(t) * phi1 * past[0]
        if i == 1:
            r0 = (half_log_snr(s) - half_log_snr(ts[0])) / h
            base -= 0.5 * alpha(t) * phi1 * (past[0] - past[1]) / r0
        elif i > 1:
            h0 = half_log_snr(s) - half_log_snr(ts[i - 1])
            h1 = half_log_snr(ts[i - 1]) - half_log_snr(ts[i - 2])
            r0, r1 = h0 / h, h1 / h
            d10, d11 = (past[0] - past[1]) / r0, (past[1] - past[2]) / r1
            d1 = d10 + r0 / (r0 + r1) * (d10 - d11)
            d2 = (d10 - d11) / (r0 + r1)
            base += alpha(t) * (phi1 / h + 1) * d1 - alpha(t) * ((phi1 + h) / h**2 - 0.5) * d2
        x = base
    return x


def unipc(order, n):
    """B(h) = e^h - 1, prediction of the data."""
    ts = grid(n)
    lam = [half_log_snr(t) for t in ts]
    x, m = 1.0, [x0(1.0, 1.0)]

    def update(i, start, p, corrector):
        h = lam[i + 1] - lam[i]
        hh = -h
        phi1 = math.expm1(hh)
        out = sigma(ts[i + 1]) / sigma(ts[i]) * start - alpha(ts[i + 1]) * phi1 * m[i]
        rks, ds = [], []
        for k in range(1, p):
            rks.append((lam[i - k] - lam[i]) / h)
            ds.append((m[i - k] - m[i]) / rks[-1])
        rks.append(1.0)
        rows, b, phik, factorial = [], [], phi1 / hh - 1, 1
        for k in range(1, p + 1):
            rows.append(np.power(rks, k - 1))
            b.append(phik * factorial / phi1)
            factorial *= k + 1
            phik = phik / hh - 1 / factorial
        rows = np.array(rows)
        if corrector:
            ds = ds + [m[i + 1] - m[i]]
            rhos = [0.5] if p == 1 else np.linalg.solve(rows, b)
        elif p == 1:
            rhos = []
        else:
            rhos = [0.5] if p == 2 else np.linalg.solve(rows[:-1, :-1], b[:-1])
        return out - alpha(ts[i + 1]) * phi1 * sum(r * d for r, d in zip(rhos, ds))

    for i in range(n):
        start = x
        x = update(i, start, min(order, i + 1), False)
        if i + 1 < n:
            m.append(x0(x, ts[i + 1]))
            x = update(i, start, min(order, i + 1), True)
    return x


def transfer(x, e, s, t):
    return alpha(t) / alpha(s) * (x - sigma(s) * e) + sigma(t) * e


def plms(n):
    x, ts, past = 1.0, grid(n), []
    weights = [None, [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]]
    for i in range(n):
        past = [eps(x, ts[i])] + past[:3]
        if i == 0:
            e = 0.5 * (past[0] + eps(transfer(x, past[0], ts[0], ts[1]), ts[1]))
        else:
            e = sum(w * p for w, p in zip(weights[min(i, 3)], past))
        x = transfer(x, e, ts[i], ts[i + 1])
    return x


def lms(n):
    ts, past = grid(n), []
    sig = [sigma(t) / alpha(t) for t in ts]
    y = 1 / alpha(1.0)
    for i in range(n):
        past = [eps(y * alpha(ts[i]), ts[i])] + past[:3]
        nodes = sig[i::-1][:4]
        for k, e in enumerate(past):
            others = [v for j, v in enumerate(nodes) if j != k]
            p = np.poly1d(others, r=True) / np.prod([nodes[k] - v for v in others])
            y += (p.integ()(sig[i + 1]) - p.integ()(sig[i])) * e
    return y * alpha(EPS)


for n in (10, 50):
    for name, value in [("dpm2", dpm(2, n)), ("dpm3", dpm(3, n)), ("dpmpp_3m", dpmpp_3m(n)), ("unipc 1", unipc(1, n)),
                        ("unipc 2", unipc(2, n)), ("unipc 3", unipc(3, n)), ("plms", plms(n)), ("lms", lms(n))]:
        print(f"{name:10} {n:3} {value:.12f}")

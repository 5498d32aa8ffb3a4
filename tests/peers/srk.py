#!/usr/bin/env python3
"""Time torchsde's strong Runge-Kutta method (srk: SRA1 on additive noise, SRIW2 on diagonal noise) in 64-bit floats on one
thread, with as many paths as suit it. Prints one JSON object a line: case, peer, rate, unit.

usage: srk.py [ou_sra1] [gbm_sri1w1]
"""
import json
import sys
import time

import torch
import torchsde

torch.set_num_threads(1)
DT, STEPS = 1e-3, 200


class Equation(torch.nn.Module):
    sde_type = "ito"

    def __init__(self, drift, diffusion, noise_type):
        super().__init__()
        self.f, self.g, self.noise_type = drift, diffusion, noise_type


CASES = {
    "ou_sra1": (Equation(lambda t, y: 2 * (0.5 - y), lambda t, y: torch.full_like(y, 0.3).unsqueeze(-1), "additive"), 0.0),
    "gbm_sri1w1": (Equation(lambda t, y: 0.05 * y, lambda t, y: 0.2 * y, "diagonal"), 1.0),
}


def rate(equation, start, paths):
    states = torch.full((paths, 1), start, dtype=torch.float64)
    times = torch.tensor([0.0, STEPS * DT], dtype=torch.float64)
    best = float("inf")
    with torch.no_grad():
        for _ in range(3):
            began = time.perf_counter()
            torchsde.sdeint(equation, states, times, method="srk", dt=DT)
            best = min(best, time.perf_counter() - began)
    return paths * STEPS / best


for case in sys.argv[1:] or CASES:
    if case in CASES:
        for paths in (1024, 16384):
            print(json.dumps({"case": case, "peer": f"torchsde srk {paths} paths", "rate": rate(*CASES[case], paths),
                              "unit": "path-steps/s"}), flush=True)

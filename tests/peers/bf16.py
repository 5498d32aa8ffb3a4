#!/usr/bin/env python3
"""Time PyTorch's denoising score matching with matrix products of bfloat16 (torch.autocast, weights in f32) on one thread: three
hidden layers of WIDTH, batches of 512 rows in the plane, 32 time features, Adam, clipping and a moving average, eager and
compiled. Prints one JSON object a line: case, peer, rate, unit.

usage: bf16.py [WIDTH ...]
"""
import json
import sys
import time

import torch

torch.set_num_threads(1)
BATCH, STEPS, FEATURES = 512, 200, 32
ROWS = torch.randn(10000, 2)
FREQUENCIES = torch.logspace(0, 2.6, FEATURES // 2)


class Score(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = torch.nn.ModuleList(
            torch.nn.Linear(a, b) for a, b in [(2 + FEATURES, width), (width, width), (width, width), (width, 2)])

    def forward(self, x, t):
        h = torch.cat([x, (t * FREQUENCIES).sin(), (t * FREQUENCIES).cos()], 1)
        for layer in self.layers[:-1]:
            h = torch.nn.functional.silu(layer(h))
        return self.layers[-1](h)


def loss(network, x, t, noise):
    integral = 0.1 * t + 9.95 * t * t  # of the rate of the VP process
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = network((-0.5 * integral).exp() * x + (-torch.expm1(-integral)).sqrt() * noise, t)
    return (out.float() - noise).square().mean()


def steps(width, compiled):
    network = Score(width)
    average = [p.detach().clone() for p in network.parameters()]
    adam = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    objective = torch.compile(loss) if compiled else loss

    def run():
        for _ in range(STEPS):
            x = ROWS[torch.randint(0, len(ROWS), (BATCH,))]
            adam.zero_grad(set_to_none=True)
            objective(network, x, torch.rand(BATCH, 1), torch.randn(BATCH, 2)).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            adam.step()
            with torch.no_grad():
                torch._foreach_lerp_(average, list(network.parameters()), 0.001)

    return run


for width in [int(a) for a in sys.argv[1:]] or [64, 128, 256]:
    for peer in ("torch autocast", "torch.compile autocast"):
        run = steps(width, "compile" in peer)
        run()
        best = float("inf")
        for _ in range(3):
            began = time.perf_counter()
            run()
            best = min(best, time.perf_counter() - began)
        print(json.dumps({"case": f"train_{width}_bf16", "peer": peer, "rate": STEPS * BATCH / best, "unit": "samples/s"}), flush=True)

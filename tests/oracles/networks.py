#!/usr/bin/env python3
"""Values and gradients of a residual MLP and a small U-Net computed by PyTorch in f64, for tests/nn/pytorch_test.cc.

The networks are written here with torch.nn.functional alone, after the papers, not after our code. Weights, inputs and
times are given by one formula that both sides evaluate: number k of an array is sin(1 + 1.7 k) times a factor. Needs
torch; prints tests/nn/pytorch_reference.inc.
"""
import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def wave(shape, factor, start):
    k = torch.arange(math.prod(shape))
    return (factor * torch.sin(start + 1.7 * k)).reshape(shape)


class Arrays:
    """Weights by name, in the order in which they are first used; number n starts its wave at n."""

    def __init__(self):
        self.arrays = {}

    def __call__(self, name, *shape):
        if name not in self.arrays:
            fan_in = math.prod(shape[1:]) if len(shape) > 1 else 16
            self.arrays[name] = wave(shape, 1 / math.sqrt(fan_in), len(self.arrays) + 1).requires_grad_()
        return self.arrays[name]


def features(t, frequencies):
    angle = 2 * math.pi * t[:, None] * frequencies
    return torch.cat([torch.sin(angle), torch.cos(angle)], 1)


def linear(w, name, x, n):
    return F.linear(x, w(name + "/W", n, x.shape[1]), w(name + "/b", n))


def resmlp(w, x, told):
    width = 12

    def norm(name, h):
        gain, shift = linear(w, name, told, 2 * width).chunk(2, 1)
        return F.layer_norm(h, (width,)) * (1 + gain) + shift

    h = linear(w, "input", torch.cat([told, x], 1), width)
    for i in range(2):
        n = norm(f"block{i}/norm", h)
        h = h + linear(w, f"block{i}/down", F.silu(linear(w, f"block{i}/up", n, width)), width)
    return linear(w, "output", norm("output/norm", h), x.shape[1])


def unet(w, x, told, shape, widths, attention=False):
    channels, height, width = shape
    film = told
    for i in range(2):
        film = F.silu(linear(w, f"time/layer{i}", film, 4 * widths[0]))

    def plain_norm(name, h):
        c = h.shape[1]
        gain, shift = linear(w, name, film, 2 * c).chunk(2, 1)
        return F.group_norm(h, c // 8) * (1 + gain[:, :, None, None]) + shift[:, :, None, None]

    def norm(name, h):
        return F.silu(plain_norm(name, h))

    def convolve(name, h, n, size):
        # Stored as [out][line][column][in]; torch wants [out][in][line][column].
        weight = w(name + "/W", n, size, size, h.shape[1]).permute(0, 3, 1, 2)
        return F.conv2d(h, weight, w(name + "/b", n), padding=size // 2)

    def block(name, h, n):
        a = convolve(name + "/conv0", norm(name + "/norm0", h), n, 3)
        b = convolve(name + "/conv1", norm(name + "/norm1", a), n, 3)
        return (h if h.shape[1] == n else convolve(name + "/skip", h, n, 1)) + b

    h = convolve("input", x.reshape(-1, channels, height, width), widths[0], 3)
    skips = []
    for i, n in enumerate(widths):
        h = block(f"down{i}/block0", h, n)
        if i + 1 < len(widths):
            skips.append(h)
            h = F.avg_pool2d(h, 2)
    if attention:
        n = widths[-1]
        parts = convolve("attention/query_key_value", plain_norm("attention/norm", h), 3 * n, 1)
        query, key, value = parts.flatten(2).transpose(1, 2).chunk(3, 2)
        attended = F.softmax(query @ key.transpose(1, 2) / math.sqrt(n), 2) @ value
        h = h + convolve("attention/output", attended.transpose(1, 2).reshape(h.shape), n, 1)
        h = block("middle/block0", h, n)
    for i in reversed(range(len(widths) - 1)):
        h = torch.cat([F.interpolate(h, scale_factor=2, mode="nearest"), skips[i]], 1)
        h = block(f"up{i}/block0", h, widths[i])
    return convolve("output", norm("output/norm", h), channels, 3).flatten(1)


def numbers(values):
    return ", ".join(f"{v:.17g}" for v in values)


def case(name, columns, network):
    n, classes = 3, 2
    w = Arrays()
    frequencies = wave((3,), 1, 0.5)
    table = wave((classes + 1, 4), 1, 0.25).requires_grad_()
    x = wave((n, columns), 1, 0.1).requires_grad_()
    t = torch.tensor([0.1, 0.5, 0.9])
    labels = torch.tensor([0, 1, 2])  # 2: none
    y = network(w, x, torch.cat([features(t, frequencies), table[labels]], 1))
    loss = (y * wave(y.shape, 1, 0.7)).sum()
    loss.backward()
    print(f"const Reference {name} = {{")
    print("    {" + numbers(y.flatten().tolist()) + "},")
    print("    {" + numbers(x.grad.flatten().tolist()) + "},")
    print("    {")
    for key, array in list(w.arrays.items()) + [("class_embedding/W", table)]:
        g = array.grad.flatten()
        # Where it begins, its sum and a weighted sum, which moves with every number's place.
        place = torch.cos(torch.arange(len(g)) * 0.37)
        print(f'        {{"{key}", {numbers([g[0].item(), g.sum().item(), (g * place).sum().item()])}}},')
    print("    }};")


print("// Written by tests/oracles/networks.py.")
print("// clang-format off")
case("kResidual", 3, resmlp)
case("kUnet", 32, lambda w, x, told: unet(w, x, told, (2, 4, 4), (16, 32)))
case("kAttention", 32, lambda w, x, told: unet(w, x, told, (2, 4, 4), (16, 32), attention=True))

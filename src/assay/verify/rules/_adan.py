"""Adan as Optax has it, and as its paper and the authors' code do."""

import numpy as np

from assay.verify.rules._rule import at as _at


def adan(
    t, g, p, s, rate, *, b1=0.98, b2=0.92, b3=0.99, eps=1e-8, eps_root=1e-8,
    weight_decay=0.0, b2_ahead=False,
):  # fmt: skip
    """−rate · ((m̂ + w v̂)/(√(n̂ + eps_root) + eps) + weight_decay · p), where m, v and n
    are the means by b1, b2 and b3 of g, d and (g + w d)², d = g − the last g (0 at
    first), hats their corrections; w = 1−b2 in Optax, b2 in the paper (whose own β₂ is
    1−b2) and in its code. Xie et al. 2022, arXiv:2208.06677v4, algorithm 1."""
    w = b2 if b2_ahead else 1 - b2
    d = g - s.get("g", g)
    m = b1 * s.get("m", 0.0) + (1 - b1) * g
    v = b2 * s.get("v", 0.0) + (1 - b2) * d
    n = b3 * s.get("n", 0.0) + (1 - b3) * (g + w * d) ** 2
    head = m / (1 - b1**t) + w * v / (1 - b2**t)
    u = head / (np.sqrt(n / (1 - b3**t) + eps_root) + eps)
    return -rate * (u + _at(weight_decay, t) * p), {"g": g, "m": m, "v": v, "n": n}

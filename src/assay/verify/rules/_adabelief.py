"""AdaBelief: the second mean is of the distance from the first."""

import numpy as np


def adabelief(
    t, g, p, s, rate, *, b1=0.9, b2=0.999, eps=1e-16, eps_root=1e-16, nesterov=False
):
    """−rate · m/(1−b1ᵗ) / (√(s/(1−b2ᵗ)) + eps), s ← b2 s + (1−b2)(g−m)² + eps_root:
    the eps_root gathers in s. Zhuang et al. 2020, arXiv:2010.07468, algorithm 2."""
    del p
    m = b1 * s.get("m", 0.0) + (1 - b1) * g
    v = b2 * s.get("v", 0.0) + (1 - b2) * (g - m) ** 2 + eps_root
    c1, c2 = 1 - b1**t, 1 - b2**t
    head = b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / c1 if nesterov else m / c1
    return -rate * head / (np.sqrt(v / c2) + eps), {"m": m, "v": v}

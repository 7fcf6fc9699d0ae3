"""SM3: the squares kept as one cover for each axis."""

import functools

import numpy as np


def sm3(t, g, p, s, rate, *, momentum=0.9, b2=1.0, eps=1e-8):
    """−rate · m, m ← momentum · m + (1−momentum) g/√(v + eps), v = the least of the
    covers + g² (or its mean by b2), each cover ← the greatest v across the other axes.
    Anil et al. 2019, arXiv:1901.11150, SM3-II."""
    del t, p
    covers = s.get("covers", [0.0] * g.ndim)
    v = b2 * functools.reduce(np.minimum, covers) if covers else 0.0
    v = v + (1.0 if b2 == 1 else 1 - b2) * g**2
    u = np.where(v > 0, g / np.sqrt(np.where(v > 0, v + eps, 1.0)), 0.0)
    m = momentum * s.get("m", 0.0) + (1 - momentum) * u
    others = [tuple(a for a in range(g.ndim) if a != k) for k in range(g.ndim)]
    covers = [v.max(axes, keepdims=True) for axes in others]
    return -rate * m, {"m": m, "covers": covers}

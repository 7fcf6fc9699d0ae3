"""Adamax and AdamaxW as the paper and torch, and as Keras, have them."""

import numpy as np

from assay.verify.rules._rule import at as _at


def adamax(t, g, p, s, rate, *, b1=0.9, b2=0.999, eps=1e-8, eps_in_max=True):
    """−rate · m/(1−b1ᵗ) / u, u ← max(b2 u, |g| + eps) (torch, Optax); or
    u ← max(b2 u, |g|) and u + eps below (Keras). Kingma and Ba 2015, algorithm 2,
    have no eps at all."""
    del p
    m = b1 * s.get("m", 0.0) + (1 - b1) * g
    most = np.maximum(b2 * s.get("u", 0.0), np.abs(g) + (eps if eps_in_max else 0))
    below = most + (0 if eps_in_max else eps)
    return -rate * m / (1 - b1**t) / below, {"m": m, "u": most}


def adamaxw(
    t, g, p, s, rate, *, b1=0.9, b2=0.999, eps=1e-8, weight_decay=1e-4, eps_in_max=True
):
    """Adamax's update − rate · weight_decay · p."""
    u, s = adamax(t, g, p, s, rate, b1=b1, b2=b2, eps=eps, eps_in_max=eps_in_max)
    return u - rate * _at(weight_decay, t) * p, s

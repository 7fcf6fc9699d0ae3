"""Adadelta: the root of the mean square of the steps over that of the gradients."""

import numpy as np


def adadelta(t, g, p, s, rate, *, rho=0.9, eps=1e-6, weight_decay=0.0):
    """−rate · d, d = √(x + eps)/√(a + eps) · g, x and a the means of d² (before this
    step) and of g²; the decay is added to g. Without a rate Optax does not turn the
    sign. Zeiler 2012, arXiv:1212.5701."""
    del t
    g = g + weight_decay * p
    a = rho * s.get("a", 0.0) + (1 - rho) * g**2
    x = s.get("x", 0.0)
    d = np.sqrt((x + eps) / (a + eps)) * g
    u = d if rate is None else -rate * d
    return u, {"a": a, "x": rho * x + (1 - rho) * d**2}

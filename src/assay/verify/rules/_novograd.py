"""NovoGrad: one second moment for a whole leaf."""

import numpy as np


def novograd(
    t, g, p, s, rate, *, b1=0.9, b2=0.25, eps=1e-6, eps_root=0.0, weight_decay=0.0
):
    """−rate · m, m ← b1 m + g/(√(v + eps_root) + eps) + weight_decay · p,
    v ← b2 v + (1−b2) ‖g‖², at first ‖g‖². Ginsburg et al. 2019, arXiv:1905.11286."""
    del t
    square = np.sum(g**2)
    v = b2 * s.get("v", square) + (1 - b2) * square
    m = b1 * s.get("m", 0.0) + g / (np.sqrt(v + eps_root) + eps) + weight_decay * p
    return -rate * m, {"m": m, "v": v}

"""Lion as its paper and Optax have it."""

import numpy as np

from assay.verify.rules._rule import at as _at


def lion(t, g, p, s, rate, *, b1=0.9, b2=0.99, weight_decay=1e-3):
    """−rate · (sign(b1 m + (1−b1) g) + weight_decay · p), then m ← b2 m + (1−b2) g.
    Chen et al. 2023, arXiv:2302.06675."""
    m = s.get("m", 0.0)
    u = np.sign(b1 * m + (1 - b1) * g) + _at(weight_decay, t) * p
    return -rate * u, {"m": b2 * m + (1 - b2) * g}

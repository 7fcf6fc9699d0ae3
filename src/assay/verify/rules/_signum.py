"""Descent by the sign of the gradient, or of its mean."""

import numpy as np


def sign_sgd(t, g, p, s, rate):
    """−rate · sign(g). Bernstein et al. 2018, arXiv:1802.04434."""
    del t, p
    return -rate * np.sign(g), s


def signum(t, g, p, s, rate, *, beta=0.9):
    """−rate · sign(m), m ← beta m + (1−beta) g. Bernstein et al. 2018."""
    del t, p
    m = beta * s.get("m", 0.0) + (1 - beta) * g
    return -rate * np.sign(m), {"m": m}

"""Yogi: the second mean moves by the sign of the distance, not by the distance."""

import numpy as np


def yogi(
    t, g, p, s, rate, *, b1=0.9, b2=0.999, eps=1e-3, eps_root=0.0,
    initial_accumulator_value=1e-6,
):  # fmt: skip
    """−rate · m/(1−b1ᵗ) / (√(v/(1−b2ᵗ) + eps_root) + eps),
    v ← v − (1−b2) sign(v − g²) g², both from initial_accumulator_value as in the
    authors' own code. Zaheer et al. 2018, algorithm 2 (without corrections)."""
    del p
    m = b1 * s.get("m", initial_accumulator_value) + (1 - b1) * g
    v = s.get("v", initial_accumulator_value)
    v = v - (1 - b2) * np.sign(v - g**2) * g**2
    below = np.sqrt(v / (1 - b2**t) + eps_root) + eps
    return -rate * m / (1 - b1**t) / below, {"m": m, "v": v}

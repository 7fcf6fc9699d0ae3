"""Adagrad as Optax, torch and Keras have it."""

import numpy as np


def adagrad(
    t, g, p, s, rate, *, initial_accumulator_value=0.1, eps=1e-7, eps_in_sqrt=True,
    lr_decay=0.0,
):  # fmt: skip
    """−rate · g/√(a + eps), a = initial_accumulator_value + Σ g², 0 where a is 0; or
    g/(√a + eps) and the rate over 1 + (t−1) · lr_decay (torch). Duchi et al. 2011."""
    del p
    a = s.get("a", initial_accumulator_value) + g**2
    root = np.sqrt(a + eps) if eps_in_sqrt else np.sqrt(a) + eps
    u = np.where(a > 0, g / np.where(a > 0, root, 1.0), 0.0)
    return -rate / (1 + (t - 1) * lr_decay) * u, {"a": a}

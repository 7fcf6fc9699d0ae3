"""RMSprop as Optax, torch and Keras have it."""

import numpy as np


def rmsprop(
    t, g, p, s, rate, *, decay=0.9, eps=1e-8, initial_scale=0.0, eps_in_sqrt=True,
    centered=False, momentum=None, nesterov=False, bias_correction=False,
    rate_last=False,
):  # fmt: skip
    """−rate · g/√(v + eps), or g/(√v + eps) (torch); `centered` takes m² from v. The
    momentum's buffer b ← momentum · b + u holds the rate, or, with `rate_last`
    (torch), does not. Hinton's lecture 6e; Graves 2013 for the centered one."""
    del p
    v = decay * s.get("v", initial_scale) + (1 - decay) * g**2
    m = decay * s.get("m", 0.0) + (1 - decay) * g
    c = 1 - decay**t if bias_correction else 1.0
    square = v / c - (m / c) ** 2 if centered else v / c
    # Rounding alone takes it below zero, where all gradients were the same.
    square = np.maximum(square, 0)
    u = g / (np.sqrt(square + eps) if eps_in_sqrt else np.sqrt(square) + eps)
    if momentum is None:
        return -rate * u, {"v": v, "m": m}
    u = u if rate_last else rate * u
    b = momentum * s.get("b", 0.0) + u
    u = u + momentum * b if nesterov else b
    return -(rate if rate_last else 1.0) * u, {"v": v, "m": m, "b": b}

"""Adafactor: the squares kept as a row and a column, the step relative to the leaf."""

import numpy as np

from assay.verify.rules._rule import at as _at


def factored_rms(
    t, g, p, s, rate, *, factored=True, decay_rate=0.8, step_offset=0,
    min_dim_size_to_factor=128, epsilon=1e-30,
):  # fmt: skip
    """−rate · g/√v, v the mean of g² + epsilon by 1 − t^−decay_rate; for matrices
    v = r cᵀ/mean(r) of the means of its rows and columns. Shazeer and Stern 2018,
    arXiv:1804.04235, algorithms 4 and 5."""
    del p
    weight = float(t - step_offset) ** -decay_rate
    square = g**2 + epsilon

    def mean(name, new):
        return (1 - weight) * s.get(name, 0.0) + weight * new

    small, large = np.argsort(g.shape)[-2:] if g.ndim > 1 else (0, 0)
    if not factored or g.ndim < 2 or g.shape[small] < min_dim_size_to_factor:
        v = mean("v", square)
        return -rate * g / np.sqrt(v), {"v": v}
    r = mean("r", square.mean(large, keepdims=True))
    c = mean("c", square.mean(small, keepdims=True))
    v = r / r.mean(small, keepdims=True) * c
    return -rate * g / np.sqrt(v), {"r": r, "c": c}


def adafactor(
    t, g, p, s, rate, *, min_dim_size_to_factor=128, decay_rate=0.8, decay_offset=0,
    multiply_by_parameter_scale=True, clipping_threshold=1.0, momentum=None,
    weight_decay_rate=None, eps=1e-30, factored=True,
):  # fmt: skip
    """−(α u + weight_decay_rate · p), u = g/√v over max(1, rms(u)/clipping_threshold),
    α = rate · max(1e-3, rms(p)). The decay is not multiplied by the rate in Optax."""
    about = {"factored": factored, "decay_rate": decay_rate, "epsilon": eps}
    about |= {"step_offset": decay_offset}
    least = {"min_dim_size_to_factor": min_dim_size_to_factor}
    u, new = factored_rms(t, g, p, s, -1.0, **about, **least)
    if clipping_threshold is not None:
        u = u / max(1.0, np.sqrt(np.mean(u**2)) / clipping_threshold)
    u = u if rate is None else rate * u
    if multiply_by_parameter_scale:
        u = u * max(1e-3, np.sqrt(np.mean(p**2)))
    if momentum is not None:
        u = new["u"] = momentum * s.get("u", 0.0) + (1 - momentum) * u
    return -(u + _at(weight_decay_rate or 0.0, t) * p), new

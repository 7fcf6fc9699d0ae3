"""Adafactor: the squares kept as a row and a column, the step relative to the leaf."""

import numpy as np

from assay.verify.rules._rule import at as _at


def factored_rms(
    t, g, p, s, rate, *, factored=True, decay_rate=0.8, step_offset=0,
    min_dim_size_to_factor=128, epsilon=1e-30, eps_clamp=False, last_axes=False,
):  # fmt: skip
    """−rate · g/√v, v the mean of g² + epsilon by 1 − t^−decay_rate; for matrices
    v = r cᵀ/mean(r) of the means of its rows and columns: the two longest axes (Optax)
    or the `last_axes`. `eps_clamp` (torch): of g², and max(v, epsilon) in the root.
    Shazeer and Stern 2018, arXiv:1804.04235, algorithms 4 and 5."""
    del p
    weight = float(t - step_offset) ** -decay_rate
    square = g**2 + (0.0 if eps_clamp else epsilon)
    least = epsilon if eps_clamp else 0.0

    def mean(name, new):
        return (1 - weight) * s.get(name, 0.0) + weight * new

    axes = (-2, -1) if last_axes else np.argsort(g.shape)[-2:]
    if not factored or g.ndim < 2 or g.shape[axes[0]] < min_dim_size_to_factor:
        v = mean("v", square)
        return -rate * g / np.sqrt(np.maximum(v, least)), {"v": v}
    small, large = axes
    r = mean("r", square.mean(large, keepdims=True))
    c = mean("c", square.mean(small, keepdims=True))
    middle = np.maximum(r.mean(small, keepdims=True), np.sqrt(least))
    v = np.maximum(r / middle * c, least)
    return -rate * g / np.sqrt(v), {"r": r, "c": c}


def adafactor(
    t, g, p, s, rate, *, min_dim_size_to_factor=128, decay_rate=0.8, decay_offset=0,
    multiply_by_parameter_scale=True, clipping_threshold=1.0, momentum=None,
    weight_decay_rate=None, eps=1e-30, factored=True, eps_clamp=False, last_axes=False,
    rate_cap=False,
):  # fmt: skip
    """−(α u + weight_decay_rate · p), u = g/√v over max(1, rms(u)/clipping_threshold),
    α = rate · max(1e-3, rms(p)). The decay is not multiplied by the rate in Optax.
    `rate_cap` (torch, Keras, the paper): the rate is at most 1/√t."""
    about: dict = {"factored": factored, "decay_rate": decay_rate, "epsilon": eps}
    about |= {"step_offset": decay_offset, "eps_clamp": eps_clamp}
    about |= {"last_axes": last_axes}
    least: dict = {"min_dim_size_to_factor": min_dim_size_to_factor}
    u, new = factored_rms(t, g, p, s, -1.0, **about, **least)
    if clipping_threshold is not None:
        u = u / max(1.0, np.sqrt(np.mean(u**2)) / clipping_threshold)
    rate = 1.0 if rate is None else rate
    u = u * (min(rate, 1 / np.sqrt(t)) if rate_cap else rate)
    if multiply_by_parameter_scale:
        u = u * max(1e-3, np.sqrt(np.mean(p**2)))
    if momentum is not None:
        u = new["u"] = momentum * s.get("u", 0.0) + (1 - momentum) * u
    return -(u + _at(weight_decay_rate or 0.0, t) * p), new

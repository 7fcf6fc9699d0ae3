"""Polyak's step: as long as the value is above the least one, by the norm of all."""

import jax
import numpy as np

from assay.optim import Transform as _Transform


def polyak_sgd(max_learning_rate=1.0, scaling=1.0, f_min=0.0, eps=0.0, variant="sps"):
    """−scaling · min((value − f_min)/(‖g‖² + eps), max_learning_rate) · g, 0 where
    ‖g‖² + eps is; a gap below zero counts as 0 in sps+. All leaves share the norm, so
    this is a pair, and its rate is the scaling. Loizou et al. 2021, arXiv:2002.10542;
    Optax's code takes the norm after the scaling, so that it divides by it."""

    def update(updates, state, params=None, *, value, **extra):
        del params, extra
        scale = scaling(state) if callable(scaling) else scaling
        updates = jax.tree.map(lambda g: np.asarray(g, float), updates)
        below = sum(np.sum(g**2) for g in jax.tree.leaves(updates)) + eps
        gap = value - f_min if variant == "sps" else max(value - f_min, 0.0)
        small = below <= np.finfo(float).eps
        step = 0.0 if small else min(gap / below, max_learning_rate)
        return jax.tree.map(lambda g: -scale * step * g, updates), state + 1

    return _Transform(lambda params: 0, update)

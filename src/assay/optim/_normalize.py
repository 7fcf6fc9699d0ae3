"""Steps of one length, whatever the gradient."""

import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim import _norms
from assay.optim._transform import Transform, stateless
from assay.typing import Scalar


def normalize_by_update_norm(
    scale_factor: Scalar = 1.0, eps: Scalar = 1e-6
) -> Transform:
    """scale_factor · g / (‖g‖ + eps), ‖g‖ over all leaves; zeros stay zeros.

    >>> tx = normalize_by_update_norm(eps=0.0)
    >>> [round(u, 6) for u in tx.update(jnp.array([3e30, -4e30]), ())[0].tolist()]
    [0.6, -0.8]
    """
    factor, eps = arithmetic.number(scale_factor), arithmetic.number(eps)

    def update(updates, params):
        del params
        size = _norms.norm(updates)
        below = size.n + arithmetic.like(eps, size.n) * size.inverse
        below = jnp.where(below == 0, 1, below)

        def leaf(g):
            scaled = g * size.inverse.astype(g.dtype) / below.astype(g.dtype)
            return arithmetic.like(factor, g) * scaled

        return arithmetic.each(leaf, updates)

    return stateless(update)

"""Parameters that stay at or above zero."""

import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim import _leaves
from assay.optim._transform import EmptyState, Transform, stateless

NonNegativeParamsState = EmptyState


def keep_params_nonnegative() -> Transform:
    """u = max(g, −p), so that p + u >= 0. Put it last.

    >>> tx = keep_params_nonnegative()
    >>> p = jnp.array([1.0, 1.0])
    >>> tx.update(jnp.array([-3.0, 2.0]), tx.init(p), p)[0].tolist()
    [-1.0, 2.0]
    """

    def leaf(g, p):
        p = jnp.asarray(p).astype(g.dtype)
        return jnp.where(p + g < 0, -p, g)

    def update(updates, params):
        _leaves.need_params("keep_params_nonnegative", params)
        return arithmetic.each(leaf, updates, params)

    return stateless(update)

"""Optimistic gradients, for games: the next gradient is guessed from the last two."""

from typing import NamedTuple

import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim._adam import scale_by_adam
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.typing import Array, DType, PyTree, Scalar, ScalarOrSchedule


class ScaleByOptimisticGradientState(NamedTuple):
    """The state of `scale_by_optimistic_gradient`."""

    count: Array  # () int32, updates so far
    previous_gradient: PyTree  # like params, >= float32


def scale_by_optimistic_gradient(alpha: Scalar = 1.0, beta: Scalar = 1.0) -> Transform:
    """alpha · g + beta · (g − the last g); at the first step alpha · g.

    >>> tx = scale_by_optimistic_gradient()
    >>> _, state = tx.update(jnp.ones(2), tx.init(jnp.ones(2)))
    >>> tx.update(jnp.full(2, 3.0), state)[0].tolist()
    [5.0, 5.0]

    Daskalakis et al. 2018, arXiv:1711.00141; Mokhtari et al. 2020, arXiv:1901.08511.
    """
    who = "scale_by_optimistic_gradient"
    alpha, beta = arithmetic.number(alpha), arithmetic.number(beta)

    def init(params):
        zeros = arithmetic.full_like(who, params, 0.0)
        return ScaleByOptimisticGradientState(jnp.zeros([], jnp.int32), zeros)

    def update(updates, state, params=None, **extra):
        del params, extra
        count, first = arithmetic.increment(state.count), state.count == 0

        def leaf(g, last):
            g = g.astype(last.dtype)
            change = jnp.where(first, 0, g - last)
            return arithmetic.like(alpha, g) * g + arithmetic.like(beta, g) * change

        last = state.previous_gradient
        new = arithmetic.accumulate(who, lambda g, _: g, updates, last)
        new = arithmetic.cast_like(new, last)
        updates = arithmetic.each(leaf, updates, last)
        return updates, ScaleByOptimisticGradientState(count, new)

    return Transform(init, update)


def optimistic_gradient_descent(
    learning_rate: ScalarOrSchedule, alpha: Scalar = 1.0, beta: Scalar = 1.0
) -> Transform:
    """Optimistic descent: `scale_by_optimistic_gradient`, then a step downhill.

    >>> tx = optimistic_gradient_descent(0.1)
    >>> _, state = tx.update(jnp.ones(2), tx.init(jnp.ones(2)))
    >>> tx.update(jnp.full(2, 3.0), state)[0].tolist()
    [-0.5, -0.5]
    """
    rule = scale_by_optimistic_gradient(alpha, beta)
    return chain(rule, scale_by_learning_rate(learning_rate))


def optimistic_adam_v2(
    learning_rate: ScalarOrSchedule,
    *,
    alpha: Scalar = 1.0,
    beta: Scalar = 1.0,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: DType = None,
    nesterov: bool = True,
) -> Transform:
    """`scale_by_adam`, then `scale_by_optimistic_gradient` of it, and a step downhill.

    >>> tx = optimistic_adam_v2(0.1, nesterov=False)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [-0.1, 0.1]
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        scale_by_optimistic_gradient(alpha, beta),
        scale_by_learning_rate(learning_rate),
    )

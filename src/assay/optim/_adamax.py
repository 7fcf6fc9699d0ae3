"""Adamax: Adam with a decaying maximum in the place of the mean square."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim._decay import add_decayed_weights
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.typing import Array, PyTree, Scalar, ScalarOrSchedule


class ScaleByAdamaxState(NamedTuple):
    """The state of `scale_by_adamax`."""

    count: Array  # () int32, updates so far
    mu: PyTree  # mean of the gradients, like params, >= float32
    nu: PyTree  # decaying maximum of their sizes, like params, >= float32


def scale_by_adamax(
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    *,
    eps_in_max: bool = True,
) -> Transform:
    """m/(1−b1ᵗ) / v, v ← max(b2 · v, |g| + eps), m the mean of g.

    Without `eps_in_max` the maximum is of |g| and the division by v + eps: Keras. The
    paper has no eps.

    >>> tx = scale_by_adamax()
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [1.0, -1.0]

    Kingma and Ba 2015, arXiv:1412.6980, section 7.1.
    """
    who, eps = "scale_by_adamax", arithmetic.number(eps)

    def init(params):
        mu = arithmetic.full_like(who, params, 0.0)
        nu = arithmetic.full_like(who, params, 0.0)
        return ScaleByAdamaxState(jnp.zeros([], jnp.int32), mu, nu)

    def highest(g, v):
        size = jnp.abs(g) + arithmetic.like(eps, g) if eps_in_max else jnp.abs(g)
        return jnp.maximum(arithmetic.decayed(v, b2), size)

    def update(updates, state, params=None, **extra):
        del params, extra
        count = arithmetic.increment(state.count)
        mu = arithmetic.ema(who, updates, state.mu, b1)
        nu = arithmetic.accumulate(who, highest, updates, state.nu)
        (c1,) = arithmetic.corrections(count, (mu, nu), b1)

        def leaf(g, m, v):
            below = v if eps_in_max else v + arithmetic.like(eps, v)
            return m / c1.astype(m.dtype) / below

        new = arithmetic.cast_like((mu, nu), (state.mu, state.nu))
        return arithmetic.each(leaf, updates, mu, nu), ScaleByAdamaxState(count, *new)

    return Transform(init, update)


def adamax(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    *,
    eps_in_max: bool = True,
) -> Transform:
    """Adamax: `scale_by_adamax`, then a step downhill.

    >>> tx = adamax(0.1)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [-0.1, 0.1]
    """
    rule = scale_by_adamax(b1, b2, eps, eps_in_max=eps_in_max)
    return chain(rule, scale_by_learning_rate(learning_rate))


def adamaxw(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: ScalarOrSchedule = 1e-4,
    mask: PyTree | Callable | None = None,
    *,
    eps_in_max: bool = True,
) -> Transform:
    """`adamax` with the decay of `adamw`: u = −learning_rate · (a + weight_decay · p).

    >>> tx = adamaxw(0.1, weight_decay=0.5)
    >>> w = jnp.array([2.0, -2.0])
    >>> [round(u, 6) for u in tx.update(jnp.zeros(2), tx.init(w), w)[0].tolist()]
    [-0.1, 0.1]
    """
    return chain(
        scale_by_adamax(b1, b2, eps, eps_in_max=eps_in_max),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )

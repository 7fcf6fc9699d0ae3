"""Adagrad: the gradient over the root of the sum of all its squares."""

from typing import NamedTuple

import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.typing import PyTree, Scalar, ScalarOrSchedule


class ScaleByRssState(NamedTuple):
    """The state of `scale_by_rss`."""

    sum_of_squares: PyTree  # like params, >= float32


def scale_by_rss(
    initial_accumulator_value: Scalar = 0.1,
    eps: Scalar = 1e-7,
    *,
    eps_in_sqrt: bool = True,
) -> Transform:
    """g / √(a + eps), a = initial_accumulator_value + Σ g²; 0 where a is 0.

    Without `eps_in_sqrt` it is g / (√a + eps), as the paper and torch have it. They
    and the lectures start from 0, Optax and Keras from 0.1.

    >>> tx = scale_by_rss(initial_accumulator_value=0.0)
    >>> g = jnp.array([0.5, 0.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [1.0, 0.0]

    Duchi, Hazan and Singer 2011, jmlr.org/papers/v12/duchi11a.
    """
    who, eps = "scale_by_rss", arithmetic.number(eps)

    def init(params):
        start = arithmetic.full_like(who, params, initial_accumulator_value)
        return ScaleByRssState(start)

    def leaf(g, a):
        empty, e = a == 0, arithmetic.like(eps, a)
        inside, outside = (e, 0) if eps_in_sqrt else (0, e)
        below = jnp.sqrt(jnp.where(empty, 1, a + inside)) + outside
        return jnp.where(empty, 0, g.astype(a.dtype) / below)

    def update(updates, state, params=None, **extra):
        del params, extra
        args = (updates, state.sum_of_squares)
        total = arithmetic.accumulate(who, lambda g, a: a + g * g, *args)
        new = arithmetic.cast_like(total, state.sum_of_squares)
        return arithmetic.each(leaf, updates, total), ScaleByRssState(new)

    return Transform(init, update)


def adagrad(
    learning_rate: ScalarOrSchedule,
    initial_accumulator_value: Scalar = 0.1,
    eps: Scalar = 1e-7,
    *,
    eps_in_sqrt: bool = True,
) -> Transform:
    """Adagrad: `scale_by_rss`, then a step downhill.

    >>> tx = adagrad(0.1, initial_accumulator_value=0.0)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [-0.1, 0.1]
    """
    rule = scale_by_rss(initial_accumulator_value, eps, eps_in_sqrt=eps_in_sqrt)
    return chain(rule, scale_by_learning_rate(learning_rate))

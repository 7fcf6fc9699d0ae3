"""AdaBelief: the step is long where the gradient is what its mean foretold."""

from typing import NamedTuple

import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.typing import Array, PyTree, Scalar, ScalarOrSchedule


class ScaleByBeliefState(NamedTuple):
    """The state of `scale_by_belief`."""

    count: Array  # () int32, updates so far
    mu: PyTree  # mean of the gradients, like params, >= float32
    nu: PyTree  # mean of (g − mu)², and eps_root at every step, like params, >= float32


def scale_by_belief(
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-16,
    eps_root: Scalar = 1e-16,
    *,
    nesterov: bool = False,
) -> Transform:
    """m/(1−b1ᵗ) / (√(s/(1−b2ᵗ)) + eps), s ← b2 s + (1−b2)(g−m)² + eps_root.

    m is the mean of g, today's included, so that g − m = b1 · (g − yesterday's).

    >>> tx = scale_by_belief(b1=0.5)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [2.0, -2.0]

    Zhuang et al. 2020, arXiv:2010.07468.
    """
    who = "scale_by_belief"
    b, added = arithmetic.number(b1), arithmetic.number(eps_root)

    def init(params):
        mu = arithmetic.full_like(who, params, 0.0)
        nu = arithmetic.full_like(who, params, 0.0)
        return ScaleByBeliefState(jnp.zeros([], jnp.int32), mu, nu)

    def surprise(g, s, m):
        e = arithmetic.like(b, g) * (g - m)
        return arithmetic.toward_square(s, e, b2) + arithmetic.like(added, g)

    def update(updates, state, params=None, **extra):
        del params, extra
        count = arithmetic.increment(state.count)
        mu = head = arithmetic.ema(who, updates, state.mu, b1)
        nu = arithmetic.accumulate(who, surprise, updates, state.nu, state.mu)
        c1, c2 = arithmetic.corrections(count, (mu, nu), b1, b2)
        if nesterov:
            head = arithmetic.nesterov_head(who, updates, mu, b1, count, c1)
        leaf = arithmetic.normalized(c1, c2, eps)
        new = arithmetic.cast_like((mu, nu), (state.mu, state.nu))
        return arithmetic.each(leaf, updates, head, nu), ScaleByBeliefState(count, *new)

    return Transform(init, update)


def adabelief(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-16,
    eps_root: Scalar = 1e-16,
    *,
    nesterov: bool = False,
) -> Transform:
    """AdaBelief: `scale_by_belief`, then a step downhill.

    >>> tx = adabelief(0.1, b1=0.5)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [-0.2, 0.2]
    """
    rule = scale_by_belief(b1, b2, eps, eps_root, nesterov=nesterov)
    return chain(rule, scale_by_learning_rate(learning_rate))

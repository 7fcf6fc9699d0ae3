"""Yogi: Adam whose second moment moves by a share of g², never by one of itself."""

from typing import NamedTuple

import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.typing import Array, PyTree, Scalar, ScalarOrSchedule


class ScaleByYogiState(NamedTuple):
    """The state of `scale_by_yogi`."""

    count: Array  # () int32, updates so far
    mu: PyTree  # mean of the gradients, like params, >= float32
    nu: PyTree  # what follows their squares, like params, >= float32


def scale_by_yogi(
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-3,
    eps_root: Scalar = 0.0,
    initial_accumulator_value: Scalar = 1e-6,
) -> Transform:
    """m/(1−b1ᵗ) / (√(v/(1−b2ᵗ) + eps_root) + eps), v ← v − (1−b2) sign(v−g²) g².

    Both m, the mean of g, and v start from initial_accumulator_value.

    >>> tx = scale_by_yogi(eps=0.0, initial_accumulator_value=0.0)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [1.0, -1.0]

    Zaheer et al. 2018, papers.nips.cc/paper/8186.
    """
    who = "scale_by_yogi"

    def init(params):
        mu = arithmetic.full_like(who, params, initial_accumulator_value)
        nu = arithmetic.full_like(who, params, initial_accumulator_value)
        return ScaleByYogiState(jnp.zeros([], jnp.int32), mu, nu)

    def follow(g, v):
        share = (arithmetic.like(arithmetic.complement(b2), g) * g) * g
        return v + jnp.sign(g * g - v) * share

    def update(updates, state, params=None, **extra):
        del params, extra
        count = arithmetic.increment(state.count)
        mu = arithmetic.ema(who, updates, state.mu, b1)
        nu = arithmetic.accumulate(who, follow, updates, state.nu)
        c1, c2 = arithmetic.corrections(count, (mu, nu), b1, b2)
        leaf = arithmetic.normalized(c1, c2, eps, eps_root)
        new = arithmetic.cast_like((mu, nu), (state.mu, state.nu))
        return arithmetic.each(leaf, updates, mu, nu), ScaleByYogiState(count, *new)

    return Transform(init, update)


def yogi(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-3,
) -> Transform:
    """Yogi: `scale_by_yogi`, then a step downhill.

    >>> tx = yogi(0.1)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 3) for u in tx.update(g, tx.init(g))[0].tolist()]
    [-0.1, 0.1]
    """
    rule = scale_by_yogi(b1, b2, eps)
    return chain(rule, scale_by_learning_rate(learning_rate))

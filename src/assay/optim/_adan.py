"""Adan: Nesterov's momentum by the mean of the gradient's differences."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim._decay import add_decayed_weights
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.typing import Array, PyTree, Scalar, ScalarOrSchedule


class ScaleByAdanState(NamedTuple):
    """The state of `scale_by_adan`."""

    count: Array  # () int32, updates so far
    m: PyTree  # mean of the gradients, like params, >= float32
    v: PyTree  # mean of their differences, like params, >= float32
    n: PyTree  # mean of (g + w · difference)², like params, >= float32
    g: PyTree  # the last gradient, like params, >= float32


def scale_by_adan(
    b1: Scalar = 0.98,
    b2: Scalar = 0.92,
    b3: Scalar = 0.99,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    *,
    b2_ahead: bool = False,
) -> Transform:
    """(m/(1−b1ᵗ) + w v/(1−b2ᵗ)) / (√(n/(1−b3ᵗ) + eps_root) + eps), w = 1 − b2.

    m, v and n are the means of g, of d = g − the last g (first 0) and of (g + w d)²,
    with b1, b2 and b3. `b2_ahead` sets w = b2: the authors' code, and their paper,
    whose β is 1 − b everywhere. Optax reads that w without the turn.

    >>> tx = scale_by_adan()
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [1.0, -1.0]

    Xie et al. 2022, arXiv:2208.06677; w: github.com/google-deepmind/optax/pull/1715.
    """
    who = "scale_by_adan"
    w = arithmetic.number(b2) if b2_ahead else arithmetic.complement(b2)

    def init(params):
        zeros = [arithmetic.full_like(who, params, 0.0) for _ in range(4)]
        return ScaleByAdanState(jnp.zeros([], jnp.int32), *zeros)

    def update(updates, state, params=None, **extra):
        del params, extra
        count, first = arithmetic.increment(state.count), state.count == 0

        def changes(g, v, last):
            return arithmetic.toward(v, jnp.where(first, 0, g - last), b2)

        def squares(g, n, last):
            ahead = g + arithmetic.like(w, g) * jnp.where(first, 0, g - last)
            return arithmetic.toward_square(n, ahead, b3)

        m = arithmetic.ema(who, updates, state.m, b1)
        v = arithmetic.accumulate(who, changes, updates, state.v, state.g)
        n = arithmetic.accumulate(who, squares, updates, state.n, state.g)
        last = arithmetic.accumulate(who, lambda g, _: g, updates, state.g)
        c1, c2, c3 = arithmetic.corrections(count, (m, v, n), b1, b2, b3)
        adam = arithmetic.normalized(c1, c3, eps, eps_root)
        weight = arithmetic.like(w, c1) * c1 / c2

        def leaf(g, m, v, n):
            return adam(g, m + weight.astype(v.dtype) * v, n)

        new = arithmetic.cast_like((m, v, n, last), state[1:])
        return arithmetic.each(leaf, updates, m, v, n), ScaleByAdanState(count, *new)

    return Transform(init, update)


def adan(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.98,
    b2: Scalar = 0.92,
    b3: Scalar = 0.99,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 1e-8,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: PyTree | Callable | None = None,
    *,
    b2_ahead: bool = False,
) -> Transform:
    """Adan: `scale_by_adan`, the decay of `adamw`, then a step downhill.

    >>> tx = adan(0.1)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g), g)[0].tolist()]
    [-0.1, 0.1]
    """
    return chain(
        scale_by_adan(b1, b2, b3, eps, eps_root, b2_ahead=b2_ahead),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )

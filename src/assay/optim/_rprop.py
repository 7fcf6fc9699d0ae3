"""Rprop: a step size for every entry, moved by the signs of the gradients alone."""

from typing import NamedTuple

import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim._transform import Transform, chain, scale
from assay.typing import PyTree, Scalar


class ScaleByRpropState(NamedTuple):
    """The state of `scale_by_rprop`."""

    step_sizes: PyTree  # like params, >= float32
    prev_updates: PyTree  # the last update, like params, >= float32


def scale_by_rprop(
    learning_rate: Scalar,
    eta_minus: Scalar = 0.5,
    eta_plus: Scalar = 1.2,
    min_step_size: Scalar = 1e-6,
    max_step_size: Scalar = 50.0,
) -> Transform:
    """s · sign(g); 0 where g turned. s from learning_rate, times η₊ or η₋ as g turned.

    iRprop⁻, as torch has it: s grows by η₊ where g kept its sign, shrinks by η₋ where
    it turned (and the next step compares with 0), and stays in its bounds. Optax 0.2.8
    returns last step's update instead, 0 at first.

    >>> tx = scale_by_rprop(0.1)
    >>> g = jnp.array([0.5, -2.0])
    >>> updates, state = tx.update(g, tx.init(g))
    >>> [round(u, 6) for u in updates.tolist()]
    [0.1, -0.1]
    >>> [round(u, 6) for u in tx.update(-g * g, state)[0].tolist()]
    [0.0, -0.12]

    Igel and Hüsken 2000, Improving the Rprop learning algorithm;
    Optax's: github.com/google-deepmind/optax/pull/1725.
    """
    who = "scale_by_rprop"
    low, high = arithmetic.number(min_step_size), arithmetic.number(max_step_size)

    def init(params):
        step_sizes = arithmetic.full_like(who, params, learning_rate)
        return ScaleByRpropState(step_sizes, arithmetic.full_like(who, params, 0.0))

    def resize(g, s, last):
        # Signs, because the product of two small gradients vanishes.
        turn = jnp.sign(g) * jnp.sign(last)
        s = jnp.where(turn < 0, arithmetic.decayed(s, eta_minus), s)
        s = jnp.where(turn > 0, arithmetic.decayed(s, eta_plus), s)
        s = jnp.maximum(s, arithmetic.like(low, s))
        return jnp.minimum(s, arithmetic.like(high, s))

    def step(g, s, last):
        return jnp.where(jnp.sign(g) * jnp.sign(last) < 0, 0, s * jnp.sign(g))

    def update(updates, state, params=None, **extra):
        del params, extra
        sizes, last = old = tuple(state)
        sizes = arithmetic.accumulate(who, resize, updates, sizes, last)
        new = arithmetic.accumulate(
            who, lambda g, last, s: step(g, s, last), updates, last, sizes
        )
        updates = arithmetic.each(step, updates, sizes, last)
        return updates, ScaleByRpropState(*arithmetic.cast_like((sizes, new), old))

    return Transform(init, update)


def rprop(
    learning_rate: Scalar,
    eta_minus: Scalar = 0.5,
    eta_plus: Scalar = 1.2,
    min_step_size: Scalar = 1e-6,
    max_step_size: Scalar = 50.0,
) -> Transform:
    """Rprop: `scale_by_rprop`, downhill. learning_rate is the size of the first step.

    >>> tx = rprop(0.1)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [-0.1, 0.1]
    """
    sizes = min_step_size, max_step_size
    return chain(scale_by_rprop(learning_rate, eta_minus, eta_plus, *sizes), scale(-1))

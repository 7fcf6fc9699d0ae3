"""Gradient descent and momentum, the rate outside or inside the velocity."""

from typing import NamedTuple

import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim._transform import (
    Transform,
    chain,
    identity,
    scale_by_learning_rate,
    scale_by_schedule,
)
from assay.typing import DType, PyTree, Scalar, ScalarOrSchedule


class TraceState(NamedTuple):
    """The state of `trace`."""

    trace: PyTree  # the velocity, like params, >= float32


def trace(
    decay: Scalar, nesterov: bool = False, accumulator_dtype: DType = None
) -> Transform:
    """t ← g + decay · t; u = t, or g + decay · t once more for Nesterov.

    >>> tx = trace(0.5)
    >>> g = jnp.ones(2)
    >>> _, state = tx.update(g, tx.init(g))
    >>> tx.update(g, state)[0].tolist()
    [1.5, 1.5]

    Polyak 1964; Sutskever et al. 2013, proceedings.mlr.press/v28/sutskever13.
    """

    def init(params):
        zeros = arithmetic.full_like("trace", params, 0.0, accumulator_dtype)
        return TraceState(zeros)

    def follow(g, t):
        return g + arithmetic.decayed(t, decay)

    def update(updates, state, params=None, **extra):
        del params, extra
        new = arithmetic.accumulate("trace", follow, updates, state.trace)
        look = follow if nesterov else lambda g, t: t
        updates = arithmetic.each(lambda g, t: look(g.astype(t.dtype), t), updates, new)
        return updates, TraceState(arithmetic.cast_like(new, state.trace))

    return Transform(init, update)


def sgd(
    learning_rate: ScalarOrSchedule,
    momentum: Scalar | None = None,
    nesterov: bool = False,
    accumulator_dtype: DType = None,
    *,
    dampening: Scalar | None = None,
    maximize: bool = False,
) -> Transform:
    """u = −learning_rate · g; with momentum, the rate multiplies the velocity.

    Batch, mini-batch or stochastic descent by how many examples made the gradient.
    `dampening` and `maximize` are torch's: t ← (1 − dampening) · g + momentum · t, the
    first t being g itself; and uphill instead of downhill.

    >>> tx = sgd(0.1)
    >>> w = jnp.array(0.5)
    >>> updates, _ = tx.update(jnp.array(0.4), tx.init(w))
    >>> round(float(w + updates), 6)
    0.46
    """
    rate = scale_by_learning_rate(learning_rate, flip_sign=not maximize)
    if dampening is not None and (momentum is None or nesterov):
        must = "dampening needs a momentum without nesterov"
        _check.fail("sgd", must, f"momentum={momentum}, nesterov={nesterov}")
    if momentum is None:
        return chain(identity(), rate)
    velocity = trace(momentum, nesterov, accumulator_dtype)
    if dampening is None:
        return chain(velocity, rate)
    return chain(scale_by_schedule(_undamped_once(dampening)), velocity, rate)


def _undamped_once(dampening):
    """1 at the first step, 1 − dampening after it."""
    rest = arithmetic.complement(dampening)
    return lambda count: jnp.where(count == 0, 1, rest)


def momentum(
    learning_rate: ScalarOrSchedule, beta: Scalar = 0.9, *, nesterov: bool = False
) -> Transform:
    """v ← beta · v + learning_rate · g; u = −v: the rate is inside the velocity.

    Keras's momentum. `sgd` has Optax's and torch's, where the rate is outside: equal
    at a constant rate, different under a schedule.

    >>> tx = momentum(0.5, beta=0.5)
    >>> g = jnp.ones(2)
    >>> _, state = tx.update(g, tx.init(g))
    >>> tx.update(g, state)[0].tolist()
    [-0.75, -0.75]
    """
    return chain(scale_by_learning_rate(learning_rate), trace(beta, nesterov))

"""A learning rate that falls when the loss no longer does."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim import _select
from assay.optim._transform import Transform
from assay.typing import Array, Scalar


class ReduceLROnPlateauState(NamedTuple):
    """The state of `reduce_on_plateau`; scalars of at least float32 and int32."""

    scale: Array  # () what the updates are multiplied by
    best_value: Array  # () the least mean so far
    plateau_count: Array  # () int32, means in a row that were not better
    cooldown_count: Array  # () int32, means that will still not be counted
    count: Array  # () int32, values in avg_value
    avg_value: Array  # () mean of the values since the last judgement


def reduce_on_plateau(
    factor: Scalar = 0.1,
    patience: Scalar = 10,
    rtol: Scalar = 1e-4,
    atol: Scalar = 0.0,
    cooldown: Scalar = 0,
    accumulation_size: Scalar = 1,
    min_scale: Scalar = 0.0,
) -> Transform:
    """u = scale · g; scale ← max(factor · scale, min_scale) after `patience` bad means.

    A mean of `accumulation_size` losses (the extra argument `value=`) is bad if it is
    not below (1 − rtol) · best − atol. After a fall `cooldown` means do not count.

    >>> tx = reduce_on_plateau(0.5, patience=2)
    >>> g, state = jnp.ones(()), tx.init(None)
    >>> for loss in (1.0, 1.0, 1.0):
    ...     u, state = tx.update(g, state, value=loss)
    >>> float(u)
    0.5

    torch's ReduceLROnPlateau, whose patience is one less.
    """
    for name, n in (("patience", patience), ("accumulation_size", accumulation_size)):
        _check.within("reduce_on_plateau", name, n, 1, float("inf"))
    _judge(factor, rtol, atol)
    factor, floor = arithmetic.number(factor), arithmetic.number(min_scale)
    better, less = arithmetic.complement(rtol), arithmetic.number(atol)
    wait, rest, size = (
        jnp.asarray(n, jnp.int32) for n in (patience, cooldown, accumulation_size)
    )

    def init(params):
        dtype = arithmetic.wide(*jax.tree.leaves(params))
        scale, best, mean = (jnp.full([], x, dtype) for x in (1, jnp.inf, 0))
        bad, cooling, n = (jnp.zeros([], jnp.int32) for _ in range(3))
        return ReduceLROnPlateauState(scale, best, bad, cooling, n, mean)

    def judged(state):
        best, low = state.best_value, arithmetic.like(less, state.best_value)
        improved = state.avg_value < arithmetic.like(better, best) * best - low
        bad = jnp.where(improved, 0, arithmetic.increment(state.plateau_count))
        cooling = state.cooldown_count > 0
        fall = ~cooling & (bad == wait)
        smaller = state.scale * arithmetic.like(factor, best)
        scale = jnp.where(fall, smaller, state.scale)
        scale = jnp.maximum(scale, arithmetic.like(floor, best))
        return ReduceLROnPlateauState(
            scale=jnp.where(cooling, state.scale, scale),
            best_value=jnp.where(improved, state.avg_value, best),
            plateau_count=jnp.where(cooling | fall, 0, bad),
            cooldown_count=jnp.where(
                cooling, state.cooldown_count - 1, jnp.where(fall, rest, 0)
            ),
            count=jnp.zeros_like(state.count),
            avg_value=jnp.zeros_like(best),
        )

    def update(updates, state, params=None, *, value=None, **extra):
        del params, extra
        if value is None:
            todo = "Call update(updates, state, params, value=loss)."
            _check.fail("reduce_on_plateau", "value must be given", None, todo)
        count, mean = arithmetic.increment(state.count), state.avg_value
        value = jnp.asarray(arithmetic.number(value)).astype(mean.dtype)
        mean = mean + (value - mean) / count.astype(mean.dtype)
        state = state._replace(count=count, avg_value=mean)
        state = _select.state(count == size, judged(state), state)
        scale = state.scale
        updates = arithmetic.each(lambda g: g * scale.astype(g.dtype), updates)
        return updates, state

    return Transform(init, update)


def _judge(factor: Scalar, rtol: Scalar, atol: Scalar) -> None:
    """What has no meaning is refused, if it is known."""
    who = "reduce_on_plateau"
    if isinstance(factor, (int, float)) and not 0 < factor < 1:
        _check.fail(who, "factor must be between 0 and 1", factor)
    _check.within(who, "rtol", rtol, 0, 1)
    _check.within(who, "atol", atol, 0, float("inf"))
    if all(isinstance(x, (int, float)) and x == 0 for x in (rtol, atol)):
        _check.fail(who, "rtol or atol must be positive", "0 and 0")

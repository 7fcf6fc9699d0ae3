"""Schedules made of schedules: one after the other, or multiplied."""

from collections.abc import Sequence

import jax.numpy as jnp

from assay import _check
from assay.optim.schedules import _progress as progress
from assay.typing import Schedule


def join_schedules(
    schedules: Sequence[Schedule], boundaries: Sequence[int]
) -> Schedule:
    """f(t) = fᵢ(t − bᵢ), i the last whose boundary bᵢ <= t; b₀ = 0.

    >>> from assay.optim.schedules import constant_schedule, linear_schedule
    >>> f = join_schedules([linear_schedule(0, 1, 2), constant_schedule(5.0)], [3])
    >>> [float(f(t)) for t in range(5)]
    [0.0, 0.5, 1.0, 5.0, 5.0]
    """
    if len(schedules) != len(boundaries) + 1:
        must = f"boundaries must be one fewer than the {len(schedules)} schedules"
        _check.fail("join_schedules", must, len(boundaries))

    def schedule(count):
        value = schedules[0](count)
        for begin, later in zip(boundaries, schedules[1:], strict=True):
            # At least 0: the branch not taken must have a value and a derivative too.
            new = later(progress.since(count, begin))
            value, new = progress.values(value, new)
            value = jnp.where(jnp.asarray(count) < begin, value, new)
        return value

    return schedule


def multiply_schedules(schedules: Sequence[Schedule]) -> Schedule:
    """f(t) = Π fᵢ(t): a warm-up factor on any decay.

    >>> from assay.optim.schedules import constant_schedule, linear_schedule
    >>> f = multiply_schedules([constant_schedule(0.5), linear_schedule(0, 1, 2)])
    >>> [float(f(t)) for t in range(4)]
    [0.0, 0.25, 0.5, 0.5]

    torch's ChainedScheduler.
    """
    if not schedules:
        _check.fail("multiply_schedules", "schedules must not be empty", "none")

    def schedule(count):
        value, *others = progress.values(*[f(count) for f in schedules])
        for other in others:
            value = value * other
        return value

    return schedule

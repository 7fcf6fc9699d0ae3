"""Schedules that come back: triangles, and cosines with restarts."""

from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp

from assay import _check
from assay.optim.schedules import _progress as progress
from assay.optim.schedules._compose import join_schedules
from assay.optim.schedules._warmup import warmup_cosine_decay_schedule
from assay.typing import Scalar, Schedule


def cyclic_schedule(
    init_value: Scalar,
    peak_value: Scalar,
    steps_up: int,
    steps_down: int | None = None,
    *,
    cycle_factor: Scalar = 1.0,
    step_factor: Scalar = 1.0,
) -> Schedule:
    """f(t) = init_value + (peak_value − init_value) · triangle(t) · shrinking(t).

    The triangle rises from 0 to 1 in steps_up, falls in steps_down (as many), again;
    shrinking = cycle_factor^cycles · step_factorᵗ. Of torch's CyclicLR, "triangular2"
    is cycle_factor=0.5 and "exp_range" step_factor=gamma.

    >>> f = cyclic_schedule(0.0, 1.0, 2, cycle_factor=0.5)
    >>> [float(f(t)) for t in range(9)]
    [0.0, 0.5, 1.0, 0.5, 0.0, 0.25, 0.5, 0.25, 0.0]

    Smith 2017, arXiv:1506.01186.
    """
    down = steps_up if steps_down is None else steps_down
    for name, steps in (("steps_up", steps_up), ("steps_down", down)):
        if not steps > 0:
            _check.fail("cyclic_schedule", f"{name} must be positive", steps)

    def schedule(count):
        low, high, *factors = progress.values(
            init_value, peak_value, cycle_factor, step_factor
        )
        count = jnp.asarray(count)
        cycles, phase = count // (steps_up + down), count % (steps_up + down)
        rise, short = progress.fractions(phase, steps_up, low.dtype)
        fall, above = progress.fractions(phase, down, low.dtype, steps_up)
        rising = phase < steps_up
        up, under = jnp.where(rising, rise, above), jnp.where(rising, short, fall)
        shrinking = factors[0] ** cycles.astype(low.dtype)
        shrinking = shrinking * factors[1] ** count.astype(low.dtype)
        return low * (under + up * (1 - shrinking)) + high * up * shrinking

    return schedule


def sgdr_schedule(cosine_kwargs: Iterable[dict[str, Any]]) -> Schedule:
    """`warmup_cosine_decay_schedule(**kwargs)` for every kwargs, one after the other.

    >>> once = {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 1}
    >>> f = sgdr_schedule([{**once, "decay_steps": 3}, {**once, "decay_steps": 5}])
    >>> [round(float(f(t)), 4) for t in range(8)]
    [0.0, 1.0, 0.5, 0.0, 1.0, 0.8536, 0.5, 0.1464]

    Loshchilov and Hutter 2017, arXiv:1608.03983.
    """
    cycles = [dict(kwargs) for kwargs in cosine_kwargs]
    if not cycles:
        _check.fail("sgdr_schedule", "cosine_kwargs must hold a cycle", "none")
    ends = [0]
    for kwargs in cycles:
        ends.append(ends[-1] + kwargs["decay_steps"])
    schedules = [warmup_cosine_decay_schedule(**kwargs) for kwargs in cycles]
    return join_schedules(schedules, ends[1:-1])

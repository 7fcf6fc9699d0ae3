"""Through given values at given steps, linearly or along cosines; one-cycle."""

import math
from collections.abc import Sequence
from itertools import pairwise

import jax.numpy as jnp

from assay import _check
from assay.optim.schedules import _progress as progress
from assay.typing import Scalar, Schedule


def piecewise_interpolate_schedule(
    interpolate_type: str,
    init_value: Scalar,
    boundaries_and_scales: dict[int, float] | None = None,
) -> Schedule:
    """f(b) = init_value · Π {scale : boundary <= b} at each boundary b; mixed between.

    `interpolate_type` is "linear" or "cosine"; the last value stays.

    >>> f = piecewise_interpolate_schedule("linear", 1.0, {2: 3.0, 4: 0.5})
    >>> [float(f(t)) for t in range(6)]
    [1.0, 2.0, 3.0, 2.25, 1.5, 1.5]
    """
    who = "piecewise_interpolate_schedule"
    _check.choice(who, "interpolate_type", interpolate_type, ("linear", "cosine"))
    steps = sorted((boundaries_and_scales or {}).items())
    for boundary, factor in steps:
        _check.within(who, f"the scale at {boundary}", factor, 0, math.inf)
    factors = [1.0]
    for _, factor in steps:
        factors.append(factors[-1] * factor)
    return _through(interpolate_type, init_value, [b for b, _ in steps], factors)


def linear_onecycle_schedule(
    transition_steps: int,
    peak_value: Scalar,
    pct_start: float = 0.3,
    pct_final: float = 0.85,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Schedule:
    """f: low → peak_value → low → low/final_div_factor; low = peak_value/div_factor.

    Linear up to pct_start of the transition_steps, to pct_final, to the end.

    >>> f = linear_onecycle_schedule(10, 1.0, 0.2, 0.6, 4.0, 4.0)
    >>> [round(float(f(t)), 4) for t in (0, 1, 2, 4, 6, 10, 99)]
    [0.25, 0.625, 1.0, 0.625, 0.25, 0.0625, 0.0625]

    Smith and Topin 2017, arXiv:1708.07120.
    """
    _positive("linear_onecycle_schedule", transition_steps)
    ends = [int(pct_start * transition_steps), int(pct_final * transition_steps)]
    low = 1 / div_factor
    factors = [low, 1.0, low, low / final_div_factor]
    return _through("linear", peak_value, [*ends, transition_steps], factors)


def cosine_onecycle_schedule(
    transition_steps: int,
    peak_value: Scalar,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Schedule:
    """f: low → peak_value → low/final_div_factor; low = peak_value/div_factor.

    Half a cosine up to pct_start of the transition_steps, and one down to the end.

    >>> f = cosine_onecycle_schedule(8, 1.0, 0.5, 4.0, 4.0)
    >>> [round(float(f(t)), 4) for t in (0, 2, 4, 6, 8, 99)]
    [0.25, 0.625, 1.0, 0.5312, 0.0625, 0.0625]

    Smith and Topin 2017, arXiv:1708.07120.
    """
    _positive("cosine_onecycle_schedule", transition_steps)
    low, top = 1 / div_factor, int(pct_start * transition_steps)
    factors = [low, 1.0, low / final_div_factor]
    return _through("cosine", peak_value, [top, int(transition_steps)], factors)


def _positive(who: str, steps: int) -> None:
    if not steps > 0:
        _check.fail(who, "transition_steps must be positive", steps)


def _through(
    kind: str, value: Scalar, ends: Sequence[int], factors: Sequence[float]
) -> Schedule:
    """value · factors[0] at 0, value · factors[i + 1] at ends[i]."""
    begins = [0, *ends]

    def schedule(count):
        (unit,) = progress.values(value)
        heights = [unit * f for f in factors]
        now = heights[0]
        for i, (begin, end) in enumerate(pairwise(begins)):
            size = max(end - begin, 1)
            done, left = progress.fractions(count, size, unit.dtype, begin)
            if kind == "cosine":  # ½(1 ± cos) would cancel at its ends
                done, left = (jnp.sin(x * (math.pi / 2)) ** 2 for x in (done, left))
            new = heights[i] * left + heights[i + 1] * done
            now = jnp.where(jnp.asarray(count) >= begin, new, now)
        return jnp.where(jnp.asarray(count) >= begins[-1], heights[-1], now)

    return schedule

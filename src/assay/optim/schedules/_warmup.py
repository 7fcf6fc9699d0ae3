"""A linear way up, then constant, cosine, exponential, 1/√t, or stable and down."""

import jax.numpy as jnp

from assay import _check
from assay.optim.schedules import _progress as progress
from assay.optim.schedules._compose import join_schedules
from assay.optim.schedules._decay import (
    constant_schedule,
    cosine_decay_schedule,
    exponential_decay,
    linear_schedule,
)
from assay.typing import Scalar, Schedule


def warmup_constant_schedule(
    init_value: Scalar, peak_value: Scalar, warmup_steps: int
) -> Schedule:
    """Linear from init_value to peak_value in warmup_steps, then peak_value.

    Without warm-up it is peak_value at once, where Optax stays at init_value for ever.

    >>> f = warmup_constant_schedule(0.0, 1.0, 2)
    >>> [float(f(t)) for t in range(4)]
    [0.0, 0.5, 1.0, 1.0]

    Goyal et al. 2017, arXiv:1706.02677.
    """
    if warmup_steps <= 0:
        return constant_schedule(peak_value)
    return linear_schedule(init_value, peak_value, warmup_steps)


def warmup_cosine_decay_schedule(
    init_value: Scalar,
    peak_value: Scalar,
    warmup_steps: int,
    decay_steps: int,
    end_value: Scalar = 0.0,
    exponent: Scalar = 1.0,
) -> Schedule:
    """Linear from init_value to peak_value, then `cosine_decay_schedule` to end_value.

    decay_steps counts the whole way, warm-up included.

    >>> f = warmup_cosine_decay_schedule(0.0, 1.0, 2, 6)
    >>> [round(float(f(t)), 4) for t in range(8)]
    [0.0, 0.5, 1.0, 0.8536, 0.5, 0.1464, 0.0, 0.0]

    Loshchilov and Hutter 2017, arXiv:1608.03983.
    """
    if not decay_steps > warmup_steps:
        must = f"decay_steps must be more than the {warmup_steps} of the warm-up"
        _check.fail("warmup_cosine_decay_schedule", must, decay_steps)
    up = linear_schedule(init_value, peak_value, warmup_steps)
    wave = cosine_decay_schedule(1.0, decay_steps - warmup_steps, 0.0, exponent)

    def down(count):
        high, low, share = progress.values(peak_value, end_value, wave(count))
        return high * share + low * (1 - share)

    return join_schedules([up, down], [warmup_steps])


def warmup_exponential_decay_schedule(
    init_value: Scalar,
    peak_value: Scalar,
    warmup_steps: int,
    transition_steps: int,
    decay_rate: Scalar,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: Scalar | None = None,
) -> Schedule:
    """Linear from init_value to peak_value, then `exponential_decay` from there.

    >>> f = warmup_exponential_decay_schedule(0.0, 1.0, 2, 2, 0.25)
    >>> [float(f(t)) for t in range(6)]
    [0.0, 0.5, 1.0, 0.5, 0.25, 0.125]
    """
    up = linear_schedule(init_value, peak_value, warmup_steps)
    down = exponential_decay(
        peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value
    )
    return join_schedules([up, down], [warmup_steps])


def inverse_sqrt_schedule(
    init_value: Scalar,
    peak_value: Scalar,
    warmup_steps: int,
    timescale: Scalar | None = None,
) -> Schedule:
    """Linear from init_value to peak_value, then peak_value · √(τ/(τ + t − w)).

    w = warmup_steps, and so is τ = timescale unless given: peak_value · √(w/t), Noam's
    schedule for init_value 0 and peak_value (width · w)^−½.

    >>> f = inverse_sqrt_schedule(0.0, 1.0, 4)
    >>> [round(float(f(t)), 4) for t in (0, 2, 4, 16, 64)]
    [0.0, 0.5, 1.0, 0.5, 0.25]

    Vaswani et al. 2017, arXiv:1706.03762; `timescale` as in big_vision.
    """
    scale = max(warmup_steps, 1) if timescale is None else timescale
    up = linear_schedule(init_value, peak_value, warmup_steps)

    def down(count):
        high, tau = progress.values(peak_value, scale)
        # τ + t as t/τ + 1: the sum of two counts may not fit.
        return high / jnp.sqrt(1 + jnp.asarray(count).astype(high.dtype) / tau)

    return join_schedules([up, down], [max(warmup_steps, 0)])


def warmup_stable_decay_schedule(
    peak_value: Scalar,
    warmup_steps: int,
    stable_steps: int,
    decay_steps: int,
    end_value: Scalar = 0.0,
    *,
    power: Scalar = 1.0,
) -> Schedule:
    """0 → peak_value, stable, then peak_value (1 − xᵖ) + end_value xᵖ, x from 0 to 1.

    Each phase has its own number of steps. Power 1 cools down linearly, 0.5 as 1 − √x.

    >>> f = warmup_stable_decay_schedule(1.0, 2, 3, 4, power=0.5)
    >>> [round(float(f(t)), 4) for t in range(10)]
    [0.0, 0.5, 1.0, 1.0, 1.0, 1.0, 0.5, 0.2929, 0.134, 0.0]

    Hu et al. 2024, arXiv:2404.06395; Hägele et al. 2024, arXiv:2405.18392.
    """
    if not decay_steps > 0:
        must = "decay_steps must be positive"
        _check.fail("warmup_stable_decay_schedule", must, decay_steps)

    def down(count):
        high, low = progress.values(peak_value, end_value)
        done, left = progress.fractions(count, decay_steps, high.dtype)
        share, rest = progress.powers(done, left, power)
        return high * rest + low * share

    up = warmup_constant_schedule(0.0, peak_value, warmup_steps)
    return join_schedules([up, down], [warmup_steps + stable_steps])

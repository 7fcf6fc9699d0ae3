"""Constant, in steps, and falling: exponentially, as a power, a cosine, or 1/t."""

import math

import jax.numpy as jnp
import numpy as np

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim.schedules import _progress as progress
from assay.typing import Scalar, Schedule


def constant_schedule(value: Scalar) -> Schedule:
    """f(t) = value.

    >>> constant_schedule(0.1)(7)
    0.1
    """
    return lambda count: value


def piecewise_constant_schedule(
    init_value: Scalar, boundaries_and_scales: dict[int, float] | None = None
) -> Schedule:
    """f(t) = init_value · Π {scale : boundary <= t}: steps.

    >>> f = piecewise_constant_schedule(1.0, {2: 0.5, 4: 0.5})
    >>> [float(f(t)) for t in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """
    steps = sorted((boundaries_and_scales or {}).items())
    for boundary, factor in steps:
        name = f"the scale at {boundary}"
        _check.within("piecewise_constant_schedule", name, factor, 0, math.inf)

    def schedule(count):
        (value,) = progress.values(init_value)
        for boundary, factor in steps:
            value = jnp.where(jnp.asarray(count) >= boundary, value * factor, value)
        return value

    return schedule


def exponential_decay(
    init_value: Scalar,
    transition_steps: int,
    decay_rate: Scalar,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: Scalar | None = None,
) -> Schedule:
    """f(t) = init_value · decay_rate^((t − transition_begin)/transition_steps).

    init_value before transition_begin; `staircase` takes the quotient's floor: a step
    schedule. end_value is where it stops. Steps or a rate of 0: constant, as in Optax.

    >>> f = exponential_decay(1.0, 2, 0.25, staircase=True)
    >>> [float(f(t)) for t in range(5)]
    [1.0, 1.0, 0.25, 0.25, 0.0625]
    """
    rate = arithmetic.number(decay_rate)
    if transition_steps <= 0 or isinstance(rate, (int, float)) and rate == 0:
        return constant_schedule(init_value)
    begin = max(transition_begin, 0)

    def schedule(count):
        (value,) = progress.values(init_value)
        done = progress.since(count, begin, transition_steps)
        # Whole and rest apart: a long quotient would be rounded before the power.
        whole = (done // transition_steps).astype(value.dtype)
        value = value * _power(rate, whole)
        if not staircase:
            rest = (done % transition_steps).astype(value.dtype)
            value = value * _power(rate, rest / transition_steps)
        return value if end_value is None else _stop(value, rate, end_value)

    return schedule


def cosine_decay_schedule(
    init_value: Scalar, decay_steps: int, alpha: Scalar = 0.0, exponent: Scalar = 1.0
) -> Schedule:
    """f(t) = init_value · ((1 − alpha) cos²(πt/2T)^exponent + alpha), T = decay_steps.

    From t = T on, init_value · alpha.

    >>> f = cosine_decay_schedule(1.0, 4)
    >>> [round(float(f(t)), 4) for t in range(6)]
    [1.0, 0.8536, 0.5, 0.1464, 0.0, 0.0]

    Loshchilov and Hutter 2017, arXiv:1608.03983.
    """
    if not decay_steps > 0:
        must = "decay_steps must be positive"
        _check.fail("cosine_decay_schedule", must, decay_steps)
    low, power = arithmetic.number(alpha), arithmetic.number(exponent)

    def schedule(count):
        (start,) = progress.values(init_value)
        _, left = progress.fractions(count, decay_steps, start.dtype)
        # sin² of what is left: ½(1 + cos) cancels at the end of the way.
        wave = jnp.sin(left * (math.pi / 2)) ** 2
        wave = wave ** jnp.asarray(arithmetic.like(power, start), start.dtype)
        below = arithmetic.like(low, start)
        return start * ((1 - below) * wave + below)

    return schedule


def polynomial_schedule(
    init_value: Scalar,
    end_value: Scalar,
    power: Scalar,
    transition_steps: int,
    transition_begin: int = 0,
) -> Schedule:
    """f(t) = (init_value − end_value)(1 − (t − transition_begin)/T)^power + end_value.

    T = transition_steps; init_value before, end_value after. No steps: constant, as in
    Optax.

    >>> f = polynomial_schedule(1.0, 0.0, power=2, transition_steps=4)
    >>> [float(f(t)) for t in range(6)]
    [1.0, 0.5625, 0.25, 0.0625, 0.0, 0.0]
    """
    if transition_steps <= 0:
        return constant_schedule(init_value)
    begin = max(transition_begin, 0)

    def schedule(count):
        start, end = progress.values(init_value, end_value)
        done, left = progress.fractions(count, transition_steps, start.dtype, begin)
        share, rest = progress.powers(left, done, power)
        return start * share + end * rest

    return schedule


def linear_schedule(
    init_value: Scalar,
    end_value: Scalar,
    transition_steps: int,
    transition_begin: int = 0,
) -> Schedule:
    """f(t) = init_value + (end_value − init_value)(t − transition_begin)/T.

    `polynomial_schedule` of power 1.

    >>> f = linear_schedule(0.0, 1.0, 4)
    >>> [float(f(t)) for t in range(6)]
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """
    return polynomial_schedule(
        init_value, end_value, 1, transition_steps, transition_begin
    )


def inverse_time_decay(
    init_value: Scalar,
    transition_steps: int,
    decay_rate: Scalar,
    transition_begin: int = 0,
    staircase: bool = False,
) -> Schedule:
    """f(t) = init_value / (1 + decay_rate · (t − transition_begin)/transition_steps).

    init_value before transition_begin; `staircase` takes the quotient's floor.

    >>> f = inverse_time_decay(1.0, 2, 0.5, staircase=True)
    >>> [round(float(f(t)), 4) for t in range(5)]
    [1.0, 1.0, 0.6667, 0.6667, 0.5]

    Keras's InverseTimeDecay; Robbins and Monro 1951, doi:10.1214/aoms/1177729586.
    """
    if not transition_steps > 0:
        must = "transition_steps must be positive"
        _check.fail("inverse_time_decay", must, transition_steps)
    rate = arithmetic.number(decay_rate)

    def schedule(count):
        (start,) = progress.values(init_value)
        done = progress.since(count, transition_begin, transition_steps)
        if staircase:
            time = (done // transition_steps).astype(start.dtype)
        else:
            time = done.astype(start.dtype) / transition_steps
        return start / (1 + arithmetic.like(rate, start) * time)

    return schedule


def _power(rate, power):
    """rate^power, a Python rate with all its digits."""
    if not isinstance(rate, (int, float)):
        return rate.astype(power.dtype) ** power
    near = float(np.float32(rate))
    return near**power * jnp.exp(power * math.log(rate / near))


def _stop(value, rate, end_value):
    """A lower bound where the rate is below 1, else an upper one."""
    end = jnp.asarray(end_value).astype(value.dtype)
    low, high = jnp.maximum(value, end), jnp.minimum(value, end)
    return jnp.where(jnp.asarray(rate) < 1, low, high)

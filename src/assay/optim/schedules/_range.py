"""The learning-rate range test: rates that rise over a short run, and its verdict."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim.schedules._decay import exponential_decay, linear_schedule
from assay.typing import Array, Float, Scalar, Schedule


class RangeTest(NamedTuple):
    """What `lr_range_test` suggests; nan where the loss never fell."""

    steepest: Array  # () the rate at which the loss falls fastest
    minimum: Array  # () a tenth of the rate at which it is smallest
    smoothed: Array  # (steps,) the losses it judged by; inf once they diverged


def lr_range_schedule(
    init_value: Scalar,
    end_value: Scalar,
    transition_steps: int,
    *,
    linear: bool = False,
) -> Schedule:
    """f(t) = init_value · (end_value/init_value)^(t/transition_steps), then end_value.

    Train with it for transition_steps and give the losses to `lr_range_test`.

    >>> f = lr_range_schedule(1e-4, 1.0, 4)
    >>> [f"{f(t):.3g}" for t in range(6)]
    ['0.0001', '0.001', '0.01', '0.1', '1', '1']

    Smith 2017, arXiv:1506.01186 (`linear`); Howard and Gugger 2020 (fastai).
    """
    if not transition_steps > 0:
        must = "transition_steps must be positive"
        _check.fail("lr_range_schedule", must, transition_steps)
    if linear:
        return linear_schedule(init_value, end_value, transition_steps)
    ratio = arithmetic.number(end_value) / arithmetic.number(init_value)
    return exponential_decay(init_value, transition_steps, ratio, end_value=end_value)


def lr_range_test(
    learning_rates: Float[Array, " steps"],
    losses: Float[Array, " steps"],
    *,
    decay: Scalar = 0.9,
) -> RangeTest:
    """argmin of d(smoothed loss)/d(log rate), and argmin of the smoothed loss over 10.

    The losses are smoothed by a debiased running mean of `decay`. What comes after the
    first that is not finite, or after the minimum, is not looked at.

    >>> rates = jnp.array([1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0])
    >>> losses = jnp.array([2.0, 1.9, 1.0, 0.9, 5.0, jnp.nan])
    >>> verdict = lr_range_test(rates, losses, decay=0.0)
    >>> [f"{float(r):.3g}" for r in (verdict.steepest, verdict.minimum)]
    ['0.001', '0.01']

    Smith 2017, arXiv:1506.01186; fastai's `steep` and `minimum`.
    """
    _check.same_shape("lr_range_test", learning_rates=learning_rates, losses=losses)
    rates, losses = (arithmetic.widen(x) for x in (learning_rates, losses))
    alive = jnp.cumsum(~jnp.isfinite(losses)) == 0
    smoothed = jnp.where(alive, _smooth(jnp.where(alive, losses, 0), decay), jnp.inf)
    best = jnp.argmin(smoothed)
    before = jnp.arange(1, len(losses)) <= best
    slopes = jnp.diff(jnp.where(alive, smoothed, 0)) / jnp.diff(jnp.log(rates))
    slopes = jnp.where(before, slopes, jnp.inf)
    fell = best > 0
    steepest = jnp.where(fell, rates[jnp.argmin(slopes)], jnp.nan)
    return RangeTest(steepest, jnp.where(fell, rates[best] / 10, jnp.nan), smoothed)


def _smooth(losses: Array, decay: Scalar) -> Array:
    """The running mean of the losses, each divided by the weight it has so far."""
    w = jnp.asarray(arithmetic.complement(decay)).astype(losses.dtype)

    def step(mean, loss):
        mean = mean + w * (loss - mean)
        return mean, mean

    _, means = jax.lax.scan(step, jnp.zeros_like(losses[0]), losses)
    count = jnp.arange(1, len(losses) + 1)
    return means / arithmetic.correction(decay, count, losses.dtype)

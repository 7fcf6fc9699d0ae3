"""The schedules beside Optax's, and beside their formulas in plain Python floats."""

import math

import jax.numpy as jnp
import numpy as np
import optax
from jax.example_libraries import optimizers as _example

from assay.verify.mirrors._given import given, mark, static
from assay.verify.mirrors.optim import _curves
from assay.verify.mirrors.optim._walks import schedule

# What Optax lacks, made of what it has, or as the library that has it says it. ------


def _optax_inverse_time(
    init_value, transition_steps, decay_rate, begin=0, stairs=False
):
    inner = _example.inverse_time_decay(
        init_value, transition_steps, decay_rate, stairs
    )
    return lambda t: inner(jnp.maximum(t - begin, 0))


def _optax_inverse_sqrt(init_value, peak_value, warmup_steps, timescale=None):
    tau = timescale or warmup_steps
    up = optax.linear_schedule(init_value, peak_value, warmup_steps)
    down = [up, lambda t: peak_value * (1 + t / tau) ** -0.5]
    return optax.join_schedules(down, [warmup_steps])


def _optax_stable(peak_value, warm, stable, decay_steps, end_value=0.0, power=1.0):
    up = optax.linear_schedule(0.0, peak_value, warm)
    # The way from the end to the peak, backwards.
    back = optax.polynomial_schedule(end_value, peak_value, power, decay_steps)

    def down(t):
        return back(decay_steps - jnp.clip(t, 0, decay_steps))

    return optax.join_schedules([up, down], [warm + stable])


def _torch_cyclic(low, high, up, down=None, cycle_factor=1.0, step_factor=1.0):
    """The arithmetic of torch's CyclicLR.get_lr."""
    size = up + (down or up)

    def f(t):
        cycle = jnp.floor(1 + t / size)
        x = 1 + t / size - cycle
        ratio = up / size
        height = jnp.where(x <= ratio, x / ratio, (x - 1) / (ratio - 1))
        return (
            low + (high - low) * height * cycle_factor ** (cycle - 1) * step_factor**t
        )

    return f


def _product(schedules):
    return lambda t: math.prod([f(t) for f in schedules])


def _optax_range(init_value, end_value, steps, linear=False):
    if linear:
        return optax.linear_schedule(init_value, end_value, steps)
    x = optax.linear_schedule(math.log(init_value), math.log(end_value), steps)
    return lambda t: jnp.exp(x(t))


# The mirrors ------------------------------------------------------------------------

FALL = {"init_value": 0.3, "transition_steps": 7, "decay_rate": 0.9}
STAIRS = {**FALL, "transition_begin": 3, "staircase": True}
WARM = {"init_value": 0.01, "peak_value": 0.3, "warmup_steps": 5}
COSINE = {**WARM, "decay_steps": 20}
HALF_WAY = {**COSINE, "init_value": 0.1, "end_value": 0.02, "exponent": 1.5}
CYCLE = {"transition_steps": 20, "peak_value": 0.3}
STEPS = {3: 0.5, 7: 0.1, 20: 2.0}
PARTS = [lambda t: 0.1 / (1.0 + t), lambda t: 0.3, lambda t: 0.2 / (2.0 + t)]

constant_schedule = schedule(
    optax.constant_schedule, {"value": 0.3}, second=lambda value: lambda t: value
)
piecewise_constant_schedule = schedule(
    optax.piecewise_constant_schedule,
    {"init_value": 0.3, "boundaries_and_scales": dict(reversed(STEPS.items()))},
    {"init_value": 0.3},
    second=_curves.piecewise,
)
exponential_decay = schedule(
    optax.exponential_decay,
    FALL,
    {**STAIRS, "end_value": 0.1},
    second=_curves.exponential,
)
cosine_decay_schedule = schedule(
    optax.cosine_decay_schedule,
    {"init_value": 0.3, "decay_steps": 20},
    {"init_value": 0.3, "decay_steps": 20, "alpha": 0.1, "exponent": 1.5},
    second=_curves.cosine,
)
# Elsewhere than at powers of 2 XLA divides by multiplying, and Optax's 1 − T · (1/T) is
# below 0: a rate of the wrong sign at the end, and its fractional power is nan.
BETWEEN = {"init_value": 1e-5, "end_value": 0.3, "transition_steps": 16}
DOWN = {**BETWEEN, "init_value": 0.3, "end_value": 0.0, "transition_begin": 4}
polynomial_schedule = schedule(
    optax.polynomial_schedule,
    {**DOWN, "power": 2.5},
    {**BETWEEN, "power": 0.5},
    second=_curves.polynomial,
    why="16 steps: with 20, Optax's ends at nan under jit",
)
linear_schedule = schedule(
    optax.linear_schedule,
    BETWEEN,
    DOWN,
    second=_curves.linear,
    why="16 steps: with 20, Optax's ends below 0 under jit",
)
warmup_constant_schedule = schedule(
    optax.warmup_constant_schedule,
    WARM,
    second=lambda init_value, peak_value, warmup_steps: _curves.linear(
        init_value, peak_value, warmup_steps
    ),
)
warmup_cosine_decay_schedule = schedule(
    optax.warmup_cosine_decay_schedule, COSINE, HALF_WAY, second=_curves.warmup_cosine
)
warmup_exponential_decay_schedule = schedule(
    optax.warmup_exponential_decay_schedule,
    {**FALL, **WARM},
    {**STAIRS, **WARM, "end_value": 0.1},
    second=_curves.warmup_exponential,
)
sgdr_schedule = schedule(
    optax.sgdr_schedule,
    {"cosine_kwargs": [COSINE, {**HALF_WAY, "decay_steps": 8}, COSINE]},
    second=_curves.sgdr,
)
piecewise_interpolate_schedule = schedule(
    optax.piecewise_interpolate_schedule,
    *[
        {"interpolate_type": k, "init_value": 0.3, "boundaries_and_scales": STEPS}
        for k in ("linear", "cosine")
    ],
    second=_curves.interpolate,
)
linear_onecycle_schedule = schedule(
    optax.linear_onecycle_schedule,
    CYCLE,
    {**CYCLE, "pct_start": 0.5, "pct_final": 0.75, "div_factor": 3.0},
    second=_curves.linear_onecycle,
)
cosine_onecycle_schedule = schedule(
    optax.cosine_onecycle_schedule,
    CYCLE,
    {**CYCLE, "pct_start": 0.5, "final_div_factor": 10.0},
    second=_curves.cosine_onecycle,
)
join_schedules = schedule(
    optax.join_schedules,
    {"schedules": PARTS, "boundaries": [4, 11]},
    second=_curves.join,
)
inverse_time_decay = schedule(
    lambda **k: _optax_inverse_time(*k.values()),
    FALL,
    STAIRS,
    source="jax.example_libraries",
    second=_curves.inverse_time,
)
inverse_sqrt_schedule = schedule(
    _optax_inverse_sqrt,
    WARM,
    {**WARM, "timescale": 100},
    source="optax's warm-up",
    second=_curves.inverse_sqrt,
)
STABLE = {"peak_value": 0.3, "warmup_steps": 5, "stable_steps": 7, "decay_steps": 12}
warmup_stable_decay_schedule = schedule(
    lambda **k: _optax_stable(*k.values()),
    STABLE,
    {**STABLE, "end_value": 0.01, "power": 0.5},
    source="optax's polynomial",
    second=_curves.stable,
)
cyclic_schedule = schedule(
    lambda **k: _torch_cyclic(*k.values()),
    {"init_value": 0.01, "peak_value": 0.3, "steps_up": 4},
    {
        "init_value": 0.01,
        "peak_value": 0.3,
        "steps_up": 4,
        "steps_down": 7,
        "cycle_factor": 0.5,
        "step_factor": 0.99,
    },
    source="torch's arithmetic",
    second=_curves.triangle,
)
multiply_schedules = schedule(
    _product, {"schedules": PARTS}, source="jax.numpy", second=_product
)
RANGE = {"init_value": 1e-4, "end_value": 0.3, "transition_steps": 20}
lr_range_schedule = schedule(
    lambda **k: _optax_range(*k.values()),
    RANGE,
    {**RANGE, "linear": True},
    source="optax's linear",
    second=_curves.geometric,
)


def _verdict(learning_rates, losses, decay=0.9):
    """The rates by the definition, loss by loss."""
    mean, weight, smoothed = 0.0, 0.0, []
    for loss in losses:
        if not math.isfinite(loss):
            break
        mean, weight = decay * mean + (1 - decay) * loss, decay * weight + 1 - decay
        smoothed.append(mean / weight)
    best = smoothed.index(min(smoothed))
    slopes = np.diff(smoothed[: best + 1]) / np.diff(np.log(learning_rates[: best + 1]))
    off = [math.inf] * (len(losses) - len(smoothed))
    found = learning_rates[slopes.argmin()], learning_rates[best] / 10
    return *found, np.array(smoothed + off)


def _by_sums(learning_rates, losses, decay=0.9):
    """The same by weighted sums over all the losses so far."""
    last = np.flatnonzero(~np.isfinite([*losses, np.nan]))[0]
    ages = np.arange(last)[:, None] - np.arange(last)
    weights = np.where(ages >= 0, float(decay) ** np.maximum(ages, 0), 0.0)
    means = weights @ losses[:last] / weights.sum(1)
    best = np.argmin(means)
    steps = np.diff(means[: best + 1])  # the rates are equally far apart in log
    smoothed = np.concatenate([means, np.full(len(losses) - last, np.inf)])
    return learning_rates[np.argmin(steps)], learning_rates[best] / 10, smoothed


def _losses(*tail):
    """A loss that falls around 1e-2 and rises beyond 0.1."""
    x = np.linspace(-4, 1, 30)
    noise = 0.05 * np.random.default_rng(0).standard_normal(30)
    losses = 1 - np.tanh(2 * (x + 2)) + np.exp(2 * (x + 0.5)) + noise
    losses[len(losses) - len(tail) :] = tail
    return losses


RATES = 10.0 ** np.linspace(-4, 1, 30)


@mark(gradient=False, source="formula in NumPy", second=_by_sums)
@given(learning_rates=static(RATES), losses=static(_losses()))
@given(learning_rates=static(RATES), losses=static(_losses(np.nan, 3.0)))
@given(learning_rates=static(RATES), losses=static(_losses()), decay=static(0.5))
def lr_range_test(learning_rates, losses, decay=0.9):
    """The definition, loss by loss."""
    return _verdict(learning_rates, losses, decay)

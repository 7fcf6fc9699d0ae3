"""Schedules: ends, traced steps and numbers, torch's words, and the range test."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from assay import optim
from assay.optim import schedules
from assay.verify import discover

WARM = {"init_value": 0.01, "peak_value": 0.3, "warmup_steps": 3}
MADE = {  # each with its value at 0, and its value for ever
    "constant_schedule": ({"value": 0.3}, 0.3, 0.3),
    "piecewise_constant_schedule": ((0.3, {2: 0.5}), 0.3, 0.15),
    "piecewise_interpolate_schedule": (("cosine", 0.3, {3: 0.5}), 0.3, 0.15),
    "exponential_decay": ((0.3, 4, 0.5), 0.3, 0.0),
    "cosine_decay_schedule": ((0.3, 7, 0.5), 0.3, 0.15),
    "polynomial_schedule": ((0.3, 0.1, 1.5, 7), 0.3, 0.1),
    "linear_schedule": ((0.3, 0.1, 7), 0.3, 0.1),
    "inverse_time_decay": ((0.3, 4, 0.5), 0.3, 0.0),
    "warmup_constant_schedule": (WARM, 0.01, 0.3),
    "warmup_cosine_decay_schedule": ({**WARM, "decay_steps": 9}, 0.01, 0.0),
    "warmup_exponential_decay_schedule": (
        {**WARM, "transition_steps": 4, "decay_rate": 0.5, "end_value": 0.1},
        0.01,
        0.1,
    ),
    "warmup_stable_decay_schedule": ((0.3, 2, 3, 4, 0.1), 0.0, 0.1),
    "inverse_sqrt_schedule": (WARM, 0.01, 0.0),
    "cosine_onecycle_schedule": ((9, 0.3, 0.3, 4.0, 4.0), 0.075, 0.01875),
    "linear_onecycle_schedule": ((9, 0.3, 0.3, 0.8, 4.0, 4.0), 0.075, 0.01875),
    "cyclic_schedule": (
        {"init_value": 0.1, "peak_value": 0.3, "steps_up": 4},
        0.1,
        0.1,
    ),
    "sgdr_schedule": (([{**WARM, "decay_steps": 5}] * 2,), 0.01, 0.0),
    "join_schedules": (([lambda t: 0.3, lambda t: 0.1], [4]), 0.3, 0.1),
    "multiply_schedules": (([lambda t: 0.3, lambda t: 0.5],), 0.15, 0.15),
    "lr_range_schedule": ((0.001, 0.3, 7), 0.001, 0.3),
}
COUNTS = [0, 1, 2, 5, 8, 2**31 - 8]  # the last a multiple of 8: the cycle's foot


def make(name):
    """The schedule of that name."""
    arguments = MADE[name][0]
    f = getattr(optim, name)
    return f(**arguments) if isinstance(arguments, dict) else f(*arguments)


def number(f):
    """The schedule as an array of float32 (float64 under x64)."""
    return lambda t: jnp.asarray(f(t), float)


def test_every_schedule_is_in_the_table():
    """What the next tests say, they say of all."""
    found = {n for n in discover("optim") if hasattr(schedules, n)}
    assert found - {"lr_range_test"} == set(MADE)


def test_the_ends_are_right_and_steps_may_be_traced():
    """At 0 and at 2³¹ − 8, under vmap and jit; Python and NumPy steps give the same."""
    fs = {n: number(make(n)) for n in MADE}

    @jax.jit
    def all_of_them(counts):
        plain = [{n: f(t) for n, f in fs.items()} for t in (5, np.int64(5))]
        return {n: jax.vmap(f)(counts) for n, f in fs.items()}, plain

    values, plain = jax.device_get(all_of_them(jnp.array(COUNTS, jnp.int32)))
    for name, (_, first, last) in MADE.items():
        assert values[name].dtype == np.float32
        ends = values[name][[0, -1]]
        np.testing.assert_allclose(
            ends, [first, last], rtol=3e-7, atol=2e-5, err_msg=name
        )
        for one in plain:
            np.testing.assert_allclose(values[name][3], one[name], rtol=3e-7)


def test_no_end_is_missed_by_a_rounding():
    """T · (1/T) is not 1 for these T; the end is the end, where Optax's gives nan."""
    lengths = 3, 7, 20, 25, 41, 47, 55

    @jax.jit
    def ends(t):
        found = [optim.polynomial_schedule(1.0, 0.25, 0.5, n)(t) for n in lengths]
        down = [optim.linear_schedule(0.3, 0.0, n)(t) for n in lengths]
        return jnp.stack(found), jnp.stack(down)

    powers, lines = ends(jnp.int32(60))
    assert powers.tolist() == [0.25] * 7
    assert lines.tolist() == [0.0] * 7
    theirs = jax.jit(optax.polynomial_schedule(1.0, 0.25, 0.5, 20))
    with jax.numpy_dtype_promotion("standard"):
        assert np.isnan(theirs(jnp.int32(60)))


def test_small_starts_keep_their_digits():
    """From 1e-9 to 1, the start and the first step are right to a few ULP."""
    ours = optim.polynomial_schedule(1e-9, 1.0, 2.5, 10**6)
    values = jax.jit(jax.vmap(ours))(jnp.array([0, 1, 1000], jnp.int32))
    x = np.array([0, 1e-6, 1e-3])
    true = 1e-9 + (1 - 1e-9) * -np.expm1(2.5 * np.log1p(-x))
    np.testing.assert_allclose(values, true, rtol=5e-7)


def test_numbers_may_be_traced():
    """vmap over a rate, a power, a factor; all slopes finite, at the ends too."""

    def rates(x):
        found = [
            optim.polynomial_schedule(x, x / 3, 2 * x, 7),
            optim.linear_schedule(x, 0.0, 7),
            optim.inverse_time_decay(x, 7, x),
            optim.warmup_constant_schedule(0.0, x, 3),
            optim.warmup_cosine_decay_schedule(0.0, x, 3, 7, x / 9, x),
            optim.warmup_exponential_decay_schedule(0.0, x, 3, 7, x),
            optim.warmup_stable_decay_schedule(x, 2, 2, 3, x / 9, power=x),
            optim.inverse_sqrt_schedule(0.0, x, 3),
            optim.cosine_onecycle_schedule(7, x),
            optim.linear_onecycle_schedule(7, x),
            optim.cyclic_schedule(0.0, x, 3, cycle_factor=x, step_factor=x),
            optim.lr_range_schedule(x / 100, x, 7),
        ]
        times = jnp.array([0, 2, 4, 5, 7, 50], jnp.int32)
        return jnp.stack([jax.vmap(f)(times) for f in found])

    points = jnp.array([0.25, 0.5])
    values, slopes = jax.jit(jax.vmap(lambda x: jax.jvp(rates, (x,), (1.0 + 0 * x,))))(
        points
    )
    assert np.isfinite(slopes).all()
    fixed = jax.jit(lambda: jnp.stack([rates(0.25), rates(0.5)]))()
    np.testing.assert_allclose(values, fixed, rtol=2e-6, atol=1e-9)


def test_under_x64_they_are_float64():
    """Python numbers with all their digits."""
    with jax.enable_x64(True):
        value = jax.jit(optim.warmup_cosine_decay_schedule(0.0, 0.3, 3, 9))(5)
        assert value.dtype == jnp.float64
        np.testing.assert_allclose(value, 0.3 * np.cos(np.pi / 6) ** 2, rtol=1e-15)


def test_no_warm_up_is_none():
    """Optax's constant stays at init_value for ever when there is no warm-up."""
    assert optim.warmup_constant_schedule(0.0, 0.3, 0)(0) == 0.3
    for name in ("warmup_cosine_decay_schedule", "inverse_sqrt_schedule"):
        more = {"decay_steps": 9} if "cosine" in name else {}
        f = getattr(optim, name)(0.0, 0.3, 0, **more)
        np.testing.assert_allclose(f(0), 0.3, rtol=1e-6)
    assert float(optim.warmup_stable_decay_schedule(0.3, 0, 0, 4)(0)) == np.float32(0.3)
    assert np.isfinite(optim.linear_onecycle_schedule(1, 0.3)(1))


def test_noams_schedule():
    """width^−½ min(t^−½, t w^−3/2), by its own formula."""
    width, w = 512, 40
    f = optim.inverse_sqrt_schedule(0.0, (width * w) ** -0.5, w)
    t = np.arange(1, 200)
    values = jax.jit(jax.vmap(f))(jnp.asarray(t, jnp.int32))
    true = width**-0.5 * np.minimum(t**-0.5, t * w**-1.5)
    np.testing.assert_allclose(values, true, rtol=1e-6)


# torch's words --------------------------------------------------------------------


def torchs(make, steps, rate=0.3):
    """The rates of a torch scheduler on an optimizer that does nothing."""
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
    scheduler, rates = make(torch.optim.lr_scheduler, optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def _cycle(mode, gamma=1.0):
    def make(lr, o):
        return lr.CyclicLR(
            o, 0.1, 0.3, 4, 3, mode=mode, gamma=gamma, cycle_momentum=False
        )

    return make


TORCH = {
    "CyclicLR": (_cycle("triangular"), optim.cyclic_schedule(0.1, 0.3, 4, 3)),
    "triangular2": (
        _cycle("triangular2"),
        optim.cyclic_schedule(0.1, 0.3, 4, 3, cycle_factor=0.5),
    ),
    "exp_range": (
        _cycle("exp_range", 0.9),
        optim.cyclic_schedule(0.1, 0.3, 4, 3, step_factor=0.9),
    ),
    "StepLR": (
        lambda lr, o: lr.StepLR(o, 4, 0.5),
        optim.exponential_decay(0.3, 4, 0.5, staircase=True),
    ),
    "MultiStepLR": (
        lambda lr, o: lr.MultiStepLR(o, [3, 8], 0.5),
        optim.piecewise_constant_schedule(0.3, {3: 0.5, 8: 0.5}),
    ),
    "PolynomialLR": (
        lambda lr, o: lr.PolynomialLR(o, 7, 2.0),
        optim.polynomial_schedule(0.3, 0.0, 2.0, 7),
    ),
    "LinearLR": (
        lambda lr, o: lr.LinearLR(o, 0.5, 1.0, 6),
        optim.linear_schedule(0.15, 0.3, 6),
    ),
    "ChainedScheduler": (
        lambda lr, o: lr.ChainedScheduler(
            [lr.LinearLR(o, 0.5, 1.0, 6), lr.ExponentialLR(o, 0.9)]
        ),
        optim.multiply_schedules(
            [optim.linear_schedule(0.5, 1.0, 6), optim.exponential_decay(0.3, 1, 0.9)]
        ),
    ),
    "CosineAnnealingWarmRestarts": (
        lambda lr, o: lr.CosineAnnealingWarmRestarts(o, 5, 2, 0.1),
        optim.sgdr_schedule(
            [
                {
                    "init_value": 0.3,
                    "peak_value": 0.3,
                    "warmup_steps": 0,
                    "decay_steps": n,
                    "end_value": 0.1,
                }
                for n in (5, 10, 20)
            ]
        ),
    ),
}


def test_torchs_schedulers_have_a_name_here():
    """Step by step the rates of each, over 20 steps."""
    pytest.importorskip("torch")
    steps = jnp.arange(20, dtype=jnp.int32)
    ours = jax.jit(lambda t: {n: jax.vmap(f)(t) for n, (_, f) in TORCH.items()})(steps)
    for name, (theirs, _) in TORCH.items():
        expected = torchs(theirs, 20)
        np.testing.assert_allclose(ours[name], expected, rtol=2e-6, atol=1e-9)


def test_plateaus_in_torchs_words():
    """torch's patience is one less; its cooldown and threshold are the same."""
    torch = pytest.importorskip("torch")
    losses = [3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    weight = torch.zeros(1, requires_grad=True)
    theirs = torch.optim.SGD([weight], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        theirs, factor=0.5, patience=1, cooldown=2, threshold=1e-4
    )
    rates = []
    for loss in losses:
        scheduler.step(loss)
        rates.append(theirs.param_groups[0]["lr"])
    tx, g = optim.reduce_on_plateau(0.5, patience=2, cooldown=2), jnp.ones(())

    def body(state, loss):
        u, state = tx.update(g, state, value=loss)
        return state, u

    run = jax.jit(lambda s: jax.lax.scan(body, s, jnp.array(losses)))
    assert run(tx.init(g))[1].tolist() == rates
    assert len(set(rates)) > 2


# The range test, and errors -------------------------------------------------------


def test_the_range_test_finds_a_usable_rate():
    """On a quadratic of curvature 4, which diverges above 0.5: both are below it."""
    f = optim.lr_range_schedule(1e-4, 10.0, 60)

    def step(w, t):
        rate = f(t)
        return w - rate * 4 * w, (rate, 2 * jnp.sum(w**2))

    @jax.jit
    def run(w):
        rates, losses = jax.lax.scan(step, w, jnp.arange(60, dtype=jnp.int32))[1]
        rising = optim.lr_range_test(rates, rates)
        return optim.lr_range_test(rates, losses, decay=0.5), rising

    verdict, worse = run(jnp.array([1.0, -2.0]))
    assert 0.02 < verdict.steepest < 0.5
    assert 0.02 < verdict.minimum < 0.5
    assert np.isnan(worse.steepest) and np.isnan(worse.minimum)


def test_wrong_schedules_are_refused_in_words():
    """Each names the argument and what must hold."""
    with pytest.raises(ValueError, match="boundaries must be one fewer"):
        optim.join_schedules([lambda t: t], [3])
    with pytest.raises(ValueError, match="decay_steps must be more than the 5"):
        optim.warmup_cosine_decay_schedule(0.0, 0.1, 5, 5)
    with pytest.raises(ValueError, match="Did you mean 'linear'"):
        optim.piecewise_interpolate_schedule("linaer", 0.1)
    with pytest.raises(ValueError, match="steps_down must be positive"):
        optim.cyclic_schedule(0.1, 0.3, 4, 0)
    with pytest.raises(ValueError, match="cosine_kwargs must hold a cycle"):
        optim.sgdr_schedule([])
    with pytest.raises(ValueError, match="schedules must not be empty"):
        optim.multiply_schedules([])
    for make in (optim.linear_onecycle_schedule, optim.cosine_onecycle_schedule):
        with pytest.raises(ValueError, match="transition_steps must be positive"):
            make(0, 0.1)
    with pytest.raises(ValueError, match="must have the same shape"):
        optim.lr_range_test(jnp.ones(3), jnp.ones(4))

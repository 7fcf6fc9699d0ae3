"""What every optimizer promises, over all that are found: `optim.x(learning_rate)`.

Most laws only trace (`eval_shape`), so that a new optimizer costs milliseconds here.
"""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import optim
from assay.typing import Scalar
from assay.verify import discover

MAKERS = {
    name: make
    for name, make in discover("optim").items()
    if next(iter(inspect.signature(make).parameters), "") == "learning_rate"
    and name != "scale_by_learning_rate"
}
# Their updates need the loss itself, so they have tests of their own.
SEARCHES = {"lbfgs", "polyak_sgd"}
RATED = sorted(set(MAKERS) - SEARCHES)
STEPS = 3


def params(dtype=jnp.float32):
    """A matrix, a vector and a scalar."""
    return {
        "kernel": jnp.linspace(-1, 1, 6).reshape(2, 3).astype(dtype),
        "scale": (jnp.linspace(0.5, 2, 4).astype(dtype), jnp.asarray(0.3, dtype)),
    }


def matrix(dtype=jnp.float32):
    """One leaf, for the laws that compile."""
    return params(dtype)["kernel"]


def gradients(dtype=jnp.float32):
    """Noise for the matrix, one entry zero at every step; (steps, ...)."""
    g = np.random.default_rng(3).standard_normal((STEPS, 2, 3))
    g[:, 0, 0] = 0
    return jnp.asarray(g, dtype)


def numbers(make):
    """The hyper-parameters that are numbers, with their defaults (rate: 0.05)."""
    found = {"learning_rate": 0.05}
    for p in list(inspect.signature(make).parameters.values())[1:]:
        if isinstance(p.default, float) or (
            p.annotation in (Scalar, "Scalar") and isinstance(p.default, int)
        ):
            found[p.name] = float(p.default)
    return found


def run(tx, start, grads):
    """Parameters after STEPS updates; one scan, because compiling is what costs."""

    def body(carry, g):
        p, state = carry
        updates, state = tx.update(g, state, p)
        return (optim.apply_updates(p, updates), state), None

    return jax.lax.scan(body, (start, tx.init(start)), grads)[0][0]


def _steady(value):
    """A schedule of one value: it depends on the step, as any does."""
    return lambda t: jnp.where(t < 0, 0, jnp.float32(value))


def floats(tree):
    """The dtypes of the floating leaves."""
    return {
        x.dtype for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.floating)
    }


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_accumulators_are_wide(name):
    """Float32 for parameters of half precision, float64 for those of float64."""
    for dtype in (jnp.bfloat16, jnp.float16):
        state = jax.eval_shape(MAKERS[name](0.1).init, params(dtype))
        assert floats(state) <= {jnp.dtype(jnp.float32)}
    with jax.enable_x64(True):
        start = params(jnp.float64)
        state = jax.eval_shape(MAKERS[name](0.1).init, start)
        assert floats(state) <= {jnp.dtype(jnp.float64)}


@pytest.mark.parametrize("name", RATED)
@pytest.mark.parametrize("kind", [float, np.float32, np.float64, jnp.float32])
def test_an_update_has_the_dtype_of_its_parameter(name, kind):
    """Whatever kind of number the learning rate is."""
    p = params(jnp.bfloat16)

    def update(p):
        tx = MAKERS[name](kind(0.1))
        return tx.update(p, tx.init(p), p)

    updates, state = jax.eval_shape(update, p)
    assert floats(updates) == {jnp.dtype(jnp.bfloat16)}
    assert floats(state) <= {jnp.dtype(jnp.float32)}


@pytest.mark.parametrize("name", RATED)
def test_every_number_may_be_traced(name):
    """One trace with all numbers traced; `vmap` over 8 rates equals 8 runs."""
    make, grads = MAKERS[name], gradients()
    rest = {n: v for n, v in numbers(make).items() if n != "learning_rate"}

    def final(rate, numbers):
        return run(make(rate, **numbers), matrix(), grads)

    jax.eval_shape(final, 0.1, rest)
    both = jax.jit(
        lambda rates: (
            jax.vmap(lambda r: final(r, {}))(rates),
            jax.lax.map(lambda r: final(r, {}), rates),
        )
    )
    together, alone = both(jnp.linspace(0.01, 0.08, 8))
    np.testing.assert_allclose(together, alone, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("name", RATED)
def test_every_number_may_be_a_schedule(name):
    """`inject_hyperparams` steps it, and a changed value never traces again."""
    make, traces = MAKERS[name], 0
    schedules = {n: _steady(v) for n, v in numbers(make).items()}
    tx = optim.inject_hyperparams(make)(**schedules)

    @jax.jit
    def step(state, p):
        nonlocal traces
        traces += 1
        updates, state = tx.update(p, state, p)
        return optim.apply_updates(p, updates), state

    shape = jax.eval_shape(tx.init, params())
    assert set(numbers(make)) <= set(shape.hyperparams)
    after = jax.eval_shape(step, shape, params())[1]
    assert jax.tree.structure(after) == jax.tree.structure(shape)
    jax.eval_shape(step, after, params())
    assert traces == 1


@pytest.mark.parametrize("name", RATED)
def test_meta_gradients_are_finite_and_right(name):
    """Through STEPS updates, by the numbers and the first parameters, in float64."""
    make = MAKERS[name]
    with jax.enable_x64(True):
        grads, start = gradients(jnp.float64), matrix(jnp.float64)
        hyper = {n: jnp.float64(v) for n, v in numbers(make).items()}
        rng = np.random.default_rng(1)
        weight, shift = rng.standard_normal((2, 2, 3))

        def loss(hyper, start):
            return jnp.sum(run(make(**hyper), start, grads) * weight)

        outcome = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
        slope = jax.device_get(outcome(hyper, start)[1])
        assert all(np.isfinite(x).all() for x in jax.tree.leaves(slope))
        # A millionth of each number (0 stays 0: one side of it is another rule).
        ends = [
            outcome({n: v * (1 + e) for n, v in hyper.items()}, start + e * shift)[0]
            for e in (1e-6, -1e-6)
        ]
        measured = float(ends[0] - ends[1]) / 2e-6
        stated = sum(float(slope[0][n] * v) for n, v in hyper.items())
        stated += float(np.sum(slope[1] * shift))
        assert abs(measured - stated) <= 1e-5 * abs(stated) + 1e-9


@pytest.mark.parametrize("name", ["adam", "rmsprop"])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
def test_the_second_moment_reaches_its_closed_form(name, dtype):
    """4000 equal gradients of 0.1: nu = g² (1 − decayᵗ) within 1e-3."""
    tx = {"adam": optim.scale_by_adam(), "rmsprop": optim.scale_by_rms(0.999)}[name]
    g = jnp.full(3, 0.1, dtype)

    def body(state, _):
        return tx.update(g, state)[1], None

    state = jax.jit(lambda s: jax.lax.scan(body, s, length=4000)[0])(tx.init(g))
    true = float(g[0]) ** 2 * (1 - 0.999**4000)
    np.testing.assert_allclose(state.nu, true, rtol=1e-3)


def test_a_traced_beta_of_zero_has_a_derivative():
    """The logarithm of b1 = 0 has none; the power has."""

    def loss(b1):
        g = jnp.array([1.0, -2.0])
        tx = optim.scale_by_adam(b1=b1)
        _, state = tx.update(g, tx.init(g))
        return jnp.sum(tx.update(0.5 * g, state)[0] * jnp.array([1.0, 3.0]))

    with jax.enable_x64(True):
        f = jax.jit(jax.value_and_grad(loss))
        slope = float(f(jnp.float64(0.0))[1])
        ahead, here = (float(f(jnp.float64(b))[0]) for b in (1e-6, 0.0))
    assert slope == pytest.approx((ahead - here) / 1e-6, rel=1e-4)


def test_the_makers_are_found():
    """The list is discovered; it must not have become empty."""
    assert {"sgd", "momentum", "adagrad", "rmsprop", "adam"} <= set(MAKERS)

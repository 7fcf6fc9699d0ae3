"""Optimizers: what is special beyond the trajectories that the mirrors check."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from assay import optim
from tests.optimizers import OURS, THEIRS, equal, gradients, run, tree


@pytest.mark.parametrize("name", OURS)
def test_trajectories_are_optaxs_in_float64(name):
    """200 steps of ours are those of Optax to 1e-12 where rounding plays no part."""
    with jax.enable_x64(True):
        params = jax.tree.map(lambda p: p.astype(jnp.float64), tree())
        grads = gradients(200, np.float64)
        ours = run(OURS[name](), grads, params)[1]
        theirs = run(THEIRS[name], grads, params)[1]
        assert all(u.dtype == jnp.float64 for u in jax.tree.leaves(ours))
    equal(ours, theirs, 1e-12)


def distance(tx, reference, steps):
    """The greatest distance of float32 updates from the rule in float64, by step."""
    rng = np.random.default_rng(3)
    g = rng.standard_normal((steps, 300)).astype(np.float32)
    got = np.asarray(run(tx, g, jnp.zeros(300))[1], np.float64)
    with jax.enable_x64(True):
        rule = run(reference, g.astype(np.float64), jnp.zeros(300, jnp.float64))[1]
        rule = np.asarray(rule)
    return np.abs(got - rule).max(1) / np.abs(rule).max(1)


@pytest.mark.optimized
@pytest.mark.parametrize(
    ("b2", "optaxs"), [(0.999, 1e-5), (0.99999, 6e-4)], ids=["0.999", "0.99999"]
)
def test_adam_is_within_a_millionth_of_the_rule(b2, optaxs):
    """600 noisy steps: ours <= 1e-6, the first within 3 ULP; Optax's second is off."""
    ours = distance(optim.adam(1e-3, b2=b2), optax.adam(1e-3, b2=b2), 600)
    theirs = distance(optax.adam(1e-3, b2=b2), optax.adam(1e-3, b2=b2), 600)
    assert ours.max() < 1e-6
    assert ours[:4].max() < 4e-7
    assert theirs.max() == pytest.approx(optaxs, rel=0.3)


@pytest.mark.optimized
def test_a_centred_rms_never_goes_negative():
    """Steady gradients of 1 ± 1e-3: the variance keeps its digits, and no NaN."""
    rng = np.random.default_rng(0)
    g = (1 + 1e-3 * rng.standard_normal((300, 50))).astype(np.float32)
    make = [m.rmsprop(1e-3, centered=True, eps=1e-12) for m in (optim, optax)]
    with jax.enable_x64(True):
        rule = run(make[1], g.astype(np.float64), jnp.zeros(50, jnp.float64))[1]
        rule = np.asarray(rule)[100:]
    got = np.asarray(run(make[0], g, jnp.zeros(50))[1])[100:]
    assert np.abs(got / rule - 1).max() < 1e-4


def test_mu_dtype_says_otherwise():
    """Adam's first moment and the trace in bfloat16 on request; nu stays."""
    p = jnp.ones(3)
    state = optim.scale_by_adam(mu_dtype=jnp.bfloat16).init(p)
    assert (state.mu.dtype, state.nu.dtype) == (jnp.bfloat16, jnp.float32)
    tx = optim.trace(0.9, accumulator_dtype=jnp.bfloat16)
    updates, state = tx.update(p, tx.init(p))
    assert (updates.dtype, state.trace.dtype) == (jnp.float32, jnp.bfloat16)


def test_integers_are_refused_in_words():
    """A moment of an integer parameter has no meaning."""
    with pytest.raises(TypeError, match="scale_by_adam: params must be floating point"):
        optim.adam(0.1).init(jnp.arange(3))


def _clipped(x):
    parts = optim.clip(2 * x), optim.clip_by_global_norm(x), optim.sgd(x)
    return optim.chain(*parts)


def _centred(x):
    corrected = {"centered": True, "bias_correction": True, "initial_scale": x}
    return optim.rmsprop(0.1, decay=0.9 * x, momentum=0.8 * x, **corrected)


def test_the_count_saturates():
    """At 2³¹ − 1 the counter stays; the step is Adam's without correction."""
    tx, p = optim.scale_by_adam(), jnp.ones(3)
    state = tx.init(p)._replace(count=jnp.int32(2**31 - 1), mu=p, nu=p)
    updates, state = tx.update(p, state)
    assert state.count == 2**31 - 1
    np.testing.assert_allclose(updates, 1, rtol=1e-6)


def test_large_gradients_move():
    """1e20 in float32, whose square overflows, is a step of the learning rate."""
    tx, g = optim.adam(0.1), jnp.array([1e20, -1e20])
    np.testing.assert_allclose(tx.update(g, tx.init(g))[0], [-0.1, 0.1], rtol=1e-6)


# Meta-gradients ------------------------------------------------------------------


STEP = 1e-6, -1e-6


@pytest.mark.parametrize(
    "make",
    [
        lambda h: optim.adam(h["rate"], b1=h["b1"], b2=h["b2"]),
        lambda h: optim.rmsprop(h["rate"], decay=h["b2"], eps_in_sqrt=False),
        lambda h: optim.rmsprop(h["rate"], decay=h["b2"], centered=True, eps=1e-3),
        lambda h: optim.adagrad(h["rate"], initial_accumulator_value=0.0),
        lambda h: optim.chain(optim.clip_by_global_norm(h["b1"]), optim.sgd(h["rate"])),
    ],
    ids=["adam", "rmsprop", "centered", "adagrad", "clipped"],
)
def test_meta_gradients_are_finite_and_right(make):
    """Two steps, one gradient 0: float64 differences, and finite twice over."""
    weights = [1.0, 0.0, -0.5]  # the second entry never has a gradient

    @jax.jit
    def loss(h):
        tx, w = make(h), h["start"]
        state, g = tx.init(w), jnp.asarray(weights, w.dtype)
        for _ in range(2):
            updates, state = tx.update(g * w, state, w)
            w = w + updates
        return jnp.sum(g**2 * w**2)

    with jax.enable_x64(True):
        numbers = {"rate": 0.1, "b1": 0.9, "b2": 0.99, "start": [1.0, 0.3, 2.0]}
        start = {n: jnp.asarray(v, jnp.float64) for n, v in numbers.items()}
        line = {"rate": 1.0, "b1": 0.5, "b2": 0.02, "start": jnp.array([1.0, 0, -1])}
        slope = jax.jit(jax.grad(loss))(start)
        bend = jax.jit(lambda h: jax.jvp(jax.grad(loss), (h,), (line,))[1])(start)
        assert all(np.isfinite(x).all() for x in jax.tree.leaves((slope, bend)))
        ends = [jax.tree.map(lambda a, b, s=s: a + s * b, start, line) for s in STEP]
        expected = (loss(ends[0]) - loss(ends[1])) / (2 * STEP[0])
        along = sum(jnp.vdot(slope[n], line[n]) for n in line)
        assert along == pytest.approx(float(expected), rel=1e-6)
    zero = {**jax.tree.map(jnp.float32, start), "start": jnp.zeros(3)}
    slope = jax.jit(jax.grad(loss))(zero)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(slope))

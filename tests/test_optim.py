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


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16], ids=str)
def test_state_and_updates_keep_their_form(name, dtype):
    """Structure, shapes and dtypes: moments >= float32, updates like the gradients."""
    tx, params = OURS[name](), tree(dtype)
    state = tx.init(params)
    updates, after = jax.eval_shape(tx.update, params, state, params)
    forms = [
        jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type), s)
        for s in (state, after)
    ]
    assert forms[0] == forms[1]
    assert {x.dtype for x in jax.tree.leaves(state)} <= {
        jnp.dtype("int32"),
        jnp.dtype("float32"),
    }
    assert all(u.dtype == dtype for u in jax.tree.leaves(updates))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16], ids=str)
def test_nu_keeps_its_digits(dtype):
    """4000 gradients of 0.1: nu is g² (1 − b2ᵗ) to 1e-3, whatever the dtype."""
    tx, p = optim.scale_by_adam(), jnp.ones(3, dtype)
    g = jnp.full((4000, 3), 0.1, dtype)
    (_, state), _ = run(tx, g, p)
    expected = float(g[0, 0]) ** 2 * (1 - 0.999**4000)
    np.testing.assert_allclose(state.nu, expected, rtol=1e-3)


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


@pytest.mark.parametrize("name", OURS)
def test_one_compilation(name):
    """Ten steps trace the step once: the state has no weak or changing types."""
    tx, params, traces = OURS[name](), tree(), 0

    @jax.jit
    def step(params, state):
        nonlocal traces
        traces += 1
        updates, state = tx.update(params, state, params)
        return optim.apply_updates(params, updates), state

    state = tx.init(params)
    for _ in range(10):
        params, state = step(params, state)
    assert traces == 1


def _clipped(x):
    parts = optim.clip(2 * x), optim.clip_by_global_norm(x), optim.sgd(x)
    return optim.chain(*parts)


def _centred(x):
    corrected = {"centered": True, "bias_correction": True, "initial_scale": x}
    return optim.rmsprop(0.1, decay=0.9 * x, momentum=0.8 * x, **corrected)


TRACED = {  # a function of one number, from 0.5 to 1
    "adam": lambda x: optim.adam(0.1 * x, b1=0.9 * x, b2=0.99 * x, eps=1e-6 * x),
    "rmsprop": lambda x: optim.rmsprop(0.1 * x, decay=0.9 * x, initial_scale=x),
    "centred": _centred,
    "momentum": lambda x: optim.momentum(0.1 * x, beta=0.9 * x, nesterov=True),
    "adagrad": lambda x: optim.adagrad(0.1 * x, x, 1e-3 * x),
    "clipped": _clipped,
    "decayed": lambda x: optim.chain(optim.add_decayed_weights(x), optim.scale(x)),
    "exponential": lambda x: optim.sgd(optim.exponential_decay(x, 2, x, end_value=0.2)),
    "cosine": lambda x: optim.sgd(optim.cosine_decay_schedule(x, 9, x / 9, x)),
}


@pytest.mark.parametrize("make", TRACED.values(), ids=TRACED)
def test_every_number_may_be_traced(make):
    """vmap over eight values of every hyper-parameter equals eight runs."""
    values, grads = jnp.linspace(0.5, 1, 8), gradients(5)

    def updates(x):
        return run(make(x), grads, tree())[1]

    with jax.numpy_dtype_promotion("strict"):
        together = jax.jit(jax.vmap(updates))(values)
    for i in (0, 3, 7):
        one = updates(float(values[i]))
        equal(jax.tree.map(lambda u, i=i: u[i], together), one, 2e-5)


@pytest.mark.parametrize("kind", [float, np.float32, np.float64, jnp.float32], ids=str)
def test_numbers_of_every_kind(kind):
    """Python, NumPy and JAX scalars give updates of the parameters' dtype."""
    for dtype in (jnp.bfloat16, jnp.float32):
        p = jnp.ones(3, dtype)
        tx = optim.chain(optim.adam(kind(0.1), b1=kind(0.5)), optim.scale(kind(2)))
        updates, _ = tx.update(p, tx.init(p), p)
        assert updates.dtype == dtype
        np.testing.assert_allclose(updates.astype(jnp.float32), -0.2, rtol=4e-3)


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

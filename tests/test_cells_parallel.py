"""Recurrences for all steps together: they are their steps, whole or in chunks."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers
from assay.layers import _linear_recurrence

BATCH, TIME, IN, H = 3, 7, 4, 5
D, N, K = 6, 2, 3


def drawn(*shape, seed=0, scale=0.5):
    return jnp.asarray(
        scale * np.random.default_rng([seed, *shape]).standard_normal(shape)
    )


def made(kind, *shapes):
    return kind(*(drawn(*shape, seed=i) for i, shape in enumerate(shapes)))


def forms():
    """name -> (all steps together, one step, params); in float64."""
    gru = made(layers.MinGRUParams, (IN, 2 * H), (2 * H,))
    lstm = made(layers.MinLSTMParams, (IN, 3 * H), (3 * H,))
    shapes = (H,), (H,), (H,), (IN, 2 * H), (2 * H, IN), (IN,)
    unit = made(layers.LRUParams, *shapes)
    shapes = (IN, 2 * D), (K, 1, D), (D,), (D, 1 + 2 * N), (1, D), (D,), (D, N), (D,)
    block = made(layers.MambaParams, *shapes, (D, IN))
    return {
        "min_gru": (layers.min_gru, layers.min_gru_cell, gru),
        "min_lstm": (layers.min_lstm, layers.min_lstm_cell, lstm),
        "lru": (layers.lru, layers.lru_cell, unit),
        "mamba": (partial(layers.mamba, chunk=2), layers.mamba_cell, block),
    }


every_form = pytest.mark.parametrize("name", ["min_gru", "min_lstm", "lru", "mamba"])
MASK = layers.lengths_to_mask(jnp.array([7, 4, 0]), TIME)


def start(params, x):
    zero = layers.zero_carry(params, x[..., 0, :])
    return jax.tree.map(lambda leaf: leaf + 0.3, zero)


def near(got, true, gap=1e-12):
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(true), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=gap)


# The forms ----------------------------------------------------------------------


@every_form
@pytest.mark.parametrize("masked", [False, True])
def test_together_is_one_by_one_and_in_chunks(name, masked, x64):
    """Values and gradients of the cell under `recurrent`; chunks hand the carry on."""
    whole, cell, params = forms()[name]
    x, mask = drawn(BATCH, TIME, IN, seed=9), MASK if masked else None

    def loss(how, params, x):
        last, y = how(params, start(params, x), x)
        total = sum(jnp.sin(v).sum() for v in jax.tree.leaves((last, y)))
        return total, (last, y)

    def together(params, carry, x):
        return whole(params, carry, x, mask=mask)

    def one_by_one(params, carry, x):
        return layers.recurrent(cell, params, carry, x, mask=mask)

    def in_chunks(params, carry, x):
        ys = []
        for part in (slice(0, 3), slice(3, 4), slice(4, 7)):
            seen = mask if mask is None else mask[:, part]
            carry, y = whole(params, carry, x[:, part], mask=seen)
            ys.append(y)
        return carry, jnp.concatenate(ys, axis=1)

    @jax.jit
    def run(params, x):
        slope = partial(jax.value_and_grad, argnums=(1, 2), has_aux=True)
        hows = together, one_by_one, in_chunks
        return [slope(loss)(how, params, x) for how in hows]

    first, *others = run(params, x)
    for other in others:
        near(first, other)
    assert all(float(abs(g).max()) > 1e-3 for g in jax.tree.leaves(first[1]))


@every_form
def test_a_hole_is_stepped_over_and_the_padding_never_seen(name):
    """A mask need not be a length; NaN where it is False changes no bit."""
    whole, _, params = forms()[name]
    x, mask = drawn(BATCH, TIME, IN, seed=9), np.array(MASK)
    mask[0, [0, 3, 4]] = False

    @jax.jit
    def run(x):
        def loss(params):
            carry = start(params, jnp.ones_like(x))
            last, y = whole(params, carry, x, mask=jnp.array(mask))
            return y.sum(), (last, y)

        return jax.grad(loss, has_aux=True)(params)

    slopes, (last, y) = run(x)
    seen = jnp.broadcast_to(mask[..., None], x.shape)
    spoilt = run(jnp.where(seen, x, jnp.nan))
    pairs = zip(
        jax.tree.leaves((slopes, (last, y))), jax.tree.leaves(spoilt), strict=True
    )
    for a, b in pairs:
        np.testing.assert_array_equal(a, b)
    kept, ys = whole(params, start(params, x[0]), x[0][mask[0]])
    near((jax.tree.map(lambda v: v[0], last), y[0][mask[0]]), (kept, ys), 1e-5)
    assert (y[~mask] == 0).all()


@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("reverse", [False, True])
def test_the_rounds_of_a_gpu_are_the_loop_of_a_cpu(kind, reverse, x64, monkeypatch):
    """Values and the hand-written reverse, real and complex, whatever the platform."""
    a, b = (drawn(TIME, BATCH, H, seed=s, scale=0.8) for s in (1, 2))
    h = drawn(BATCH, H, seed=3)
    if kind == "complex":
        a, b, h = (jax.lax.complex(v, drawn(*v.shape, seed=7)) for v in (a, b, h))

    def run(f):
        y, pull = jax.vjp(f, a, b, h)
        return y, pull(jax.tree.map(lambda v: jnp.cos(v.real).astype(v.dtype), y))

    plain = partial(_linear_recurrence._one_by_one, reverse=reverse)
    by_autodiff = jax.jit(partial(run, plain))()
    near(jax.jit(lambda: run(_linear_recurrence.over_time(reverse)))(), by_autodiff)

    def elsewhere(*args, cpu, default):
        return default(*args)

    monkeypatch.setattr(jax.lax, "platform_dependent", elsewhere)
    _linear_recurrence.over_time.cache_clear()
    try:
        near(jax.jit(lambda: run(_linear_recurrence.over_time(reverse)))(), by_autodiff)
    finally:
        _linear_recurrence.over_time.cache_clear()


@pytest.mark.parametrize("time", [0, 1, 5])
def test_few_steps_or_none(time):
    """No step leaves the carry, and moves no weight."""
    for whole, _, params in forms().values():
        x = drawn(2, time, IN)
        carry = jax.tree.map(
            lambda v: v + 0.3, layers.zero_carry(params, jnp.ones((2, IN)))
        )
        last, y = jax.eval_shape(whole, params, carry, x)
        assert y.shape == x.shape[:-1] + y.shape[-1:]
        assert jax.tree.map(jnp.shape, last) == jax.tree.map(jnp.shape, carry)
    if not time:
        new, _ = layers.min_gru(forms()["min_gru"][2], jnp.ones((2, H)), x)
        assert (new == 1).all()


def test_gates_of_an_lstm_that_are_both_closed():
    """σ(−200) is 0 in float32, and 0 / 0 no number: the ratio is e^(b_f − b_i)."""
    zeros = jnp.zeros((IN, 3 * H), jnp.float32)
    bias = jnp.repeat(jnp.array([-201.0, -200.0, 1.0], jnp.float32), H)
    params = layers.MinLSTMParams(zeros, bias)
    h, _ = layers.min_lstm_cell(params, jnp.zeros(H), jnp.ones(IN))
    np.testing.assert_allclose(h, 1 / (1 + np.exp(-1.0)), rtol=1e-6)


def test_a_long_memory_is_exact():
    """1 − z is σ(−z): at z = −20 a unit forgets 2e-9 a step, not 0."""
    zeros = jnp.zeros((IN, 2 * H), jnp.float32)
    bias = jnp.repeat(jnp.array([20.0, 0.0], jnp.float32), H)
    params = layers.MinGRUParams(zeros, bias)
    h, _ = layers.min_gru_cell(params, jnp.full(H, 1e20, jnp.float32), jnp.ones(IN))
    np.testing.assert_allclose(h, 1e20 / (1 + np.exp(20.0)), rtol=1e-5)


def test_a_selective_scan_never_holds_all_states():
    """Neither forwards nor in reverse is there an array of time · d · n numbers."""
    time, d, n = 512, 8, 4

    def loss(delta, x):
        selection = layers.Selection(delta, x[..., :n], x[..., :n])
        carry = jnp.zeros((d, n))
        _, y = layers.selective_scan(-jnp.ones((d, n)), selection, carry, x, chunk=16)
        return y.sum()

    x = jnp.ones((time, d))
    text = str(jax.make_jaxpr(jax.grad(loss, argnums=(0, 1)))(x, x))
    sizes = {
        int(np.prod([int(s) for s in shape.split(",")]))
        for shape in re.findall(r"f32\[([\d,]+)\]", text)
    }
    assert max(sizes) <= time * d and 16 * d * n in sizes


def test_half_precision_stays_half_and_close():
    """bfloat16 in and out, computed in float32."""
    half = lambda tree: jax.tree.map(lambda v: v.astype(jnp.bfloat16), tree)  # noqa: E731
    for whole, cell, params in forms().values():
        x = drawn(BATCH, TIME, IN, seed=9)
        carry = start(params, x)
        narrow = half(params), half(carry)
        ends = jax.eval_shape(cell, *narrow, half(x[:, 0]))
        last, y = jax.jit(whole)(*narrow, half(x))
        leaves = jax.tree.leaves((last, y, ends))
        assert {v.dtype for v in leaves} == {jnp.dtype(jnp.bfloat16)}
        exact = jax.jit(whole)(params, carry, x)[1]
        assert abs(y.astype(jnp.float32) - exact).max() < 0.05


def test_the_ring_of_an_lru():
    """γ keeps the state of white noise at variance 1, whatever |λ| is."""
    params = layers.lru_params(IN, 64, radius=(0.5, 0.98), key=jax.random.key(1))
    x = jax.random.normal(jax.random.key(2), (300, 200, IN))
    zero = layers.zero_carry(params, x[:, 0])
    last, _ = jax.jit(layers.lru)(params, zero, x)
    assert abs(float((last**2).mean()) * 2 - 1) < 0.1  # Re and Im have half of it each


def test_what_is_wrong_is_named():
    """Shapes that do not fit, masks of lengths, rings inside out."""
    a = jnp.ones((TIME, H))
    with pytest.raises(
        ValueError, match=r"carry must have the shape of one step, \(5,\)"
    ):
        layers.linear_recurrence(a, a, jnp.zeros(1))
    with pytest.raises(ValueError, match="a and b must have the same shape"):
        layers.linear_recurrence(a, a[:1], jnp.zeros(H))
    with pytest.raises(ValueError, match="mask must be boolean.*lengths_to_mask makes"):
        layers.linear_recurrence(a, a, jnp.zeros(H), mask=jnp.ones(TIME, jnp.int32))
    selection = layers.Selection(a, a[:, :2], a[:, :3])
    with pytest.raises(ValueError, match=r"selective_scan: selection.c must have the"):
        layers.selective_scan(jnp.ones((H, 2)), selection, jnp.ones((H, 2)), a)
    with pytest.raises(ValueError, match="radius must be 0 <= low < high <= 1"):
        layers.lru_params(2, 3, radius=(1.0, 0.5), key=jax.random.key(0))


def test_the_benchmark_runs(monkeypatch):
    """Both rows of one form, which agrees with its cell before it is timed."""
    cases = pytest.importorskip(
        "benchmarks.bench_parallel_recurrences", reason="not in a checkout"
    )
    one = {"min_gru": cases.cases(4)["min_gru"]}
    monkeypatch.setattr(cases, "cases", lambda d: one)
    forward, slopes = cases.rows(smoke=True)
    assert forward["case"] == "min_gru 2x16x4 forward" and slopes["rounds"] == 1

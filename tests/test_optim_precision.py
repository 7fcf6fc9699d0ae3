"""Small updates of half-precision parameters, and losses that are scaled."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from assay import optim

HALVES = [jnp.bfloat16, jnp.float16]
KEEPERS = {
    "kahan": optim.kahan_summation(),
    "kahan, bf16": optim.kahan_summation(jnp.bfloat16),
    "stochastic": optim.stochastic_rounding(7),
    "master": optim.master_weights(optim.identity()),
}


def test_ten_thousand_small_updates_arrive():
    """1e-4 on 1.0 in bf16: nearest stays at 1.0, the others end within 2 % of 2.0.

    The stochastic one on average: a single number walks at random by 4 %.
    """
    makers = {"nearest": optim.identity(), **KEEPERS}
    w = {n: jnp.ones(1024, jnp.bfloat16) for n in makers}
    g = jnp.full(1024, 1e-4, jnp.bfloat16)

    def body(i, carry):
        w, states = carry
        done = {n: tx.update(g, states[n], w[n]) for n, tx in makers.items()}
        w = {n: optim.apply_updates(w[n], u) for n, (u, _) in done.items()}
        return w, {n: s for n, (_, s) in done.items()}

    start = w, {n: tx.init(w[n]) for n, tx in makers.items()}
    w, _ = jax.jit(lambda c: jax.lax.fori_loop(0, 10_000, body, c))(start)
    assert w.pop("nearest").tolist() == [1.0] * 1024
    for name, x in w.items():
        mean = np.asarray(x, np.float64).mean()
        assert abs(mean - 2) < 0.04, f"{name} ends at {mean}"


def numbers(dtype, n=4000, seed=0):
    """(p, u) of all magnitudes, either sign, u often far larger or smaller than p."""
    rng = np.random.default_rng(seed)
    low = -20 if dtype == jnp.float16 else -30
    p = rng.standard_normal(n) * 2.0 ** rng.integers(low, 10, n)
    u = rng.standard_normal(n) * 2.0 ** rng.integers(low, 10, n)
    return jnp.asarray(p).astype(dtype), jnp.asarray(u, jnp.float32)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_any_apply_updates_makes_the_number_meant(dtype):
    """round(p + u), whatever the sizes, eager and jitted, ours and Optax's apply."""
    p, u = numbers(dtype)
    true = (np.asarray(p, np.float64) + np.asarray(u, np.float64)).astype(dtype)
    assert (
        np.abs(np.asarray(true, np.float64)) < float(jnp.finfo(dtype).tiny)
    ).any() == (dtype == jnp.float16)
    for name in ("kahan", "master"):
        tx = KEEPERS[name]

        def step(p, u, apply, tx=tx):
            return apply(p, tx.update(u, tx.init(p), p)[0])

        with jax.numpy_dtype_promotion("standard"):
            both = jax.jit(
                lambda p, u, step=step: [
                    step(p, u, optim.apply_updates),
                    step(p, u, optax.apply_updates),
                ]
            )
            done = [*both(p, u), step(p, u, optim.apply_updates)]
        for w in done:
            # Rounded twice, by way of float32: half an ULP and a tie may differ.
            same = np.asarray(w) == true
            assert same.mean() > 0.999
            np.testing.assert_array_equal(w, done[0])


def test_nothing_is_lost_between_steps():
    """Kahan: p + c is the sum of all updates, two steps to a program as well."""
    tx, rng = optim.kahan_summation(), np.random.default_rng(1)
    moves = jnp.asarray(1e-3 * rng.standard_normal((50, 100)), jnp.bfloat16)
    p = jnp.asarray(rng.standard_normal(100), jnp.bfloat16)

    def step(carry, u):
        p, state = carry
        u, state = tx.update(u, state, p)
        return (optim.apply_updates(p, u), state), None

    def pair(carry, two):
        return step(step(carry, two[0])[0], two[1])

    one = jax.jit(lambda c: jax.lax.scan(step, c, moves)[0])((p, tx.init(p)))
    both = jax.jit(lambda c: jax.lax.scan(pair, c, moves.reshape(25, 2, 100))[0])
    two = both((p, tx.init(p)))
    assert np.array_equal(one[0], two[0])
    total = np.asarray(one[0], np.float64) + np.asarray(one[1].compensation, np.float64)
    true = np.asarray(p, np.float64) + np.asarray(moves, np.float64).sum(0)
    np.testing.assert_allclose(total, true, rtol=0, atol=1e-7)


def test_float32_is_helped_too():
    """10,000 updates of 1e-4 on 1.0: 2.0 by Kahan, 1.7e-4 off without."""
    tx = optim.kahan_summation()

    def body(i, carry):
        p, state, plain = carry
        u, state = tx.update(jnp.float32(1e-4), state, p)
        return optim.apply_updates(p, u), state, plain + jnp.float32(1e-4)

    one = jnp.float32(1)
    run = jax.jit(lambda c: jax.lax.fori_loop(0, 10_000, body, c))
    kept, _, plain = run((one, tx.init(one), one))
    assert abs(float(kept) - 2) < 3e-7
    assert abs(float(plain) - 2) > 1e-4


@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_stochastic_rounding_is_unbiased(dtype):
    """The mean of 40,000 draws is p + u within 3 sigma, at every size of u."""
    n, tx = 40_000, optim.stochastic_rounding(0)
    ulp = float(jnp.finfo(dtype).eps)
    sizes = np.array([0.5, 0.1, 1e-3, 3.3, -0.25, -1e-3, -7.9])
    starts = np.array([1.0, 1.0, 1.5, -1.0, 1.0, -1.25, 2.0])
    p = jnp.asarray(np.repeat(starts[:, None], n, 1)).astype(dtype)
    u = jnp.asarray(np.repeat(ulp * sizes[:, None], n, 1), jnp.float32)

    @jax.jit
    def rounded(p, u):
        moves, state = tx.update(u, tx.init(p), p)
        again = tx.update(u, tx.init(p), p)[0]
        later = tx.update(u, state, p)[0]
        return optim.apply_updates(p, moves), moves, again, later

    w, moves, again, later = jax.device_get(rounded(p, u))
    w = w.astype(np.float64)
    off = (w - starts[:, None] - ulp * sizes[:, None]).mean(1)
    sigma = w.std(1) / np.sqrt(n)
    assert (np.abs(off) <= 3 * sigma + 1e-12).all(), off / sigma
    assert all(len(np.unique(row)) == 2 for row in w)
    gap = ulp * 2 ** np.floor(np.log2(np.abs(starts + ulp * sizes)))
    assert np.array_equal(w.max(1) - w.min(1), gap)  # neighbours, across a power of 2
    assert np.array_equal(moves, again)
    assert not np.array_equal(moves, later)


def test_what_float32_cannot_add_keeps_its_chance():
    """1 + 0.4 · 2⁻²³ is 1 in float32; of 2²⁰ draws some 51 go up in float16."""
    tx, p = optim.stochastic_rounding(0), jnp.ones(2**20, jnp.float16)
    moves, _ = tx.update(jnp.full(2**20, 0.4 * 2.0**-23), tx.init(p), p)
    assert 20 < int((moves > 0).sum()) < 90


def test_the_rounding_is_one_that_xla_keeps():
    """A conversion there and back may be left out; reduce_precision may not."""
    p = jnp.ones(2, jnp.bfloat16)
    for name in ("kahan", "master"):
        tx = KEEPERS[name]
        program = jax.make_jaxpr(tx.update)(p, tx.init(p), p)
        assert "reduce_precision[exponent_bits=8 mantissa_bits=7]" in str(program)


def test_stochastic_rounding_leaves_the_rest_alone():
    """What is a bf16 number already, float32 parameters, zeros, infinities."""
    tx = optim.stochastic_rounding(0)
    p = {"half": jnp.array([1.0, 0.0, -2.0, 0.0], jnp.bfloat16), "single": jnp.ones(3)}
    u = {"half": jnp.array([0.5, 0.0, 2.0, jnp.inf]), "single": jnp.full(3, 1e-9)}
    moves = jax.jit(lambda p, u: tx.update(u, tx.init(p), p)[0])(p, u)
    assert all(moves[n].tolist() == u[n].tolist() for n in p)


def test_the_inner_optimizer_works_in_float32():
    """master_weights hands over float32 gradients and parameters, and extras."""
    seen = []

    def update(g, state, params=None, *, value):
        seen.append((g.dtype, params.dtype, value))
        return -0.001 * g, state

    tx = optim.master_weights(optim.Transform(lambda p: (), update))
    p = jnp.ones(3, jnp.bfloat16)
    u, state = tx.update(p, tx.init(p), p, value=7)
    assert seen == [(jnp.float32, jnp.float32, 7)]
    assert u.tolist() == [0.0] * 3
    np.testing.assert_allclose(state.master, 0.999, rtol=1e-6)


# Loss scaling ------------------------------------------------------------------------


def net(p, x):
    """One hidden layer, in the dtype of its parameters."""
    return jnp.tanh(x @ p["in"]) @ p["out"]


def trained(tx, dtype, steps=100):
    """The losses of a small regression; parameters float32, the network in `dtype`."""
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.standard_normal((256, 5)), jnp.float32)
    noise = jnp.asarray(0.3 * rng.standard_normal((256, 1)), jnp.float32)
    y = jnp.sin(x[:, :1]) * x[:, 1:2] + noise
    p = {
        "in": rng.standard_normal((5, 16)) / 3,
        "out": rng.standard_normal((16, 1)) / 4,
    }
    p = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), p)

    def loss(p, state):
        half = jax.tree.map(lambda a: a.astype(dtype), p)
        out = net(half, x.astype(dtype)).astype(jnp.float32)
        # Small, so that its unscaled gradients vanish in float16: nothing is learned.
        value = 1e-6 * jnp.mean((out - y) ** 2)
        return optim.scale_loss(value, state), value

    def step(carry, _):
        p, state = carry
        g, value = jax.grad(loss, has_aux=True)(p, state)
        u, state = tx.update(g, state, p)
        return (optim.apply_updates(p, u), state), (value, state.scale, state.skipped)

    run = jax.jit(lambda c: jax.lax.scan(step, c, length=steps))
    return jax.device_get(run((p, tx.init(p)))[1])


def test_float16_trains_as_float32_does():
    """From a scale that overflows to the loss of float32 within 2 %."""
    adam = optim.adam(0.02, eps=1e-14)
    scaled = optim.dynamic_loss_scale(adam, 2.0**48, 60, max_scale=2.0**48)
    half, scales, skipped = trained(scaled, jnp.float16)
    full, _, none = trained(optim.static_loss_scale(adam, 1.0), jnp.float32)
    assert 5 < skipped[19] == skipped[30] and none[-1] == 0
    assert scales[19] == 2.0 ** (48 - skipped[19]) and scales[-1] >= scales[30]
    # After as many steps as were not passed over.
    assert abs(half[-1] / full[-1 - skipped[-1]] - 1) < 0.02
    assert full[-1] < 0.4 * full[0]


def test_an_overflow_of_2_to_the_24_is_over_within_20_steps():
    """The first finite step comes in time; until then nothing at all has moved."""
    schedule = optim.linear_schedule(0.1, 0.0, 100)
    tx = optim.dynamic_loss_scale(optim.adam(schedule), 2.0**24)
    w = jnp.array([0.5, -2.0], jnp.float16)

    @jax.jit
    def step(w, state):
        g = jax.grad(lambda w: optim.scale_loss(jnp.sum(w**2), state))(w)
        u, state = tx.update(g, state, w)
        return optim.apply_updates(w, u), state

    start = state = tx.init(w)
    at = w
    for count in range(20):
        before, (at, state) = state, step(at, state)
        if int(state.skipped) == count:
            break
        assert np.array_equal(at, w)
        same = jax.tree.map(np.array_equal, state.inner_state, start.inner_state)
        assert all(jax.tree.leaves(same))
        assert float(state.scale) == float(before.scale) / 2
    assert 5 < count < 20 and not np.array_equal(at, w)
    counts = [c for c in jax.tree.leaves(state.inner_state) if c.dtype == jnp.int32]
    assert [int(c) for c in counts] == [1, 1]


def test_the_scale_stays_within_its_ends():
    """It grows after an interval of finite steps, and falls no further than min."""
    tx = optim.dynamic_loss_scale(
        optim.sgd(1.0), 2.0, 3, min_scale=1.0, max_scale=8.0, factor=2.0
    )

    def body(state, g):
        u, state = tx.update(g, state)
        return state, (u, state.scale, state.good_steps)

    grads = jnp.array([1.0] * 10 + [jnp.nan] * 5 + [1.0] * 3)
    run = jax.jit(lambda s: jax.lax.scan(body, s, grads))
    state, (u, scales, good) = run(tx.init(jnp.float32(0)))
    assert scales.tolist() == [2, 2, 4, 4, 4, 8, 8, 8, 8, 8, 4, 2, 1, 1, 1, 1, 1, 2]
    assert u[10:15].tolist() == [0.0] * 5 and int(state.skipped) == 5
    with pytest.raises(ValueError, match="factor must be in"):
        optim.dynamic_loss_scale(optim.sgd(1.0), factor=0.5)

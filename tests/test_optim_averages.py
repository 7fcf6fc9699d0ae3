"""Means, lookahead, clipping by unit and example, noise, plateaus, monitors."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from assay import optim
from tests.optimizers import tree

MADE = {  # a function of one number, from 0.5 to 1
    "ema": lambda x: optim.ema(0.9 * x),
    "params_ema": lambda x: optim.params_ema(0.9 * x, warmup=True),
    "params_ema, debiased": lambda x: optim.params_ema(0.9 * x, debias=True),
    "swa": lambda x: optim.swa(1, 2),
    "adaptive_grad_clip": lambda x: optim.adaptive_grad_clip(0.1 * x, 1e-3 * x),
    "centralize": lambda x: optim.centralize(),
    "add_noise": lambda x: optim.add_noise(0.1 * x, x, 3),
    "noisy_sgd": lambda x: optim.noisy_sgd(x, 0.1 * x, x, 3),
    "reduce_on_plateau": lambda x: optim.reduce_on_plateau(0.5 * x, 1, rtol=1e-4 * x),
    "snapshot": lambda x: optim.snapshot("norm", optim.global_norm),
    "monitor": lambda x: optim.monitor(
        {
            "norm": optim.global_norm,
            "large": optim.measure_with_ema(
                lambda g: optim.global_norm(g) > 1, 0.9 * x
            ),
        }
    ),
    "kahan_summation": lambda x: optim.kahan_summation(),
    "stochastic_rounding": lambda x: optim.stochastic_rounding(3),
    "master_weights": lambda x: optim.master_weights(optim.adam(x)),
    "static_loss_scale": lambda x: optim.static_loss_scale(optim.adam(x), 64.0 * x),
    "dynamic_loss_scale": lambda x: optim.dynamic_loss_scale(
        optim.adam(x), 64.0 * x, 2, factor=2 * x
    ),
}
EXACT = {"kahan_summation", "stochastic_rounding", "master_weights"}
SAME = {"params_ema", "params_ema, debiased", "monitor"}  # updates pass through
NUMBERED = [  # those whose number is a number
    *("ema", "params_ema", "params_ema, debiased", "adaptive_grad_clip", "noisy_sgd"),
    *("reduce_on_plateau", "monitor", "master_weights", "dynamic_loss_scale"),
]
WIDE = EXACT | {"static_loss_scale", "dynamic_loss_scale"}  # their updates are float32


def form(state):
    """What a step must not change: structure, shapes, dtypes, weak types."""
    leaves = jax.tree.leaves(state)
    return jax.tree.structure(state), [
        (x.shape, x.dtype, getattr(x, "weak_type", False)) for x in leaves
    ]


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16], ids=str)
def test_state_and_updates_keep_their_form(name, dtype):
    """So that a step compiles once and can be scanned over; moments are wide."""
    tx, p = MADE[name](0.75), tree(dtype)
    state = jax.eval_shape(tx.init, p)
    updates, after = jax.eval_shape(
        lambda p, s: tx.update(p, s, p, value=1.0, unheard_of=2), p, state
    )
    assert form(after) == form(state)
    kinds = {jnp.dtype(d) for d in ("int32", "bool", "float32")}
    typed = jax.dtypes.prng_key
    plain = [x for x in jax.tree.leaves(state) if not jnp.issubdtype(x.dtype, typed)]
    assert {x.dtype for x in plain} <= kinds
    emitted = jnp.float32 if name in WIDE else dtype
    assert {x.dtype for x in jax.tree.leaves(updates)} == {jnp.dtype(emitted)}


def test_every_number_may_be_traced():
    """vmap over two values equals the two runs, two steps each."""
    p = {"w": jnp.linspace(-1, 1, 6).reshape(2, 3)}

    def run(make, x):
        def step(state, g):
            return tx.update({"w": g}, state, p, value=1.0)[::-1]

        tx = make(x)
        grads = jnp.stack([p["w"], 2 * p["w"]])
        return jax.lax.scan(step, tx.init(p), grads)[1]["w"]

    xs = jnp.array([0.5, 1.0])
    traced = {n: MADE[n] for n in NUMBERED}

    @jax.jit
    def both():
        together = {
            n: jax.vmap(lambda x, m=m: run(m, x))(xs) for n, m in traced.items()
        }
        return together, {n: run(m, 1.0) for n, m in traced.items()}

    together, alone = jax.device_get(both())
    for name, one in alone.items():
        got = together[name]
        np.testing.assert_allclose(got[1], one, rtol=3e-6, atol=1e-7, err_msg=name)
        assert name in SAME or not np.array_equal(got[0], got[1]), name


@pytest.mark.parametrize("name", MADE)
def test_absent_leaves(name):
    """No update for what has no gradient, and no change of what the state holds."""
    tx = MADE[name](0.75)
    p = {"frozen": None, "idle": jnp.ones(2), "mask": optax.MaskedNode()}
    p["w"] = jnp.ones((3, 2))
    grads = {**p, "idle": None}

    def step(p):
        state = tx.init(p)
        updates, after = tx.update(grads, state, p, value=1.0)
        return state, updates, after

    state, updates, after = jax.eval_shape(step, p)
    assert jax.tree.structure(state) == jax.tree.structure(after)
    assert updates["frozen"] is None and updates["idle"] is None
    assert updates["w"].shape == (3, 2)


@pytest.mark.parametrize("name", MADE)
def test_init_shares_no_buffer(name):
    """Donating parameters and state is safe, and the maker can be used again."""
    params, tx = {"w": jnp.ones(3)}, MADE[name](0.75)
    leaves = jax.tree.leaves((params, tx.init(params), tx.init(params)))
    data = [
        jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x
        for x in leaves
    ]
    pointers = [x.unsafe_buffer_pointer() for x in data]
    assert len(set(pointers)) == len(pointers)


# Means of parameters ---------------------------------------------------------------


def test_params_ema_is_its_closed_form():
    """After 2000 steps of bf16 parameters: Σ dᵗ⁻ⁱ pᵢ over its weights, to 3e-6."""
    steps, rng = 2000, np.random.default_rng(0)
    moves = jnp.asarray(0.02 * rng.standard_normal((steps, 5)) + 0.01, jnp.bfloat16)
    makers = {  # a mean forgets its roundings as slowly as its terms: √1000 of them
        "plain": optim.params_ema(0.999),
        "debiased": optim.params_ema(0.999, debias=True),
        "warm": optim.params_ema(0.999, warmup=True),
        "swa": optim.swa(500, 10),
    }

    def body(carry, u):
        p, states = carry
        states = {n: tx.update(u, states[n], p)[1] for n, tx in makers.items()}
        p = optim.apply_updates(p, u)
        return (p, states), p

    p = jnp.ones(5, jnp.bfloat16)
    start = {n: tx.init(p) for n, tx in makers.items()}
    (_, states), path = jax.jit(lambda c: jax.lax.scan(body, c, moves))((p, start))
    path = np.asarray(path, np.float64)
    d = 0.999 ** np.arange(steps - 1, -1, -1.0)[:, None]
    debiased = (d * path).sum(0) / d.sum()
    plain = 0.999**steps + 0.001 * (d * path).sum(0)
    t = np.arange(steps)
    warm = np.minimum(0.999, (1 + t) / (10 + t))
    mean = np.ones(5)
    for rate, x in zip(warm, path, strict=True):
        mean = rate * mean + (1 - rate) * x
    np.testing.assert_allclose(states["plain"].ema, plain, rtol=3e-6)
    np.testing.assert_allclose(states["debiased"].ema, debiased, rtol=3e-6)
    np.testing.assert_allclose(states["warm"].ema, mean, rtol=3e-6)
    chosen = path[509::10]
    assert states["swa"].averaged == len(chosen) == 150
    np.testing.assert_allclose(states["swa"].average, chosen.mean(0), rtol=1e-6)


def test_means_are_ready_from_the_start():
    """Before any update, and before the first that counts, they are the parameters."""
    p, g = jnp.array([1.0, -2.0]), jnp.array([0.5, 0.5])
    for make in (optim.params_ema(0.9), optim.params_ema(0.9, debias=True)):
        assert make.init(p).ema.tolist() == p.tolist()
    assert optim.params_ema(0.9, debias=True).update(
        g, optim.params_ema(0.9, debias=True).init(p), p
    )[1].ema.tolist() == [1.5, -1.5]
    tx = optim.swa(start=5)
    assert tx.update(g, tx.init(p), p)[1].average.tolist() == [1.5, -1.5]


def test_target_networks_keep_their_dtype():
    """A bf16 target stays one; step 1 is the new, bit for bit; None stays None."""
    new, old = {"w": jnp.full(2, 1 / 3)}, {"w": jnp.ones(2, jnp.bfloat16)}
    assert optim.incremental_update(new, old, 0.5)["w"].dtype == jnp.bfloat16
    assert optim.periodic_update(new, old, 4, 2)["w"].dtype == jnp.bfloat16
    whole = optim.incremental_update(new, {"w": jnp.ones(2)}, 1.0)
    assert np.array_equal(whole["w"], new["w"])
    assert optim.incremental_update({"a": None}, {"a": None}, 0.5) == {"a": None}


def test_lookahead_speaks_optaxs_pair():
    """Optax's LookaheadParams serve as ours; extras reach the fast optimizer."""
    tx = optim.lookahead(optax.polyak_sgd(), 2, 0.5)
    params = optax.LookaheadParams.init_synced(jnp.array([1.0, 2.0]))
    with jax.numpy_dtype_promotion("standard"):
        for _ in range(2):
            state = tx.init(params)._replace(steps_since_sync=jnp.int32(1))
            updates, _ = tx.update(params.fast, state, params, value=2.5)
            params = optax.apply_updates(params, updates)
    assert np.array_equal(params.fast, params.slow)
    with pytest.raises(ValueError, match="params must be LookaheadParams"):
        tx.update(jnp.ones(2), tx.init(jnp.ones(2)), jnp.ones(2))


# Clipping ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32], ids=str)
def test_units_and_examples_are_clipped_up_to_the_largest_number(dtype):
    """The norm is min(‖g‖, limit) to 1e-3 at every size; zeros stay zeros."""
    info, rng = jnp.finfo(dtype), np.random.default_rng(0)
    sizes = [64 * float(info.tiny), 1.0, float(info.max) / 64, float(info.max)]
    g = jnp.asarray(
        np.stack([rng.uniform(-1, 1, (16, 4)) * s for s in sizes]).astype(dtype)
    )
    p = jnp.ones((16, 4), dtype)  # every unit has norm 4

    @jax.jit
    def clipped(g):
        tx = optim.adaptive_grad_clip(0.25)
        units = jax.vmap(lambda x: tx.update(x, (), p)[0])(g)
        examples = jax.vmap(lambda x: optim.per_example_global_norm_clip(x[None], 1.0))
        nothing = tx.update(0 * p, (), p)[0], examples(0 * g)[0]
        return units, *examples(g), nothing

    units, examples, counts, nothing = jax.device_get(clipped(g))
    norms = np.linalg.norm(np.asarray(g, np.float64), axis=1)
    got = np.linalg.norm(units.astype(np.float64), axis=1)
    np.testing.assert_allclose(got, np.minimum(norms, 1), rtol=1e-3)
    norms = np.linalg.norm(np.asarray(g, np.float64).reshape(4, -1), axis=1)
    got = np.linalg.norm(examples.astype(np.float64).reshape(4, -1), axis=1)
    np.testing.assert_allclose(got, np.minimum(norms, 1), rtol=1e-3)
    assert counts.tolist() == [0, 1, 1, 1]
    assert not any(np.any(x) for x in nothing)
    assert units.dtype == examples.dtype == dtype


def test_what_is_not_finite_is_reported():
    """The unit, or the sum over the examples, is nan: never a silent zero."""
    g = jnp.array([[1.0, jnp.inf], [1.0, 1.0]])

    @jax.jit
    def clipped(g):
        units = optim.adaptive_grad_clip(0.1).update(g, (), jnp.ones((2, 2)))[0]
        clip = optim.per_example_global_norm_clip
        return units, clip({"w": g}, 1.0)[0], clip([jnp.zeros((2, 3))], 0.0)

    units, total, zero = clipped(g)
    assert np.isnan(units[:, 1]).all() and np.isfinite(units[:, 0]).all()
    assert np.isnan(total["w"]).all()
    assert zero[0][0].tolist() == [0.0] * 3 and zero[1] == 0
    with pytest.raises(ValueError, match="one axis 0 in all leaves, the examples"):
        optim.per_example_global_norm_clip([jnp.ones((2, 3)), jnp.ones(3)], 1.0)
    with pytest.raises(ValueError, match="x must have at most 5 axes"):
        optim.unitwise_norm(jnp.ones((1, 2, 1, 2, 1, 2)))


def test_centralized_gradients_have_no_mean():
    """At the largest number too; a vector and the outputs' axis are as said."""
    g = np.random.default_rng(0).standard_normal((3, 2, 4)).astype(np.float32)
    given = {"big": np.full((3, 4), 3e38, np.float32), "g": g, "vector": g[0, 0]}

    @jax.jit
    def both(g):
        last = optim.centralize(output_axis=-1)
        return optim.centralize().update(g, ())[0], last.update(g, ())[0]

    first, last = jax.device_get(both(given))
    assert first["big"].tolist() == [[0.0] * 4] * 3
    np.testing.assert_allclose(first["g"].mean((1, 2)), 0, atol=1e-7)
    np.testing.assert_allclose(last["g"].mean((0, 1)), 0, atol=1e-7)
    assert np.abs(last["g"].mean((1, 2))).max() > 1e-3
    assert np.array_equal(first["vector"], g[0, 0])


# Noise -------------------------------------------------------------------------------


def test_noise_is_new_at_every_step_and_fades():
    """Independent over steps and leaves, of variance η/tᵞ; keys of every kind."""
    tx = optim.add_noise(0.09, 0.5, jax.random.key(3))
    zeros = {"a": jnp.zeros(20_000), "b": jnp.zeros(20_000)}

    def body(state, _):
        updates, state = tx.update(zeros, state)
        return state, updates

    run = jax.jit(lambda s: jax.lax.scan(body, s, length=4))
    _, noise = run(tx.init(zeros))
    rows = np.concatenate([noise["a"], noise["b"]])
    assert np.abs(np.corrcoef(rows) - np.eye(8)).max() < 0.03
    expected = 0.3 / np.arange(1, 5) ** 0.25
    np.testing.assert_allclose(noise["a"].std(1), expected, rtol=0.02)
    kinds = [jax.random.key(3), 3, np.int64(3), jnp.int32(3), jax.random.PRNGKey(3)]
    makers = [optim.add_noise(1.0, 0.5, k) for k in kinds]
    makers.append(optim.add_noise(1.0, 0.5, seed=3))
    keys = [jax.random.key_data(tx.init(zeros).rng_key).tolist() for tx in makers]
    assert all(k == keys[0] for k in keys)
    with pytest.raises(ValueError, match="key and seed must not both be given"):
        optim.add_noise(1.0, 0.5, 3, seed=3)


# Plateaus and monitors ---------------------------------------------------------------


def test_plateaus_refuse_what_has_no_meaning():
    """And a chain hands the loss through; without it they say how to call."""
    for wrong in ({"factor": 1.0}, {"rtol": -1.0}, {"rtol": 0.0}):
        with pytest.raises(ValueError, match="reduce_on_plateau"):
            optim.reduce_on_plateau(**wrong)
    tx = optim.chain(optim.sgd(1.0), optim.reduce_on_plateau())
    g = jnp.ones(2)
    assert tx.update(g, tx.init(g), value=1.0)[0].tolist() == [-1.0, -1.0]
    with pytest.raises(ValueError, match="value must be given"):
        tx.update(g, tx.init(g))


def test_monitors_see_what_comes_before_the_clip():
    """The norm, its running mean, and the ratio of update to parameter, in a scan."""

    def ratio(updates, params):
        return optim.global_norm(updates) / optim.global_norm(params)

    measures = {
        "norm": optim.global_norm,
        "mean": optim.measure_with_ema(optim.global_norm, 0.5, debias=False),
        "ratio": optim.Transform(
            lambda p: (), lambda u, s, params=None: (ratio(u, params), s)
        ),
    }
    tx = optax.chain(optim.monitor(measures), optim.clip_by_global_norm(1.0))
    p = jnp.array([6.0, 8.0])

    def body(state, g):
        u, state = tx.update(g, state, p)
        return state, (u, state[0].measurements)

    grads = jnp.array([[3.0, 4.0], [0.0, 1.0]])
    run = jax.jit(lambda s: jax.lax.scan(body, s, grads))
    _, (u, seen) = run(tx.init(p))
    np.testing.assert_allclose(u, [[0.6, 0.8], [0.0, 1.0]], rtol=1e-6)
    assert seen["norm"].tolist() == [5.0, 1.0]
    assert seen["mean"].tolist() == [2.5, 1.75]
    np.testing.assert_allclose(seen["ratio"], [0.5, 0.1], rtol=1e-6)


def test_who_needs_the_parameters_says_so():
    """Each names itself."""
    for name in ("params_ema", "swa", "adaptive_grad_clip", *sorted(EXACT)):
        tx, g = MADE[name](0.75), jnp.ones(2)
        with pytest.raises(ValueError, match=f"{name}: params must be given"):
            tx.update(g, tx.init(g))

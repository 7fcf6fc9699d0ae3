"""Accumulation equals the large batch; what is skipped leaves no trace."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from assay import optim
from tests.optimizers import equal

# Accumulation -----------------------------------------------------------------------


def batches(weights):
    """Mean losses of a linear model over batches of so many examples, and over all."""
    rng = np.random.default_rng(1)
    total = int(sum(weights))
    x, y = rng.standard_normal((total, 4)), rng.standard_normal(total)
    ends = np.cumsum([0, *weights]).astype(int)
    p = {"w": np.linspace(-1, 1, 4), "c": np.float64(0.5)}

    def mean(part):
        off = x[part] @ p["w"] + p["c"] - y[part]
        n = max(len(off), 1)
        g = {"c": 2 * off.sum() / n, "w": 2 * off @ x[part] / n}
        return jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), g)

    parts = [mean(slice(a, b)) for a, b in zip(ends[:-1], ends[1:], strict=True)]
    params = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), p)
    return params, parts, mean(slice(0, total))


@pytest.mark.parametrize("weights", [[8, 8, 8, 8], [1, 12, 0, 3]], ids=str)
def test_accumulation_is_the_large_batch(weights):
    """To 1e-6, batches of unequal size too, and one without any example."""
    params, parts, whole = batches(weights)
    inner = optim.chain(
        optim.clip_by_global_norm(0.3), optim.sgd(optim.exponential_decay(1.0, 1, 0.5))
    )
    tx = optim.MultiSteps(inner, len(weights))
    if 0 in weights:  # a mean over nothing
        parts[weights.index(0)] = jax.tree.map(lambda g: g * jnp.nan, parts[0])

    def walk(parts, weights, tx):
        state, rows = tx.init(params), []
        for g, w in zip(parts * 2, weights * 2, strict=True):
            updates, state = tx.update(g, state, params, weight=jnp.float32(w))
            rows.append(updates)
        return rows, state

    rows, state = jax.jit(partial(walk, weights=weights, tx=tx))(parts)
    large, last = jax.jit(partial(walk, weights=[1], tx=inner))([whole])
    k = len(weights)
    equal(rows[k - 1 :: k], large, 1e-6)
    assert not any(np.any(u) for u in jax.tree.leaves([*rows[: k - 1], rows[k]]))
    # The schedule of the rate has counted two steps, not eight.
    assert jax.tree.leaves(state.inner_opt_state) == jax.tree.leaves(last) == [2]
    assert int(state.gradient_step) == 2 and bool(optim.has_updated(state))


def test_accumulators_are_wide_and_absent_for_one():
    """float32 for bfloat16: 256 + 1 is not lost. k = 1 holds two counters, no leaf."""
    g = [jnp.full(3, x, jnp.bfloat16) for x in (256.0, 1.0, 1.0, 2.0)]
    tx = optim.MultiSteps(optim.scale(1.0), 4, use_grad_mean=False)
    state = tx.init(g[0])
    assert state.acc_grads.dtype == jnp.float32
    for x in g:
        updates, state = tx.update(x, state)
    assert updates.tolist() == [260.0] * 3
    single = optim.MultiSteps(optim.trace(0.9), 1).init(g[0])
    assert [x.shape for x in jax.tree.leaves(single)] == [(), (), (3,)]
    narrow = optim.MultiSteps(optim.scale(1.0), 2, accumulator_dtype=jnp.bfloat16)
    assert narrow.init(g[0]).acc_grads.dtype == jnp.bfloat16
    with jax.enable_x64(True):
        assert tx.init(jnp.ones(2)).acc_grads.dtype == jnp.float64
    with pytest.raises(ValueError, match="every_k_schedule must be in"):
        optim.MultiSteps(optim.scale(1.0), 0)


def test_accumulation_in_shard_map():
    """No branch anywhere, so that each of eight devices may run it on its shard."""
    tx = optim.MultiSteps(optim.adam(0.1), 2, True, optim.skip_not_finite)
    g = jnp.linspace(-1, 1, 16).reshape(8, 2)
    assert " cond[" not in str(jax.make_jaxpr(tx.update)(g, tx.init(g), g))
    mesh = Mesh(np.array(jax.devices()[:8]), ("i",))

    def two(g):
        state = tx.init(g)
        for _ in range(2):
            updates, state = tx.update(g, state, g)
        return updates

    apart = jax.jit(jax.shard_map(two, mesh=mesh, in_specs=P("i"), out_specs=P("i")))
    np.testing.assert_allclose(apart(g), jnp.where(g > 0, -0.1, 0.1), rtol=1e-6)


def test_every_k_may_change_and_be_traced():
    """Two, then three, then four batches a step; and vmap over k."""
    tx = optim.MultiSteps(optim.sgd(1.0), lambda done: 2 + done)

    def steps(tx):
        def body(state, g):
            updates, state = tx.update(g, state)
            return state, updates

        return jax.lax.scan(body, tx.init(jnp.float32(0)), jnp.arange(1.0, 10.0))[1]

    assert jax.jit(lambda: steps(tx))().tolist() == [0, -1.5, 0, 0, -4, 0, 0, 0, -7.5]
    rows = jax.vmap(lambda k: steps(optim.MultiSteps(optim.sgd(1.0), k)))
    got = jax.jit(rows)(jnp.array([1, 4]))
    assert got[0].tolist() == [-x for x in range(1, 10)]
    assert got[1].tolist() == [0, 0, 0, -2.5, 0, 0, 0, -6.5, 0]


# Guards -----------------------------------------------------------------------------


def bits(state):
    """The state as bytes."""
    return [np.asarray(x).tobytes() for x in jax.tree.leaves(state)]


def test_a_step_that_is_skipped_leaves_the_state_bit_for_bit():
    """Non-finite or too large; only what counts them changes."""
    p = {"a": jnp.array([1.0, -2.0]), "b": jnp.array([3.0])}
    bad = {"a": jnp.array([jnp.inf, 0.0]), "b": jnp.array([jnp.nan])}
    large = partial(optim.skip_large_updates, max_squared_norm=20.0)
    skips = [(optim.skip_not_finite, bad), (large, jax.tree.map(lambda x: 9 * x, p))]
    guarded = [
        (optim.apply_if_finite(optim.sgd(0.1, 0.9), 3), bad),
        *[(optim.MultiSteps(optim.sgd(0.1, 0.9), 3, True, f), g) for f, g in skips],
        (optim.conditionally_mask(optim.sgd(0.1, 0.9), lambda t: t != 1), p),
    ]

    def two(tx, odd):
        first = tx.update(p, tx.init(p), p)[1]
        updates, second = tx.update(odd, first, p)
        return first, updates, second

    notes = []
    for tx, odd in guarded:
        first, updates, second = jax.jit(partial(two, tx))(odd)
        notes.append(second)
        assert not any(np.any(u) for u in jax.tree.leaves(updates))
        for name in ("inner_state", "inner_opt_state", "acc_grads", "mini_step"):
            parts = [getattr(s, name, ()) for s in (first, second)]
            assert bits(parts[0]) == bits(parts[1])
    assert int(notes[0].notfinite_count) == int(notes[0].total_notfinite) == 1
    assert not notes[0].last_finite
    assert int(notes[1].skip_state["num_not_finite"]) == 2
    assert float(notes[2].skip_state["norm_squared"]) == 81 * 14


def test_giving_up_after_so_many():
    """One more than allowed in a row goes through, and they are all counted."""
    tx, nan = optim.apply_if_finite(optim.scale(1.0), 2), jnp.array(jnp.nan)
    state, seen = tx.init(nan), []
    for g in (nan, jnp.ones(()), nan, nan, nan):
        updates, state = tx.update(g, state)
        seen.append(float(updates))
    np.testing.assert_array_equal(seen, [0, 1, 0, 0, np.nan])
    assert (int(state.notfinite_count), int(state.total_notfinite)) == (3, 4)


def test_meta_gradients_pass_over_a_skipped_step():
    """A nan that was not applied does not reach the derivative by the rate."""
    grads = jnp.array([1.0, jnp.nan, 2.0])

    def end(rate, guard):
        tx, w = guard(optim.sgd(rate, 0.9)), jnp.float32(0.0)
        state = tx.init(w)
        for g in grads:
            updates, state = tx.update(g, state, w)
            w = w + updates
        return w

    guards = [
        lambda tx: optim.apply_if_finite(tx, 3),
        lambda tx: optim.MultiSteps(tx, 1, True, optim.skip_not_finite),
    ]
    for guard in guards:
        slope = jax.grad(partial(end, guard=guard))(0.1)
        np.testing.assert_allclose(slope, -(1 + 2.9), rtol=1e-6)


def test_zero_nans_says_where_and_how_often():
    """The leaf, and in how many updates there was one; infinities stay."""
    tx = optim.zero_nans()
    g = {"a": jnp.array([1.0, jnp.nan]), "b": jnp.array([jnp.inf])}
    updates, state = tx.update(g, tx.init(g))
    assert updates["a"].tolist() == [1.0, 0.0] and np.isinf(updates["b"])
    assert (bool(state.found_nan["a"]), bool(state.found_nan["b"])) == (True, False)
    _, state = tx.update({"a": jnp.ones(2), "b": jnp.ones(1)}, state)
    assert not state.found_nan["a"] and int(state.count) == 1


def test_large_half_precision_updates_are_measured_in_float32():
    """300² overflows float16."""
    g = jnp.full(4, 300.0, jnp.float16)
    skip, noted = optim.skip_large_updates(g, 0, None, max_squared_norm=1e6)
    assert not skip and float(noted["norm_squared"]) == 4 * 300.0**2
    skip, _ = optim.skip_large_updates(g * jnp.nan, 0, None, max_squared_norm=1e6)
    assert skip


def test_the_condition_may_see_the_extra_arguments():
    """`forward_extra_args` hands them on to it; without, only the step."""
    g = jnp.ones(())
    for wrap in (optim.conditionally_mask, optim.conditionally_transform):
        tx = wrap(optim.scale(2.0), lambda step, value: value > 0, True)
        assert float(tx.update(g, tx.init(g), value=jnp.float32(1))[0]) == 2.0
        off = float(tx.update(g, tx.init(g), value=jnp.float32(-1))[0])
        assert off == (0.0 if wrap is optim.conditionally_mask else 1.0)


def test_random_states_may_be_held_back():
    """A state with a typed key, as that of gradient noise, is selected too."""
    key = jax.random.key(0)

    def update(g, state, params=None):
        return g, jax.random.split(state)[0]

    tx = optim.apply_if_finite(optim.Transform(lambda p: key, update), 3)
    g = jnp.ones(2)
    kept = tx.update(g * jnp.nan, tx.init(g))[1].inner_state
    moved = tx.update(g, tx.init(g))[1].inner_state
    assert kept == key and moved != key

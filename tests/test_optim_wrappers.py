"""Masks, accumulation, guards and held numbers: what is special beside the mirrors."""

import inspect
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from assay import optim
from assay.verify import discover
from tests.optimizers import equal, gradients, run, tree

MASK = {"a": True, "b": [False, True]}
RATES = np.linspace(0.01, 0.08, 8, dtype=np.float32)


def plain_pair():
    """A user's pair: no extra arguments, the state a dict."""

    def update(g, state, params=None):
        t = jax.tree.map(lambda g, t: g + 0.9 * t, g, state["t"])
        return jax.tree.map(lambda t: -0.1 * t, t), {"t": t}

    return optim.Transform(lambda p: {"t": jax.tree.map(jnp.zeros_like, p)}, update)


INNERS = {"ours": lambda: optim.adam(0.1), "plain": plain_pair}
WRAPPERS = {  # what any (init, update) pair may stand in
    "masked": lambda tx: optim.masked(tx, MASK),
    "partition": lambda tx: optim.partition(
        {"x": tx, "y": optim.set_to_zero()}, {"a": "x", "b": ["y", "x"]}
    ),
    "selective": lambda tx: optim.selective_transform(tx, freeze_mask=MASK),
    "frozen": lambda tx: optim.chain(tx, optim.freeze(MASK)),
    "named": lambda tx: optim.named_chain(("tx", tx), ("last", optim.scale(1.0))),
    "steps": lambda tx: optim.MultiSteps(tx, 2),
    "one": lambda tx: optim.MultiSteps(tx, 1),
    "varying": lambda tx: optim.MultiSteps(
        tx, lambda done: 2 + done % 2, False, optim.skip_not_finite
    ),
    "every": lambda tx: optim.chain(tx, optim.apply_every(2)),
    "finite": lambda tx: optim.apply_if_finite(tx, 3),
    "nans": lambda tx: optim.chain(optim.zero_nans(), tx),
    "sometimes": lambda tx: optim.conditionally_transform(tx, lambda t: t % 2 == 0),
    "or zero": lambda tx: optim.conditionally_mask(tx, lambda t: t % 2 == 0),
    "flat": optim.flatten,
    "positive": lambda tx: optim.chain(tx, optim.keep_params_nonnegative()),
    "held": lambda tx: optim.inject_hyperparams(
        lambda rate: optim.chain(tx, optim.scale(rate))
    )(0.5),
    "layers": lambda tx: optim.chain(tx, optim.layerwise_decay(0.5, ["a", "b"])),
}


def forms(state):
    """Shapes, dtypes and weak types, in the state's structure."""
    return jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type), state)


@pytest.mark.parametrize("inner", INNERS)
@pytest.mark.parametrize("name", WRAPPERS)
def test_state_keeps_its_form(name, inner):
    """Structure, shapes, dtypes: no second trace, and it scans; no float below 32."""
    tx = WRAPPERS[name](INNERS[inner]())
    for dtype in (jnp.float32, jnp.bfloat16):
        p = tree(dtype)
        state = jax.eval_shape(tx.init, p)
        updates, after = jax.eval_shape(tx.update, p, state, p)
        assert forms(state) == forms(after)
        assert forms(updates) == forms(jax.eval_shape(lambda p=p: p))
        if inner == "ours":
            floats = {x.dtype for x in jax.tree.leaves(state)}
            assert jnp.bfloat16 not in floats


@pytest.mark.parametrize("name", sorted(set(WRAPPERS) - {"flat"}))
def test_absent_leaves(name):
    """None in both trees is no leaf; a missing gradient moves nothing and no state."""
    tx = WRAPPERS[name](optim.adam(0.1))
    for absent in (None, optax.MaskedNode()):
        params = {"a": jnp.ones(2), "b": [jnp.ones(3), absent]}
        grads = {**params, "a": None}
        state = jax.eval_shape(tx.init, params)
        updates, after = jax.eval_shape(tx.update, grads, state, params)
        assert jax.tree.structure(state) == jax.tree.structure(after)
        assert updates["a"] is None and updates["b"][1] == absent


@pytest.mark.parametrize("name", sorted(set(WRAPPERS) - {"held"}))
def test_extra_arguments_reach_the_inner(name):
    """`value` arrives where it is named; a pair without a word for it is left alone."""
    seen = []

    def update(g, state, params=None, *, value):
        seen.append(value)
        return g, state

    wants = optim.Transform(lambda params: (), update)
    for pair in (wants, plain_pair()):
        tx = WRAPPERS[name](pair)
        p = tree()
        jax.eval_shape(lambda p, tx=tx: tx.update(p, tx.init(p), p, value=3), p)
    assert seen and set(seen) == {3}


@pytest.mark.parametrize("name", ["masked", "partition", "steps", "finite", "flat"])
def test_ours_wrap_optaxs_and_optaxs_ours(name):
    """Our wrapper of Optax's trace, theirs of ours, and both pure: the same updates."""

    def wrapped(outer, inner):
        tx = inner.trace(0.9)
        if name == "masked":
            return outer.masked(tx, MASK)
        if name == "partition":
            labels = {"a": "x", "b": ["y", "x"]}
            return outer.partition({"x": tx, "y": inner.scale(2.0)}, labels)
        if name == "steps":
            return outer.MultiSteps(tx, 2).gradient_transformation()
        return outer.apply_if_finite(tx, 3) if name == "finite" else outer.flatten(tx)

    grads = gradients(4)
    expected = run(wrapped(optax, optax), grads, tree())[1]
    for pair in ((optim, optax), (optax, optim)):
        equal(run(wrapped(*pair), grads, tree())[1], expected, 1e-6)


def test_optax_finds_the_parameters_in_our_state():
    """tree_map_params, which asks `init` with a placeholder that fits no mask."""
    p = {"a": jnp.ones(2), "b": jnp.ones(3)}
    by_path = optim.label_by_path({"a": "x", "b": "y"})
    for tx in (
        optim.masked(optim.trace(0.9), {"a": True, "b": False}),
        optim.partition({"x": optim.trace(0.9), "y": optim.sgd(0.1)}, by_path),
    ):
        marked = optax.tree_map_params(tx, lambda _: "here", tx.init(p))
        assert jax.tree.leaves(marked) == ["here"]


def test_a_masked_extra_argument():
    """Of the gradients' form, it is masked with them if that is asked for."""
    seen = []

    def update(g, state, params=None, *, tags, **extra):
        seen.append(tags)
        return g, state

    tx = optim.Transform(lambda params: (), update)
    for asked in (False, True):
        tx_masked = optim.masked(tx, MASK, mask_compatible_extra_args=asked)
        tx_masked.update(tree(), optim.MaskedState(()), tags=tree())
    assert len(jax.tree.leaves(seen[0])) == 3
    assert len(jax.tree.leaves(seen[1])) == 2


# Freezing -----------------------------------------------------------------------


def test_frozen_leaves_have_no_state_and_no_gradient_work():
    """One of two layers is frozen: its product is gone from the backward pass."""
    p = {"body": jnp.ones((3, 4)), "head": jnp.ones((4, 2))}
    mask, x = {"body": True, "head": False}, jnp.ones((5, 3))
    tx = optim.selective_transform(optim.adam(0.1), freeze_mask=mask)
    state = tx.init(p)
    assert [s.shape for s in jax.tree.leaves(state)] == [(), (4, 2), (4, 2)]

    def loss(p):
        return jnp.sum(jnp.tanh(x @ p["body"]) @ p["head"])

    def products(f):
        return str(jax.make_jaxpr(jax.grad(f))(p)).count("dot_general")

    # Two forward, and backward: dead, dhead, dbody.
    assert products(loss) == 5
    held = products(lambda p: loss(optim.stop_gradient(p, mask)))
    assert held == 3

    def step(p, state, tx=tx):
        return tx.update(jax.grad(loss)(p), state, p)

    # Without stop_gradient too, the compiler finds that nobody reads it.
    text = jax.jit(step).lower(p, state).compile().as_text()
    whole = optim.adam(0.1)
    full = jax.jit(partial(step, tx=whole)).lower(p, whole.init(p)).compile().as_text()
    assert text.count(" dot(") < full.count(" dot(")


# Numbers held in the state ----------------------------------------------------------


def stepper(tx):
    """A compiled update, and how often it was traced."""
    traces = []

    @jax.jit
    def step(g, state):
        traces.append(1)
        return tx.update(g, state, g)

    return step, traces


def test_a_changed_rate_is_not_a_new_trace():
    """Set by name or written into the dict; the first step and the next are one."""
    tx = optim.inject_hyperparams(optim.sgd)(learning_rate=0.1)
    step, traces = stepper(tx)
    g = jnp.ones(2)
    _, state = step(g, tx.init(g))
    state = optim.set_hyperparams(state, learning_rate=0.5)
    updates, state = step(g, state)
    assert updates.tolist() == [-0.5, -0.5]
    state.hyperparams["learning_rate"] = jnp.float32(0.25)
    updates, state = step(g, state)
    assert updates.tolist() == [-0.25, -0.25]
    assert len(traces) == 1
    # A Python number is of a weak type: one trace more, and then never again.
    for rate in (0.5, 0.125):
        state.hyperparams["learning_rate"] = rate
        updates, state = step(g, state)
        assert updates.tolist() == [-rate, -rate]
    assert len(traces) == 2


def test_eight_rates_at_once_are_eight_runs():
    """vmap over the rate in the state, and over the one given to the factory."""
    grads, make = gradients(5), optim.inject_hyperparams(optim.adam)

    def updates(rate):
        return run(make(rate, b2=0.99), grads, tree())[1]

    def set_later(rate):
        tx = make(0.1, b2=0.99)
        state = optim.set_hyperparams(tx.init(tree()), learning_rate=rate)
        return run(optim.Transform(lambda p: state, tx.update), grads, tree())[1]

    alone = jax.jit(lambda rate: run(optim.adam(rate, b2=0.99), grads, tree())[1])
    runs = [alone(rate) for rate in RATES]
    for f in (updates, set_later):
        together = jax.jit(jax.vmap(f))(RATES)
        for i, one in enumerate(runs):
            equal(jax.tree.map(lambda u, i=i: u[i], together), one, 2e-5)


def test_betas_are_not_rounded_to_the_parameters():
    """bfloat16 has no 0.999; float64 parameters keep all digits of it."""
    make = optim.inject_hyperparams(optim.adam)(0.1)
    held = make.init(jnp.ones(2, jnp.bfloat16)).hyperparams
    assert {x.dtype for x in held.values()} == {jnp.dtype("float32")}
    assert float(held["b2"]) == np.float32(0.999)
    with jax.enable_x64(True):
        held = make.init(jnp.ones(2, jnp.float64)).hyperparams
        assert float(held["b2"]) == 0.999
        mixed = optim.inject_hyperparams(optim.adam, hyperparam_dtype=jnp.float32)
        assert mixed(0.1).init(jnp.ones(2)).hyperparams["b2"].dtype == jnp.float32


MAKERS = {
    name: make
    for name, make in discover("optim").items()
    if next(iter(inspect.signature(make).parameters), "") == "learning_rate"
}


@pytest.mark.parametrize("name", MAKERS)
def test_every_number_of_every_optimizer_takes_a_schedule(name):
    """All float arguments at once; the values of the last step are in the state."""
    parameters = list(inspect.signature(MAKERS[name]).parameters.values())[1:]
    numbers = {p.name: p.default for p in parameters if type(p.default) is float}
    numbers["learning_rate"] = 0.05
    schedules = {n: optim.constant_schedule(x) for n, x in numbers.items()}
    schedules["learning_rate"] = optim.exponential_decay(0.05, 1, 0.5)
    tx = optim.inject_hyperparams(MAKERS[name])(**schedules)
    p, value = {"w": jnp.ones((2, 3))}, jnp.float32(1.0)

    def step(state):
        def loss(q):
            return jnp.sum(q["w"] ** 2)

        extra = {"value": value, "grad": p, "value_fn": loss}
        return tx.update(p, state, p, **extra)[1]

    state = jax.eval_shape(tx.init, p)
    assert forms(jax.eval_shape(step, state)) == forms(state)
    assert set(numbers) <= set(optim.hyperparams(state))


def test_a_schedule_counts_from_zero():
    """The first update has its value at 0; what was used is what is read."""
    rate = optim.piecewise_constant_schedule(1.0, {1: 0.5, 2: 0.5})
    tx = optim.inject_hyperparams(optim.sgd)(rate)
    g, seen = jnp.ones(()), []
    state = tx.init(g)
    for _ in range(3):
        updates, state = tx.update(g, state)
        seen.append((-float(updates), float(optim.hyperparams(state)["learning_rate"])))
    assert seen == [(1.0, 1.0), (0.5, 0.5), (0.25, 0.25)]
    with pytest.raises(ValueError, match="only what follows no schedule can be set"):
        optim.set_hyperparams(state, learning_rate=3.0)


class Falling:
    """A schedule with a state of its own, driven by the loss."""

    def init(self):
        return jnp.float32(1.0)

    def update(self, state, **extra):
        return state * extra["value"]

    def __call__(self, state, **extra):
        return state


def test_a_schedule_with_a_state():
    """It sees the extra arguments, as in Optax."""
    for library in (optim, optax):
        tx = library.inject_hyperparams(library.sgd)(Falling())
        g = jnp.ones(())
        with jax.numpy_dtype_promotion("standard"):
            _, state = tx.update(g, tx.init(g), g, value=jnp.float32(0.25))
            updates, state = tx.update(g, state, g, value=jnp.float32(0.25))
        assert float(updates) == -0.25


def test_what_is_no_number_stays_out_of_the_state():
    """A mask's function is no schedule, a dtype no number, an int no float."""

    def make(rate: float, mask: dict | None = None, k: int = 2, dtype=None, name="x"):
        assert callable(mask) and k == 3 and dtype is jnp.bfloat16 and name == "x"
        return optim.scale(rate)

    injected = optim.inject_hyperparams(make)
    state = injected(0.5, mask=lambda p: p, k=3, dtype=jnp.bfloat16).init(jnp.ones(()))
    assert list(state.hyperparams) == ["rate"]
    kept = optim.inject_hyperparams(optim.adam, static_args=("b1", "eps"))
    assert {"b1", "eps"}.isdisjoint(kept(0.1).init(jnp.ones(2)).hyperparams)
    with pytest.raises(ValueError, match="a name in static_args must be one of b1"):
        optim.inject_hyperparams(optim.scale_by_adam, static_args="beta1")


def test_numbers_are_found_wherever_they_are():
    """In chains, groups and accumulation; twice the same name has its place before."""
    one, two = (optim.inject_hyperparams(optim.sgd)(rate) for rate in (0.1, 0.2))
    both = optim.partition({"x": one, "y": two}, {"a": "x", "b": "y"})
    tx = optim.MultiSteps(optim.chain(optim.clip(1.0), both), 2)
    state = tx.init({"a": jnp.ones(2), "b": jnp.ones(2)})
    names = [
        f"inner_opt_state/1/inner_states/{g}/inner_state/learning_rate" for g in "xy"
    ]
    assert list(optim.hyperparams(state)) == names
    state = optim.set_hyperparams(state, **{names[1]: 0.5})
    assert [round(float(x), 6) for x in optim.hyperparams(state).values()] == [0.1, 0.5]
    with pytest.raises(ValueError, match="set_hyperparams: a name must be one of"):
        optim.set_hyperparams(state, learning_rate=0.5)


def test_held_in_nnx_optimizer():
    """Flax drives it, and the rate is changed between two steps."""
    model = nnx.Linear(2, 1, rngs=nnx.Rngs(0))
    tx = optim.inject_hyperparams(optim.sgd)(0.5)
    optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)
    grads = jax.tree.map(jnp.ones_like, nnx.state(model, nnx.Param))
    for rate in (0.5, 0.25):
        before = model.bias[...]
        optimizer.opt_state.hyperparams["learning_rate"][...] = rate
        optimizer.update(model, grads)
        np.testing.assert_allclose(before - model.bias[...], rate)


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


# Errors and helpers -----------------------------------------------------------------


def test_wrong_calls_are_errors_in_words():
    """One of each kind."""
    p = tree()
    with pytest.raises(TypeError, match="masked: mask must be a tree of booleans"):
        optim.masked(optim.sgd(0.1), {"a": "train", "b": True}).init(p)
    with pytest.raises(ValueError, match="masked: mask must have the form"):
        optim.masked(optim.sgd(0.1), {"a": True, "c": True}).init(p)
    with pytest.raises(ValueError, match="masked: mask must be known before tracing"):
        by_value = optim.masked(optim.sgd(0.1), lambda t: jax.tree.map(jnp.any, t))
        jax.jit(by_value.init)(p)
    with pytest.raises(ValueError, match=r"name one of the transforms 'x'; got 'y' at"):
        optim.partition({"x": optim.sgd(0.1)}, {"a": "x", "b": "y"}).init(p)
    with pytest.raises(ValueError, match="named_chain: every name must be there once"):
        optim.named_chain(("a", optim.sgd(0.1)), ("a", optim.sgd(0.1)))
    with pytest.raises(ValueError, match="flatten: updates and params must have the"):
        tx = optim.flatten(optim.sgd(0.1))
        tx.update({**p, "a": None}, tx.init(p), p)
    with pytest.raises(ValueError, match="keep_params_nonnegative: params must be"):
        optim.keep_params_nonnegative().update(p, ())
    with pytest.raises(TypeError, match="safe_norm: x must be floating"):
        optim.safe_norm(jnp.ones(2, jnp.complex64), 0.0)


def test_flatten_of_mixed_leaves():
    """One float32 vector for half and single precision, updates in the leaf's own."""
    p = {"a": jnp.ones((2, 3), jnp.bfloat16), "b": jnp.ones(()), "c": jnp.ones((0, 2))}
    tx = optim.flatten(optim.clip_by_global_norm(1.0))
    updates, _ = jax.jit(tx.update)(p, tx.init(p), p)
    assert forms(updates) == forms(p)
    assert float(updates["b"]) == pytest.approx(7**-0.5, rel=1e-6)
    nothing = optim.flatten(optim.trace(0.9))
    assert nothing.update((), nothing.init(()), ())[0] == ()


def test_safe_norms_have_a_derivative_at_zero():
    """0 at 0 and below the bound; right where squares overflow or vanish."""

    def all_of_them(x):
        for f in (optim.safe_norm, optim.safe_root_mean_squares):
            yield jax.grad(f)(jnp.zeros(2), 0.0), jax.grad(f)(x, 9.0)
            yield f(1e-30 * x, 0.0), f(1e30 * x, 0.0)
        yield optim.safe_norm(jnp.stack([1e30 * x, 1e-9 * x]), 0.0, axis=1)

    flat, (low, high), slopes, (small, large), rows = jax.jit(
        lambda x: list(all_of_them(x))
    )(jnp.array([3.0, 4.0]))
    assert not np.any(flat) and not np.any(slopes)
    np.testing.assert_allclose([low, high], [5e-30, 5e30], rtol=1e-6)
    means = [12.5**0.5 * 1e-30, 12.5**0.5 * 1e30]
    np.testing.assert_allclose([small, large], means, rtol=1e-6)
    np.testing.assert_allclose(rows, [5e30, 5e-9], rtol=1e-6)


def test_moments_of_complex_and_of_missing_gradients():
    """|g|² for complex g, as Optax; without a gradient the moment stays."""
    g, m = jnp.array([3 + 4j, 1j]), jnp.array([1.0, 2.0])
    got = optim.update_moment_per_elem_norm(g, m, 0.5, 2)
    assert got.tolist() == [13.0, 1.5]
    kept = optim.update_moment({"a": None}, {"a": m}, 0.5, 1)
    assert kept["a"].tolist() == [1.0, 2.0]
    half = optim.update_moment(m.astype(jnp.bfloat16), m.astype(jnp.bfloat16), 0.5, 2)
    assert half.dtype == jnp.bfloat16


def test_named_states_keep_their_order():
    """Through jit, where a plain dict comes back sorted."""
    tx = optim.named_chain(("z", optim.trace(0.5)), ("a", optim.scale(2.0)))
    g = jnp.ones(2)
    _, state = jax.jit(tx.update)(g, tx.init(g))
    assert list(state) == ["z", "a"]
    assert state["z"].trace.tolist() == [1.0, 1.0]

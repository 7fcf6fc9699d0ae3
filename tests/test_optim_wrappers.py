"""Any (init, update) pair in any wrapper: form, company, freezing and helpers."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from assay import optim
from tests.optimizers import equal, gradients, run, tree

MASK = {"a": True, "b": [False, True]}


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

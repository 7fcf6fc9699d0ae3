"""Many small leaves in a few arrays: the same numbers, the same tree afterwards."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from assay import optim, training

NORMS = [("kernel", (3, 2)), ("bias", (2,)), ("scale", (2,))]


def tree(blocks=5):
    """Blocks of three small leaves, an absent one, halves, and large leaves."""
    rng = np.random.default_rng(4)

    def leaf(shape, dtype=jnp.float32):
        return jnp.asarray(rng.standard_normal(shape), dtype)

    return {
        "blocks": [{name: leaf(shape) for name, shape in NORMS} for _ in range(blocks)],
        "absent": None,
        "half": [leaf(2, jnp.bfloat16), leaf(2, jnp.bfloat16)],
        "large": [leaf(2**16 + 1), leaf(2**16 + 1)],
        "number": jnp.float32(0.3),
    }


def decayed(params):
    """True for the kernels only."""
    return jax.tree_util.tree_map_with_path(
        lambda path, _: "kernel" in jax.tree_util.keystr(path), params
    )


def equal(got, expected):
    """Structure, dtypes, and every bit."""
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    for g, e in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        assert g.dtype == e.dtype
        np.testing.assert_array_equal(g, e)


def test_leaves_of_one_shape_and_dtype_lie_together():
    """Large leaves, and one without a like, are the very arrays that came in."""
    params = tree()
    grouped = optim.group_leaves(params)
    shapes = [(x.shape, x.dtype.name) for x in grouped.arrays]
    assert sorted(shapes) == [
        ((), "float32"),
        ((2, 2), "bfloat16"),
        ((5, 3, 2), "float32"),
        ((10, 2), "float32"),
        ((65537,), "float32"),
        ((65537,), "float32"),
    ]
    assert any(x is params["large"][0] for x in grouped.arrays)
    assert repr(grouped) == "GroupedLeaves(20 leaves in 6 arrays)"


@pytest.mark.parametrize("n", [2, 5, 17])
def test_what_goes_in_comes_out(n):
    """Eagerly, compiled and as shapes; NumPy's arrays and an odd number of leaves."""
    params = {**tree(n), "numpy": [np.float32([1, 2, 3]), np.float32([4, 5, 6])]}
    grouped = optim.group_leaves(params)
    equal(optim.ungroup_leaves(grouped), jax.tree.map(jnp.asarray, params))
    shapes = jax.eval_shape(optim.ungroup_leaves, grouped)
    assert jax.tree.map(lambda x: x.shape, shapes) == jax.tree.map(np.shape, params)
    if n == 2:
        compiled = jax.jit(optim.ungroup_leaves)(grouped)
        equal(compiled, jax.tree.map(jnp.asarray, params))


def test_gradients_come_out_grouped():
    """Of first and second order, and under vmap, they are those of the tree."""
    params = {"a": tree(2)["blocks"], "b": jnp.float32(0.5)}

    def loss(p):
        total = sum(jnp.sum(jnp.sin(x) * p["b"]) for x in jax.tree.leaves(p["a"]))
        return total**2

    def grouped_loss(g):
        return loss(optim.ungroup_leaves(g))

    def both(f, p):
        grad = jax.grad(f)
        return grad(p), jax.jvp(grad, (p,), (grad(p),))[1]

    grouped = optim.group_leaves(params)
    twice = jax.tree.map(lambda x: jnp.stack([x, x]), grouped)
    got, expected, values = jax.jit(
        lambda g, p, t: (
            both(grouped_loss, g),
            both(loss, p),
            jax.vmap(grouped_loss)(t),
        )
    )(grouped, params, twice)
    assert jax.tree.structure(got) == jax.tree.structure((grouped, grouped))
    for g, e in zip(optim.ungroup_leaves(got), expected, strict=True):
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=2e-6), g, e)
    np.testing.assert_allclose(values, [loss(params)] * 2, rtol=1e-6)


CHAINS = {
    "adam": optim.adam(0.1),
    "momentum": optim.sgd(0.1, 0.9),
    "decay": optim.chain(optim.add_decayed_weights(0.1), optim.sgd(0.1)),
    "optax": optax.chain(optax.scale_by_adam(), optax.scale(-0.1)),
}


@pytest.mark.parametrize("name", CHAINS)
def test_an_optimizer_makes_the_same_steps(name):
    """Ours and Optax's over three steps: within one unit in the last place."""
    tx = CHAINS[name]
    params = {"a": tree(2)["blocks"], "half": tree()["half"], "absent": None}

    def steps(p, grads):
        state = tx.init(p)
        with (
            jax.numpy_dtype_promotion("standard"),
            jax.numpy_rank_promotion("allow"),
        ):
            for k in range(3):
                scaled = jax.tree.map(lambda g, k=k: g * (k - 1.5), grads)
                updates, state = tx.update(scaled, state, p)
                p = optim.apply_updates(p, updates)
        return p

    grouped = optim.group_leaves(params)
    got, expected = jax.jit(lambda g, p: (steps(g, g), steps(p, p)))(grouped, params)
    got = optim.ungroup_leaves(got)
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    jax.tree.map(
        lambda g, e: np.testing.assert_array_max_ulp(*map(f32, (g, e)), 1),
        got,
        expected,
    )


def f32(x):
    """NumPy does not count the ULP of bfloat16, which float32 holds exactly."""
    return np.asarray(x).astype(np.float32)


def test_a_decay_mask_keeps_its_leaves_apart():
    """Biases and scales of one shape are decayed where the mask says, only there."""
    params = tree()
    mask = decayed(params)
    mask["blocks"][2]["scale"] = True  # beside scales of its shape that are False
    grouped = optim.group_leaves(params, mask)
    marks = optim.regroup_leaves(mask, grouped)
    assert set(marks.arrays) == {True, False}
    zero = jax.tree.map(jnp.zeros_like, grouped)
    for tx in (
        optim.add_decayed_weights(0.5, marks),
        optim.masked(optim.add_decayed_weights(0.5), marks),
    ):
        updates, _ = tx.update(zero, tx.init(grouped), grouped)
        expected = jax.tree.map(lambda m, p: p / 2 if m else 0 * p, mask, params)
        equal(optim.ungroup_leaves(updates), expected)


def test_labels_choose_the_optimizer():
    """A mask of the upper part, or a function, serves as labels too."""
    params = {"a": tree(3)["blocks"], "b": tree(3)["blocks"]}
    labels = {"a": "slow", "b": "fast"}
    grouped = optim.group_leaves(params, lambda p: labels)
    both = {"slow": optim.sgd(0.5), "fast": optim.sgd(1.0)}
    tx = optim.partition(both, optim.regroup_leaves(labels, grouped))
    updates, _ = tx.update(grouped, tx.init(grouped), grouped)
    rate = {"a": -0.5, "b": -1.0}
    expected = {k: jax.tree.map(lambda x, k=k: rate[k] * x, params[k]) for k in "ab"}
    equal(optim.ungroup_leaves(updates), expected)


def test_two_labels_in_one_group_are_refused():
    """The message names both leaves, and what to do."""
    params = {"a": jnp.ones(3), "b": jnp.zeros(3)}
    grouped = optim.group_leaves(params)
    with pytest.raises(ValueError, match="one label; got True for a and False for b"):
        optim.regroup_leaves({"a": True, "b": False}, grouped)
    with pytest.raises(ValueError, match="must have the form of the one"):
        optim.regroup_leaves({"a": True}, grouped)


def test_a_state_is_saved_under_the_names_of_the_leaves(tmp_path):
    """Five steps, save, load, five steps equal ten, bit for bit."""
    params = {"a": tree(3)["blocks"], "half": tree()["half"]}
    grouped, tx = optim.group_leaves(params), optim.adam(0.1)

    @jax.jit
    def step(p, state):
        updates, state = tx.update(p, state, p)
        return optim.apply_updates(p, updates), state

    def steps(carry):
        for _ in range(5):
            carry = step(*carry)
        return carry

    half = steps((grouped, tx.init(grouped)))
    floats = jax.tree.map(f32, optim.ungroup_leaves(half))
    path = training.save_params(tmp_path / "state.npz", floats)
    assert "1/0/mu/a/0/kernel" in np.load(path).files
    loaded = training.load_params(path, floats)
    like = jax.eval_shape(lambda: (grouped, tx.init(grouped)))
    back = optim.regroup_leaves(
        jax.tree.map(
            lambda x, o: jnp.asarray(x, o.dtype), loaded, optim.ungroup_leaves(half)
        ),
        like,
    )
    equal(back, half)
    equal(steps(back), steps(half))


@pytest.mark.parametrize("make", [optim.lamb, optim.adafactor, optim.muon])
def test_per_leaf_gives_layerwise_rules_single_leaves(make):
    """On groups as on the tree, where the group as one leaf would be another rule."""
    params = {"a": [tree(3)["blocks"][k]["kernel"] for k in range(3)], "b": jnp.ones(4)}
    plain, tx = make(0.1), optim.per_leaf(make(0.1))
    grads = jax.tree.map(lambda x: jnp.sin(3 * x), params)
    both = optim.group_leaves(params), optim.group_leaves(grads)

    @jax.jit
    def updates(p, g, wide_p, wide_g):
        state = tx.init(wide_p)
        assert jax.tree.structure(
            jax.eval_shape(optim.ungroup_leaves, state)
        ) == jax.tree.structure(jax.eval_shape(tx.init, p))
        leaf = tx.update(wide_g, state, wide_p)[0]
        return (
            plain.update(g, plain.init(p), p)[0],
            leaf,
            tx.update(g, tx.init(p), p)[0],
        )

    whole, grouped, single = updates(params, grads, *both)
    for got in (optim.ungroup_leaves(grouped), single):
        jax.tree.map(
            lambda g, e: np.testing.assert_allclose(g, e, rtol=3e-5, atol=1e-7),
            got,
            whole,
        )


def test_per_leaf_keeps_the_state_of_a_leaf_without_gradient():
    """None stays None; extra arguments reach the rule."""
    tx = optim.per_leaf(optim.trace(0.5))
    params = {"a": jnp.ones(2), "b": jnp.ones(2)}
    state = tx.init(params)
    updates, after = tx.update({"a": jnp.ones(2), "b": None}, state, params, value=1.0)
    assert updates["b"] is None
    equal(after["b"], state["b"])
    assert after["a"].trace.tolist() == [1.0, 1.0]


def test_paths_name_the_members():
    """A pattern over paths still finds a kernel; no two arrays share a name."""
    grouped = optim.group_leaves(tree(), decayed)
    pairs = jax.tree_util.tree_leaves_with_path(grouped)
    names = [jax.tree_util.keystr(p, simple=True, separator="/") for p, _ in pairs]
    assert "blocks/*/kernel" in names and "large/0" in names
    assert len(set(names)) == len(names)
    one = optim.group_leaves({"a": [jnp.ones(2)] * 2 + [jnp.ones(3)] * 2})
    pairs = jax.tree_util.tree_leaves_with_path(one)
    assert len({str(p) for p, _ in pairs}) == 2


def test_a_group_keeps_its_sharding():
    """Over all devices: the views, and the gradient of the group, are sharded as it."""
    kinds = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((len(jax.devices()),), ("d",), axis_types=kinds)
    place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("d"))
    params = {k: jax.device_put(jnp.arange(16.0) + k, place) for k in range(3)}
    params[3] = jnp.zeros(16)
    grouped = optim.group_leaves(params)
    assert [x.shape for x in grouped.arrays] == [(3, 16), (16,)]

    @jax.jit
    def loss(g):
        return sum(jnp.sum(x**2) for x in jax.tree.leaves(optim.ungroup_leaves(g)))

    g = jax.grad(loss)(grouped)
    assert g.arrays[0].sharding.is_equivalent_to(grouped.arrays[0].sharding, 2)
    spec = grouped.arrays[0].sharding.spec
    assert tuple(spec) == (None, "d")


def test_equal_views_compile_one_kernel():
    """n views, 2√n distinct slices: each distinct one costs some 20 ms to compile."""
    from assay.optim import _grouped

    stack = jax.ShapeDtypeStruct((49, 2), jnp.float32)
    text = jax.jit(_grouped._views).lower(stack).as_text()
    assert text.count("stablehlo.slice") == 14
    assert text.count('inlineable = "false"') >= 8


@pytest.mark.parametrize(
    "make",
    [
        optim.lamb,
        optim.adafactor,
        optim.muon,
        optim.novograd,
        optim.sm3,
        lambda rate: optim.clip_by_block_rms(rate),
        lambda rate: optim.adaptive_grad_clip(rate),
        lambda rate: optim.centralize(),
    ],
)
def test_layerwise_rules_refuse_a_group(make):
    """A group is not a leaf, and the message says what to do."""
    grouped = optim.group_leaves([jnp.ones((2, 3))] * 2)
    tx = make(0.1)
    with pytest.raises(
        ValueError, match=r"one leaf at a time.*Wrap it: optim.per_leaf"
    ):
        tx.update(grouped, tx.init(grouped), grouped)
    alone = optim.group_leaves([jnp.ones((2, 3)), jnp.ones(3)])
    tx.update(alone, tx.init(alone), alone)

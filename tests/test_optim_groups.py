"""Groups of parameters by path: nothing is chosen, or left out, by accident."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from assay import models, optim
from tests.optimizers import equal


class Pair(NamedTuple):
    """Parameters by attribute."""

    kernel: Any
    bias: Any


def params():
    """Dicts, a list and a NamedTuple; two blocks stacked."""
    return {
        "embed": {"embedding": jnp.ones((5, 4))},
        "blocks": {
            "norm": {"scale": jnp.ones((2, 4))},
            "dense": Pair(jnp.ones((2, 4, 4)), jnp.ones((2, 4))),
        },
        "head": [Pair(jnp.ones((4, 3)), jnp.ones(3)), None],
    }


NAMES = [
    "blocks/dense/kernel",
    "blocks/dense/bias",
    "blocks/norm/scale",
    "embed/embedding",
    "head/0/kernel",
    "head/0/bias",
]
by_path = optim.label_by_path({"^embed/": "low", "^blocks/": "mid", "^head/": "top"})


def test_every_leaf_has_the_label_of_its_path():
    """Whatever the container; the table says the same in rows."""
    labels = by_path(params())
    assert jax.tree.leaves(labels) == ["mid"] * 3 + ["low"] + ["top"] * 3
    rows = optim.group_table(params(), by_path)
    assert [row.path for row in rows] == NAMES
    assert rows[0] == ("blocks/dense/kernel", (2, 4, 4), "mid")
    assert optim.group_table(params(), labels) == rows
    upper = {"embed": "low", "blocks": "mid", "head": "top"}
    assert optim.group_table(params(), upper) == rows


def test_a_lone_leaf_and_an_empty_tree():
    """They have a path, the empty one, and none."""
    assert optim.label_by_path({"^$": "all"})(jnp.ones(2)) == "all"
    assert optim.label_by_path({"x": 1}, rest=0)({}) == {}
    assert optim.group_table(jnp.ones(2), True) == [("", (2,), True)]


def test_culprits_are_named():
    """A path without a pattern, one with two, and a pattern without a path."""
    for patterns, words in [
        ({"^embed/": 1, "^blocks/": 2}, r"have a pattern; got head/0/kernel, head/0/b"),
        ({"bias$": 1, "^head/": 2}, "must have a pattern; got blocks/dense/kernel, bl"),
        ({"bias$": 1, "": 2}, r"two patterns; got blocks/dense/bias \('bias\$' and ''"),
        ({"": 1, "^tail/": 2}, r"find a path among blocks/dense/k.*; got '\^tail/'"),
    ]:
        with pytest.raises(ValueError, match=f"label_by_path: .*{words}"):
            optim.label_by_path(patterns)(params())
    labels = optim.label_by_path({"bias$": "bias"}, rest="other")(params())
    assert jax.tree.leaves(labels).count("bias") == 2
    many = {f"w{k}": jnp.ones(()) for k in range(20)}
    with pytest.raises(ValueError, match="w14, w15 and 12 more. Add a pattern"):
        optim.label_by_path({})(many)


def test_groups_drive_partition():
    """Each group by its own optimizer, as three of them alone; states of their own."""
    parts = {"low": optim.set_to_zero(), "mid": optim.sgd(0.5), "top": optim.adam(0.1)}
    tx, p = optim.partition(parts, by_path), params()
    state = tx.init(p)
    held = {g: jax.tree.leaves(s) for g, s in state.inner_states.items()}
    assert [len(held[g]) for g in ("low", "mid", "top")] == [0, 0, 5]
    # The same labels in Optax's partition, and the head alone.
    theirs, head = optax.partition(parts, by_path(p)), p["head"]

    @jax.jit
    def all_three(p):
        alone = parts["top"].update(head, parts["top"].init(head))
        return [alone, *(t.update(p, t.init(p), p) for t in (tx, theirs))]

    alone, updates, other = (u for u, _ in all_three(p))
    equal(updates["head"], alone, 1e-7)
    equal(updates, other, 1e-7)
    assert not np.any(updates["embed"]["embedding"])
    assert np.all(updates["blocks"]["norm"]["scale"] == -0.5)


def test_patterns_inside_a_group_see_what_is_hidden():
    """A group's own patterns may name leaves of other groups, which are hidden."""
    inner = optim.chain(
        optim.sgd(1.0), optim.layerwise_decay(0.5, ["^blocks/", "^embed/", "^head/"])
    )
    tx = optim.partition({"x": inner, "y": inner}, {"embed": "x", "blocks": "y"} | YX)
    p = params()
    updates, _ = tx.update(p, tx.init(p), p)
    assert updates["embed"]["embedding"][0, 0] == -0.5
    assert updates["blocks"]["dense"].bias[0, 0] == -0.25
    masked = optim.masked(optim.trace(0.9), optim.decay_mask)
    both = optim.partition(
        {"x": masked, "y": masked}, {"embed": "x", "blocks": "y"} | YX
    )
    assert len(jax.tree.leaves(both.init(p))) == 3


YX = {"head": "y"}


def test_flax_states():
    """The box of a Variable is no part of the path; nor is the module's class."""

    class Block(nnx.Module):
        def __init__(self, rngs):
            self.dense = nnx.Linear(2, 3, rngs=rngs)
            self.norm = nnx.LayerNorm(3, rngs=rngs)

    p = nnx.state(Block(nnx.Rngs(0)), nnx.Param)
    rows = optim.group_table(p, optim.decay_mask)
    assert [(r.path, r.label) for r in rows] == [
        ("dense/bias", False),
        ("dense/kernel", True),
        ("norm/bias", False),
        ("norm/scale", False),
    ]
    tx = optim.selective_transform(
        optim.trace(0.9), freeze_mask=optim.label_by_path({"^norm/": True}, rest=False)
    )
    state = tx.init(p)
    assert [x.shape for x in jax.tree.leaves(state)] == [(3,), (2, 3)]
    updates, _ = tx.update(p, state, p)
    assert jax.tree.structure(updates) == jax.tree.structure(p)
    assert not np.any(updates["norm"]["scale"][...])


# Weight decay -----------------------------------------------------------------------


def test_no_decay_on_bias_and_norm():
    """In one line; a stacked bias and a stacked scale have two axes, and no decay."""
    tx = optim.add_decayed_weights(0.5, mask=optim.decay_mask)
    p = params()
    zeros = jax.tree.map(jnp.zeros_like, p)
    updates, _ = tx.update(zeros, tx.init(p), p)
    moved = dict(zip(NAMES, map(np.max, jax.tree.leaves(updates)), strict=True))
    assert {n for n, u in moved.items() if u} == {
        "blocks/dense/kernel",
        "embed/embedding",
        "head/0/kernel",
    }


@pytest.mark.parametrize(
    ("path", "decayed"),
    [
        ("LayerNorm_0/weight", False),
        ("norm1/weight", False),
        ("ln_f/w", False),
        ("batch_normalization/gamma", False),
        ("bn/kernel", False),
        ("normal_head/kernel", True),
        ("lnear/weight", True),
        ("cell/recurrent_kernel", True),
        ("dense/kernel/0", True),
    ],
)
def test_a_norm_is_known_by_its_name(path, decayed):
    """Also where its scale is called a weight."""
    p = jnp.ones(2)
    for name in reversed(path.split("/")):
        p = [p] if name.isdigit() else {name: p}
    assert jax.tree.leaves(optim.decay_mask(p)) == [decayed]


def test_an_unknown_name_is_no_silent_decay():
    """It raises with the path; `decayed` and `kept` settle it."""
    p = {"net": {"kernel": jnp.ones(2), "alpha": jnp.ones(2)}}
    with pytest.raises(
        ValueError, match="got net/alpha. Add its last name to decayed="
    ):
        optim.decay_mask(p)
    assert optim.decay_mask(p, kept=["alpha"])["net"] == {
        "alpha": False,
        "kernel": True,
    }
    mask = partial(optim.decay_mask, decayed=["alpha"], kept=["kernel"])
    assert mask(p)["net"] == {"alpha": True, "kernel": False}


@pytest.mark.parametrize("name", models.known())
def test_our_own_models_have_known_names(name):
    """Every model of the catalogue, by its shapes alone: kernels, and nothing else."""
    shape = {"images": (28, 28, 1), "rows": (20,), "sequences": (7, 5)}
    make = partial(models.build, name, shape[models.takes(name)], 10, seed=0)
    p = nnx.state(nnx.eval_shape(make), nnx.Param)
    rows = optim.group_table(p, optim.decay_mask)
    kept = {r.path.split("/")[-1] for r in rows if not r.label}
    apart = {f"{name}_bias" for name in ("q", "k", "v", "out", "recurrent")}
    assert kept <= {"bias", "scale", "class_token", *apart}
    assert any(r.label for r in rows)


# Layers -----------------------------------------------------------------------------

LAYERS = ["^embed/", ("^blocks/", 2), "^head/"]


def test_layerwise_decay_is_a_rate_for_each_layer():
    """Stacked or not: the same as one optimizer a layer, at a rate of its own."""
    tx = optim.chain(optim.sgd(1.0), optim.layerwise_decay(0.5, LAYERS))
    p = params()
    updates, _ = jax.jit(tx.update)(p, tx.init(p), p)
    dense = updates["blocks"]["dense"]
    assert dense.kernel[:, 0, 0].tolist() == dense.bias[:, 0].tolist() == [-0.25, -0.5]
    assert updates["embed"]["embedding"][0, 0] == -0.125
    assert updates["head"][0].bias[0] == -1.0
    apart = {
        "embed": p["embed"],
        "blocks": [jax.tree.map(lambda x, k=k: x[k], p["blocks"]) for k in (0, 1)],
        "head": p["head"],
    }
    names = ["^embed/", "^blocks/0/", "^blocks/1/", "^head/"]
    flat = optim.chain(optim.sgd(1.0), optim.layerwise_decay(0.5, names))
    other, _ = flat.update(apart, flat.init(apart), apart)
    for k in (0, 1):
        got = jax.tree.map(lambda x, k=k: x[k], updates["blocks"])
        equal(got, other["blocks"][k], 0.0)


def test_layerwise_decay_is_traced_and_strict():
    """Its number may be traced; a stack of another size, and a double, raise."""
    p = params()

    def first(decay, dtype=jnp.float32):
        tx = optim.layerwise_decay(decay, ["^a", ("^b", 2), "^c"])
        g = {n: jnp.ones(2, dtype) for n in "abc"}
        return tx.update(g, ())[0]["b"][0]

    ends = jax.jit(jax.vmap(jax.value_and_grad(first)))(jnp.array([0.0, 0.5, 1.0]))
    assert [x.tolist() for x in ends] == [[0.0, 0.25, 1.0], [0.0, 1.0, 2.0]]
    assert jax.eval_shape(partial(first, 0.5, jnp.bfloat16)).dtype == jnp.bfloat16
    with pytest.raises(ValueError, match="layerwise_decay: a leaf of 3 stacked layers"):
        optim.layerwise_decay(0.5, ["^e", ("^b", 3), "^h"]).update(p, ())
    with pytest.raises(ValueError, match="every pattern must be there once"):
        optim.layerwise_decay(0.5, ["^e", "^e"])

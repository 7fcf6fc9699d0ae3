"""Foreign names and layouts to ours and back: values, round trips, and every error."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers, weights
from assay.weights import Rule


def drawn(*shape, dtype=np.float32):
    rng = np.random.default_rng(shape)
    return rng.standard_normal(shape).astype(dtype)


# Layouts ------------------------------------------------------------------------


def torch_or_skip():
    return pytest.importorskip("torch", reason="the layouts are torch's")


def agree(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=3e-6)


def last(x):
    """(n, c, *space) to (n, *space, c)."""
    return np.moveaxis(np.asarray(x), 1, -1)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_convolutions_of_torch(rank, groups):
    """Plain, grouped and depthwise, in 1-d to 3-d: the same output."""
    torch = torch_or_skip()
    make = getattr(torch.nn, f"Conv{rank}d")
    layer = make(4, 8, (3, 2, 1)[:rank], groups=groups)
    x = drawn(2, 4, *(5, 4, 3)[:rank])
    kernel = weights.conv_from_torch(layer.weight.detach().numpy())
    conv = {1: layers.conv, 2: layers.grouped_conv, 4: layers.depthwise_conv}[groups]
    y = conv(jnp.asarray(last(x)), kernel, layer.bias.detach().numpy())
    agree(y, last(layer(torch.tensor(x)).detach()))
    back = weights.conv_to_torch(kernel)
    np.testing.assert_array_equal(back, layer.weight.detach().numpy())


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_transposed_convolutions_of_torch(rank, groups):
    """The same output, in groups too."""
    torch = torch_or_skip()
    make = getattr(torch.nn, f"ConvTranspose{rank}d")
    layer = make(4, 6, (3, 2, 1)[:rank], groups=groups, stride=2, bias=False)
    x, weight = drawn(2, 4, *(5, 4, 3)[:rank]), layer.weight.detach().numpy()
    kernel = weights.conv_transpose_from_torch(weight, groups=groups)
    y = layers.conv_transpose(jnp.asarray(last(x)), kernel, strides=2, padding=0)
    agree(y, last(layer(torch.tensor(x)).detach()))
    back = weights.conv_transpose_to_torch(kernel, groups=groups)
    np.testing.assert_array_equal(back, weight)


def test_a_dense_kernel_of_torch():
    """(o, i) to (i, o), and by the rank."""
    weight = drawn(5, 3)
    assert weights.dense_from_torch(weight).shape == (3, 5)
    again = weights.dense_to_torch(weights.kernel_from_torch(weight))
    np.testing.assert_array_equal(again, weight)
    image = drawn(5, 3, 2)
    back = weights.kernel_to_torch(weights.kernel_from_torch(image))
    np.testing.assert_array_equal(back, image)


def test_transposed_convolutions_of_flax():
    """Flipped by default, Keras's layout with transpose_kernel=True."""
    import flax.linen as nn

    x, kernel = drawn(2, 5, 4, 3), drawn(3, 2, 3, 6)
    layer = nn.ConvTranspose(6, (3, 2), strides=(2, 2), padding="VALID", use_bias=False)
    theirs = layer.apply({"params": {"kernel": kernel}}, x)
    ours = weights.conv_transpose_from_flax(kernel)
    agree(layers.conv_transpose(x, jnp.asarray(ours), strides=2), theirs)
    np.testing.assert_array_equal(weights.conv_transpose_to_flax(ours), kernel)
    turned = weights.conv_transpose_to_keras(ours)
    other = layer.clone(transpose_kernel=True)
    agree(other.apply({"params": {"kernel": turned}}, x), theirs)
    np.testing.assert_array_equal(weights.conv_transpose_from_keras(turned), ours)


@pytest.mark.filterwarnings("ignore:__array__ implementation does")
def test_convolutions_of_keras(monkeypatch):
    """Depthwise and transposed: the same output."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras", reason="the layouts are Keras's")
    x = drawn(2, 5, 4, 3)
    deep = keras.layers.DepthwiseConv2D((3, 2), depth_multiplier=2, use_bias=False)
    up = keras.layers.Conv2DTranspose(6, (3, 2), strides=2, use_bias=False)
    theirs = [np.asarray(layer(x)) for layer in (deep, up)]
    kernels = [np.asarray(layer.get_weights()[0]) for layer in (deep, up)]
    wide = weights.depthwise_conv_from_keras(kernels[0])
    turned = weights.conv_transpose_from_keras(kernels[1])
    agree(layers.depthwise_conv(jnp.asarray(x), jnp.asarray(wide)), theirs[0])
    agree(layers.conv_transpose(x, jnp.asarray(turned), strides=2), theirs[1])
    again = weights.depthwise_conv_to_keras(wide, filters=2)
    np.testing.assert_array_equal(again, kernels[0])


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: weights.dense_from_torch(drawn(2)), "2 axes, .outputs, inputs.; got"),
        (lambda: weights.conv_to_torch(drawn(2, 3)), "3 or 4 or 5 axes"),
        (
            lambda: weights.conv_transpose_from_torch(drawn(3, 2, 5), groups=2),
            "2 must divide the inputs; got 3",
        ),
        (
            lambda: weights.depthwise_conv_to_keras(drawn(3, 1, 5), filters=0),
            "0 must divide the outputs; got 5",
        ),
    ],
)
def test_a_wrong_layout_is_told(call, told):
    """By rank, and by what must divide."""
    with pytest.raises(ValueError, match=told):
        call()


# Matching -----------------------------------------------------------------------


def small():
    """A tree with a convolution, a norm with statistics, and two blocks."""
    block = {"up": {"kernel": jnp.zeros((3, 4))}}
    stats = {"mean": jnp.zeros(6), "var": jnp.zeros(6)}
    return {
        "conv": {"kernel": jnp.zeros((7, 2, 6)), "bias": jnp.zeros(6)},
        "norm": {"scale": jnp.zeros(6), "bias": jnp.zeros(6), **stats},
        "table": {"embedding": jnp.zeros((9, 3))},
        "blocks": [block, block],
    }


def foreign():
    """The same in torch's names and layouts."""
    norm = ("weight", "bias", "running_mean", "running_var")
    return {
        "conv.weight": drawn(6, 2, 7),
        "conv.bias": drawn(6),
        **{f"norm.{name}": i + drawn(6) for i, name in enumerate(norm)},
        "table.weight": drawn(9, 3),
        "blocks.0.up.weight": drawn(4, 3),
        "blocks.1.up.weight": -drawn(4, 3),
    }


def test_a_tree_is_filled_by_torchs_names_and_back():
    """Every leaf gets its tensor; the way back is bit for bit."""
    tensors = foreign()
    tree = weights.match(tensors, small())
    assert jax.tree.structure(tree) == jax.tree.structure(small())
    np.testing.assert_array_equal(tree["norm"]["scale"], tensors["norm.weight"])
    np.testing.assert_array_equal(tree["norm"]["var"], tensors["norm.running_var"])
    np.testing.assert_array_equal(
        tree["blocks"][1]["up"]["kernel"], tensors["blocks.1.up.weight"].T
    )
    back = weights.unmatch(tree)
    assert set(back) == set(tensors)
    for name, array in tensors.items():
        np.testing.assert_array_equal(back[name], array)


def test_a_whole_torch_model_is_matched():
    """A state dict of torch, less the count of batches, and into torch again."""
    torch = torch_or_skip()
    block = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    state = {name: t.numpy() for name, t in block.state_dict().items()}
    like = {
        "0": {"kernel": jnp.zeros((3, 4)), "bias": jnp.zeros(4)},
        "1": layers.BatchStats(jnp.zeros(4), jnp.zeros(4))._asdict()
        | {"scale": jnp.zeros(4), "bias": jnp.zeros(4)},
    }
    tree = weights.match(state, like, ignore=["*.num_batches_tracked"])
    state = {n: torch.tensor(a) for n, a in weights.unmatch(tree).items()}
    other = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    assert other.load_state_dict(state, strict=False).unexpected_keys == []
    for name, tensor in block.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name])


def stacked_rules():
    return [
        Rule(
            "blocks/up/kernel",
            "blocks.{i}.up.weight",
            weights.dense_from_torch,
            weights.dense_to_torch,
        )
    ]


def test_blocks_are_stacked_where_the_tree_has_one():
    """A place that only the foreign name has counts; 10 comes after 9."""
    tensors = {f"blocks.{i}.up.weight": drawn(4, 3) + i for i in range(11)}
    like = {"blocks": {"up": {"kernel": jax.ShapeDtypeStruct((11, 3, 4), jnp.float32)}}}
    tree = weights.match(tensors, like, stacked_rules())
    for i in range(11):
        got = tree["blocks"]["up"]["kernel"][i]
        np.testing.assert_array_equal(got, tensors[f"blocks.{i}.up.weight"].T)
    back = weights.unmatch(tree, stacked_rules())
    assert list(back) == list(tensors)
    assert all((back[n] == tensors[n]).all() for n in tensors)
    del tensors["blocks.7.up.weight"]
    with pytest.raises(ValueError, match="missing: 'blocks.7.up.weight'"):
        weights.match(tensors, like, stacked_rules())
    short = {f"blocks.{i}.up.weight": drawn(4, 3) for i in range(3)}
    with pytest.raises(ValueError, match=r"gives \(3, 3, 4\), not \(11, 3, 4\)"):
        weights.match(short, like, stacked_rules())


def test_a_rule_can_fill_a_whole_subtree_from_several_tensors():
    """An LSTM of torch is one NamedTuple; its way back takes the NamedTuple."""

    def read(w, b):
        return layers.RNNParams(w[:, :2].T, w[:, 2:].T, b)

    def write(p):
        return np.concatenate([p.kernel.T, p.recurrent_kernel.T], 1), p.bias

    rules = [Rule("cells/{i}", ("cell.{i}.w", "cell.{i}.b"), read, write)]
    tensors = {"cell.0.w": drawn(3, 5), "cell.0.b": drawn(3)}
    like = {
        "cells": [layers.RNNParams(jnp.zeros((2, 3)), jnp.zeros((3, 3)), jnp.zeros(3))]
    }
    tree = weights.match(tensors, like, rules)
    assert isinstance(tree["cells"][0], layers.RNNParams)
    np.testing.assert_array_equal(tree["cells"][0].kernel, tensors["cell.0.w"][:, :2].T)
    back = weights.unmatch(tree, rules)
    assert all((back[n] == tensors[n]).all() for n in tensors)


def test_all_that_does_not_fit_is_told_at_once():
    """Missing with the nearest names, misshapen, left over, rounded, without a rule."""
    tensors = foreign()
    tensors["conv.biass"] = tensors.pop("conv.bias")
    tensors["table.weight"] = drawn(9, 4)
    tensors["blocks.0.up.weight"] = drawn(4)
    tensors["norm.bias"] = drawn(6, dtype=np.float64)
    like = {**small(), "head": {"gain": jnp.zeros(2)}}
    with pytest.raises(ValueError) as caught:
        weights.match(tensors, like)
    text = str(caught.value)
    for line in (
        "match: every tensor must have its place and its shape; got",
        "no rule: for head/gain",
        "missing: 'conv.bias' for conv/bias (nearest: 'conv.biass'",
        "left over: 'conv.biass', (6,)",
        "'table.weight' (9, 4) gives (9, 4), not (9, 3), for table/embedding",
        "misshapen: 'blocks.0.up.weight' (4,) for blocks/0/up/kernel: conv_from_torch",
        "gives float64, which float32 cannot hold exactly, for norm/bias",
        "Give a rule for it, or name it in `ignore` or `keep`.",
    ):
        assert line in text
    assert "1 no rule, 3 misshapen, 1 missing, 1 left over" in text.replace("\n", "")


def test_what_is_ignored_or_kept_is_no_error():
    """Left over names by a pattern; leaves of the tree by another."""
    tensors = {**foreign(), "head.weight": drawn(2, 2)}
    like = {**small(), "fresh": {"gain": jnp.ones(2)}}
    tree = weights.match(tensors, like, ignore=["head.*"], keep=["fresh/*"])
    assert tree["fresh"]["gain"].tolist() == [1.0, 1.0]


def test_half_precision_widens_and_never_rounds():
    """bfloat16 fits into float32, not into float16."""
    half = {"a.bias": drawn(3).astype(jnp.bfloat16)}
    wide = weights.match(half, {"a": {"bias": jnp.zeros(3)}})["a"]["bias"]
    assert wide.dtype == jnp.float32
    np.testing.assert_array_equal(wide, half["a.bias"].astype(np.float32))
    with pytest.raises(ValueError, match="bfloat16, which float16 cannot hold"):
        weights.match(half, {"a": {"bias": jnp.zeros(3, jnp.float16)}})


def test_paths_of_flax_are_without_their_boxes():
    """nnx keeps an array in a Variable; the path ends at its name."""
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self):
            self.out = nnx.Linear(3, 4, rngs=nnx.Rngs(0))

    state = nnx.state(Model(), nnx.Param)
    assert set(weights.flatten(state)) == {"out/kernel", "out/bias"}
    tensors = {"out.weight": drawn(4, 3), "out.bias": drawn(4)}
    filled = weights.match(tensors, state)
    np.testing.assert_array_equal(filled["out"]["kernel"][...], tensors["out.weight"].T)
    back = weights.unmatch(filled)
    assert all((back[n] == tensors[n]).all() for n in tensors)


def test_two_leaves_of_one_name_are_told():
    """A rule that forgets a place would lose one of them."""
    rules = [Rule("{i}/w", "w")]
    with pytest.raises(ValueError, match="twice: 'w', the second time of b/w"):
        weights.unmatch({"a": {"w": jnp.ones(1)}, "b": {"w": jnp.ones(1)}}, rules)

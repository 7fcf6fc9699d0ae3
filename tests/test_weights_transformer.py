"""torch's attention and encoder layers: values and gradients, and the way back."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import activations, layers, weights

BATCH, TIME, MEMORY, SIZE, HEADS = 2, 5, 4, 6, 3


def drawn(*shape):
    return np.random.default_rng(shape).standard_normal(shape)


def slopes(f, *args):
    """y, and the gradients of Σ y · g in every argument, in one program."""

    def pulled(*args):
        y, pull = jax.vjp(f, *args)
        return y, pull(jnp.asarray(drawn(*y.shape)))

    return jax.jit(pulled)(*jax.tree.map(jnp.asarray, args))


def agree(got, expected):
    """To 1e-10 of the largest entry, leaf by leaf."""
    got, expected = jax.tree.leaves(got), jax.tree.leaves(expected)
    most = max(np.abs(np.asarray(b)).max() for b in expected)
    for a, b in zip(got, expected, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.shape, a.dtype) == (b.shape, np.float64)
        # The gradient of k's bias is exactly 0: to rounding only.
        assert np.abs(a - b).max() <= 1e-10 * max(np.abs(b).max(), 1e-3 * most)


def state_of(layer):
    return {name: p.detach().numpy() for name, p in layer.named_parameters()}


def pulled_back(layer, y):
    """The gradients of every tensor of `layer` for our cotangent."""
    import torch

    y.backward(torch.tensor(drawn(*y.shape)))
    return {name: p.grad.numpy() for name, p in layer.named_parameters()}


def same(got, expected):
    """Bit for bit."""
    assert set(got) == set(expected)
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name])


def torch_or_skip():
    return pytest.importorskip("torch", reason="the peer is torch")


@pytest.mark.parametrize("bias", [True, False])
def test_self_attention_of_torch(bias, x64):
    """With a padded sequence: y, the gradients of x and of every tensor, and back."""
    torch = torch_or_skip()
    make = torch.nn.MultiheadAttention
    layer = make(SIZE, HEADS, bias=bias, batch_first=True, dtype=torch.float64)
    for p in layer.parameters():  # its biases begin at 0
        torch.nn.init.normal_(p)
    keep = np.arange(TIME) < np.array([[3], [TIME]])
    x = torch.tensor(drawn(BATCH, TIME, SIZE), requires_grad=True)
    y, _ = layer(x, x, x, key_padding_mask=torch.tensor(~keep), need_weights=False)
    grads, state = pulled_back(layer, y), state_of(layer)

    def ours(tensors, x):
        params = weights.attention_from_torch(tensors, heads=HEADS)
        mask = jnp.asarray(keep)[:, None, None]
        return layers.multi_head_attention(x, params, mask=mask)

    got = slopes(ours, state, x.detach().numpy())
    agree(got, (y.detach().numpy(), (grads, x.grad.numpy())))
    params = weights.attention_from_torch(state, heads=HEADS)
    same(weights.attention_to_torch(params), state)


def test_cross_attention_of_torch(x64):
    """Keys and values of another size: torch keeps three kernels then."""
    torch = torch_or_skip()
    layer = torch.nn.MultiheadAttention(
        *(SIZE, HEADS), kdim=4, vdim=4, batch_first=True, dtype=torch.float64
    )
    x = torch.tensor(drawn(BATCH, TIME, SIZE), requires_grad=True)
    memory = torch.tensor(drawn(BATCH, MEMORY, 4), requires_grad=True)
    y, _ = layer(x, memory, memory, need_weights=False)
    grads, state = pulled_back(layer, y), state_of(layer)

    def ours(tensors, x, memory):
        params = weights.attention_from_torch(tensors, heads=HEADS, prefix="a.")
        return layers.cross_attention(x, memory, params)

    named = {f"a.{name}": a for name, a in state.items()}
    got = slopes(ours, named, x.detach().numpy(), memory.detach().numpy())
    grads = {f"a.{name}": a for name, a in grads.items()}
    expected = (grads, x.grad.numpy(), memory.grad.numpy())
    agree(got, (y.detach().numpy(), expected))
    params = weights.attention_from_torch(state, heads=HEADS)
    same(weights.attention_to_torch(params), state)


@pytest.mark.parametrize("norm_first", [True, False])
def test_encoder_layers_of_torch(norm_first, x64):
    """Norms before or after: y, the gradients of x and of every tensor, and back."""
    torch = torch_or_skip()
    layer = torch.nn.TransformerEncoderLayer(
        *(SIZE, HEADS, 7, 0.0, "gelu"),
        batch_first=True,
        norm_first=norm_first,
        dtype=torch.float64,
    )
    for p in layer.parameters():  # its norms begin at 1 and 0
        torch.nn.init.normal_(p)
    x = torch.tensor(drawn(BATCH, TIME, SIZE), requires_grad=True)
    y = layer(x)
    grads, state = pulled_back(layer, y), state_of(layer)
    parts = layers.BlockParts(
        feed_forward=partial(
            layers.feed_forward, activation=partial(activations.gelu, approximate=False)
        ),
        norm=partial(layers.layer_norm, eps=1e-5),
        arrange=layers.pre_norm if norm_first else layers.post_norm,
    )

    def ours(tensors, x):
        params = weights.encoder_from_torch(tensors, heads=HEADS)
        return layers.encoder_block(x, params, parts=parts)

    got = slopes(ours, state, x.detach().numpy())
    agree(got, (y.detach().numpy(), (grads, x.grad.numpy())))
    params = weights.encoder_from_torch(state, heads=HEADS)
    same(weights.encoder_to_torch(params), state)


def test_what_torch_does_not_have_is_told():
    """Heads that do not divide, a name that is missing, more heads of queries."""
    tensors = {"in_proj_weight": np.ones((18, 6)), "out_proj.weight": np.ones((6, 6))}
    with pytest.raises(ValueError, match="4 heads must divide the outputs; got .6, 6"):
        weights.attention_from_torch(tensors, heads=4)
    with pytest.raises(ValueError, match="4 heads must divide the inputs; got .6, 6"):
        weights.merge_from_torch(np.ones((6, 6)), heads=4)
    with pytest.raises(ValueError, match="must have 'a.q_proj_weight'; got none"):
        weights.attention_from_torch(tensors, heads=3, prefix="a.")
    with pytest.raises(ValueError, match="no extra key and value"):
        weights.attention_from_torch({**tensors, "bias_k": np.ones(6)}, heads=3)
    few = [np.ones((6, n, 2)) for n in (4, 2, 2)]
    params = layers.AttentionParams(*few, np.ones((4, 2, 6)))
    with pytest.raises(ValueError, match="q, k and v must have as many heads"):
        weights.attention_to_torch(params)

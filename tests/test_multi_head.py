"""Attention in heads and blocks: torch's numbers, caches, what is told."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import activations, layers
from assay.layers import AttentionParams, BlockParts

B, T, S, D, N, FEED = 2, 5, 4, 6, 3, 7
H = D // N
SHAPES = ((D, N, H), (D, N, H), (D, N, H), (N, H, D), (N, H), (N, H), (N, H), (D,))


def drawn(*shape, seed=0):
    words = np.concatenate([np.ravel(seed), shape]).astype(int)
    return np.random.default_rng(words).standard_normal(shape)


def attention(seed=0):
    """Weights in NumPy, float64."""
    leaves = [0.5 * drawn(*s, seed=[seed, i]) for i, s in enumerate(SHAPES)]
    return AttentionParams(*leaves)


def norm(seed):
    return 1 + 0.3 * drawn(D, seed=seed), drawn(D, seed=seed + 1)


def wide(seed):
    shapes = (D, FEED), (FEED, D), (FEED,), (D,)
    return layers.FeedForwardParams(*(drawn(*s, seed=seed) for s in shapes))


def float32(tree):
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), tree)


# torch --------------------------------------------------------------------------


def to_torch(module, names, leaves):
    """Copy NumPy leaves into the module's parameters."""
    torch = pytest.importorskip("torch", reason="the agreement needs torch")
    own = dict(module.double().named_parameters())
    with torch.no_grad():
        for name, leaf in zip(names, leaves, strict=True):
            own.pop(name).copy_(torch.tensor(np.asarray(leaf)))
    assert not own, f"not copied: {sorted(own)}"
    return module


def attention_to_torch(params, prefix):
    """(names, leaves) of torch.nn.MultiheadAttention."""
    p = params
    rows = [k.reshape(D, D).T for k in (p.q_kernel, p.k_kernel, p.v_kernel)]
    bias = np.concatenate([b.ravel() for b in (p.q_bias, p.k_bias, p.v_bias)])
    leaves = [np.concatenate(rows), bias, p.out_kernel.reshape(D, D).T, p.out_bias]
    names = "in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"
    return [prefix + n for n in names], leaves


def block_to_torch(params):
    """(names, leaves) of torch.nn.TransformerEncoderLayer or its decoder."""
    names, leaves = attention_to_torch(params.attention, "self_attn.")
    norms = [params.attention_norm, params.feed_forward_norm]
    if isinstance(params, layers.DecoderParams):
        more = attention_to_torch(params.cross_attention, "multihead_attn.")
        names, leaves = names + more[0], leaves + more[1]
        norms.insert(1, params.cross_attention_norm)
    for i, (scale, bias) in enumerate(norms, 1):
        names, leaves = (
            [*names, f"norm{i}.weight", f"norm{i}.bias"],
            [*leaves, scale, bias],
        )
    kernel, out, bias, out_bias = params.feed_forward
    names += [f"linear{i}.{k}" for i in (1, 2) for k in ("weight", "bias")]
    return names, [*leaves, kernel.T, bias, out.T, out_bias]


def agrees(ours, theirs, inputs, tolerance=1e-10):
    """Value, and the gradients of every input, in float64."""
    torch = pytest.importorskip("torch", reason="the agreement needs torch")
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    expected = theirs(*tensors)
    weights = drawn(*expected.shape, seed=99)
    (expected * torch.tensor(weights)).sum().backward()
    with jax.enable_x64(True):

        def scalar(xs):
            y = ours(*xs)
            return jnp.sum(y * weights), y

        run = jax.jit(jax.value_and_grad(scalar, has_aux=True))
        (_, y), slopes = jax.device_get(run(tuple(map(jnp.asarray, inputs))))
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=0, atol=tolerance)
    for slope, tensor in zip(slopes, tensors, strict=True):
        np.testing.assert_allclose(slope, tensor.grad.numpy(), rtol=0, atol=tolerance)


@pytest.mark.parametrize("causal", [False, True])
def test_self_attention_is_torchs(causal):
    """nn.MultiheadAttention, padding and causal masks; its True is our False."""
    torch = pytest.importorskip("torch", reason="the agreement needs torch")
    params = attention()
    module = torch.nn.MultiheadAttention(D, N, batch_first=True)
    module = to_torch(module, *attention_to_torch(params, ""))
    taken = np.arange(T) < np.array([[3], [5]])
    later = torch.ones(T, T, dtype=torch.bool).triu(1) if causal else None

    def theirs(x):
        out = torch.tensor(~taken)
        return module(x, x, x, key_padding_mask=out, attn_mask=later)[0]

    def ours(x):
        mask = jnp.asarray(taken)[:, None, None]
        return layers.multi_head_attention(x, params, mask=mask, is_causal=causal)

    agrees(ours, theirs, [drawn(B, T, D)])


def test_cross_attention_is_torchs():
    """Queries of one sequence, keys and values of another."""
    torch = pytest.importorskip("torch", reason="the agreement needs torch")
    params = attention()
    module = torch.nn.MultiheadAttention(D, N, batch_first=True)
    module = to_torch(module, *attention_to_torch(params, ""))
    agrees(
        lambda x, m: layers.cross_attention(x, m, params),
        lambda x, m: module(x, m, m)[0],
        [drawn(B, T, D), drawn(B, S, D)],
    )


def torch_options(norm_first, activation):
    sizes = {"d_model": D, "nhead": N, "dim_feedforward": FEED}
    flags = {"norm_first": norm_first, "activation": activation}
    return {**sizes, **flags, "dropout": 0.0, "batch_first": True}


def parts_of(norm_first, activation):
    f = {"relu": activations.relu}.get(activation)
    f = f or functools.partial(activations.gelu, approximate=False)
    arrange = layers.pre_norm if norm_first else layers.post_norm
    return BlockParts(
        feed_forward=functools.partial(layers.feed_forward, activation=f),
        norm=functools.partial(layers.layer_norm, eps=1e-5),
        arrange=arrange,
    )


@pytest.mark.parametrize(
    ("norm_first", "activation"), [(True, "gelu"), (False, "relu")]
)
def test_the_encoder_block_is_torchs(norm_first, activation):
    """nn.TransformerEncoderLayer, norms first and last."""
    torch = pytest.importorskip("torch", reason="the agreement needs torch")
    params = layers.EncoderParams(attention(), norm(1), wide(3), norm(5))
    module = torch.nn.TransformerEncoderLayer(**torch_options(norm_first, activation))
    module = to_torch(module, *block_to_torch(params))
    parts = parts_of(norm_first, activation)
    ours = lambda x: layers.encoder_block(x, params, parts=parts)  # noqa: E731
    agrees(ours, module, [drawn(B, T, D)])


@pytest.mark.parametrize(
    ("norm_first", "activation"), [(True, "relu"), (False, "gelu")]
)
def test_the_decoder_block_is_torchs(norm_first, activation):
    """nn.TransformerDecoderLayer with its causal mask, norms first and last."""
    torch = pytest.importorskip("torch", reason="the agreement needs torch")
    params = layers.DecoderParams(
        attention(), norm(1), attention(7), norm(8), wide(3), norm(5)
    )
    module = torch.nn.TransformerDecoderLayer(**torch_options(norm_first, activation))
    module = to_torch(module, *block_to_torch(params))
    parts = parts_of(norm_first, activation)
    later = torch.ones(T, T, dtype=torch.bool).triu(1)
    agrees(
        lambda x, m: layers.decoder_block(x, m, params, parts=parts),
        lambda x, m: module(x, m, tgt_mask=later),
        [drawn(B, T, D), drawn(B, S, D)],
    )


# Caches -------------------------------------------------------------------------


def turned(x, positions):
    """Something that depends on the place, in place of a rotation."""
    return x * jnp.cos(positions.astype(x.dtype)).reshape(-1, 1, 1)


def in_pieces(params, x, sizes, room=T + 2):
    """The pieces of x, one after the other, through a cache."""
    cache, ys, at = layers.kv_cache(params, x, room), [], 0
    cell = functools.partial(layers.cached_attention, params)
    for n in sizes:
        piece = jax.lax.slice_in_dim(x, at, at + n, axis=-2)
        cache, y = cell(cache, piece)
        ys, at = [*ys, y], at + n
    return cache, jnp.concatenate(ys, axis=-2)


@pytest.mark.parametrize("sizes", [(5,), (3, 1, 1), (2, 3), (1, 1, 1, 1, 1)])
def test_pieces_give_what_one_pass_gives(sizes):
    """Prefill and decode, one or several tokens: to 1e-12 in float64."""
    with jax.enable_x64(True):
        params, x = jax.tree.map(jnp.asarray, (attention(), drawn(B, T, D)))
        whole = layers.multi_head_attention(x, params, is_causal=True)
        cache, y = jax.jit(in_pieces, static_argnums=(2,))(params, x, sizes)
        assert cache.length == T
        np.testing.assert_allclose(y, whole, rtol=1e-12, atol=1e-12)


def test_a_scan_decodes_with_rotation():
    """`partial(cached_attention, params)` is the body of a scan; float32 to 1e-5."""
    params, x = float32((attention(), drawn(T, D)))
    whole = layers.multi_head_attention(x, params, is_causal=True, rotate=turned)
    cell = functools.partial(layers.cached_attention, params, rotate=turned)
    _, y = jax.lax.scan(cell, layers.kv_cache(params, x, T), x[:, None])
    np.testing.assert_allclose(y[:, 0], whole, rtol=1e-5, atol=1e-5)


def test_a_mask_takes_padding_out_of_the_cache():
    """A prompt padded on its left continues as the prompt alone does."""
    params, x = float32((attention(), drawn(T, D)))
    padded = jnp.concatenate([jnp.full((2, D), 9.0), x])
    mask = jnp.broadcast_to(jnp.arange(T + 2) >= 2, (1, 1, T + 2))
    cell = functools.partial(layers.cached_attention, params, mask=mask)
    cache, _ = cell(layers.kv_cache(params, x, T + 2), padded[:-1])
    _, y = cell(cache, padded[-1:])
    whole = layers.multi_head_attention(x, params, is_causal=True)
    np.testing.assert_allclose(y, whole[-1:], rtol=1e-5, atol=1e-5)


def test_vmap_gives_every_sequence_its_own_length():
    """Caches of different lengths side by side."""
    params, x = float32((attention(), drawn(T, D)))
    filled = [in_pieces(params, x[:n], (n,))[0] for n in (2, 4)]
    both = jax.tree.map(lambda *leaves: jnp.stack(leaves), *filled)
    new = x[jnp.array([2, 4])][:, None]
    cell = functools.partial(layers.cached_attention, params)
    cache, y = jax.vmap(cell)(both, new)
    whole = layers.multi_head_attention(x, params, is_causal=True)
    assert cache.length.tolist() == [3, 5]
    np.testing.assert_allclose(y[:, 0], whole[jnp.array([2, 4])], rtol=1e-5, atol=1e-5)


def test_a_cache_that_is_full_is_told():
    """An error where the length is known, NaN where it is traced, no clamping."""
    params, x = float32((attention(), drawn(T, D)))
    cache, _ = in_pieces(params, x[:4], (4,), room=4)
    with pytest.raises(ValueError, match="room for 1 tokens more; got 4 of 4"):
        layers.cached_attention(params, cache, x[4:])
    step = jax.jit(layers.cached_attention)
    after, y = step(params, cache, x[4:])
    assert np.isnan(y).all() and np.isnan(step(params, after, x[4:])[1]).all()
    with pytest.raises(ValueError, match="room for 5 tokens more; got 0 of 4"):
        step(params, layers.kv_cache(params, x, 4), x)


def test_a_cache_may_be_stored_in_half():
    """bf16 keys and values under float32 tokens: y is float32."""
    params, x = float32((attention(), drawn(T, D)))
    cache = layers.kv_cache(params, x, T)
    half = cache._replace(k=cache.k.astype("bfloat16"), v=cache.v.astype("bfloat16"))
    after, y = layers.cached_attention(params, half, x)
    whole = layers.multi_head_attention(x, params, is_causal=True)
    assert y.dtype == jnp.float32 and after.k.dtype == jnp.bfloat16
    np.testing.assert_allclose(y, whole, atol=0.05)


# What is told -------------------------------------------------------------------


def test_wrong_shapes_are_told():
    """In the function's own name."""
    params, x = float32((attention(), drawn(T, D)))
    with pytest.raises(ValueError, match="cross_attention: memory must be"):
        layers.cross_attention(x, x[:, :5], params)
    with pytest.raises(ValueError, match="axes .features, heads, size."):
        flat = params._replace(q_kernel=params.q_kernel.reshape(D, D))
        layers.multi_head_attention(x, flat)
    with pytest.raises(ValueError, match="dense_general: ndim must be in .1, 3."):
        layers.dense_general(x, params.q_kernel, ndim=4)
    with pytest.raises(ValueError, match="dense_general: bias must have the sizes"):
        layers.dense_general(x, params.q_kernel, jnp.zeros((H, N)))
    with pytest.raises(ValueError, match="cached_attention: the cache must have the"):
        layers.cached_attention(params, layers.kv_cache(params, x, T), x[None])

"""A GPT of functions alone: what `assay train --model gpt` trains.

Rotary positions, RMS norms before the sublayers, no biases, the embedding as the last
layer too. Every piece is one of `layers`; the parameters are theirs.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from assay import initializers, layers
from assay.layers import AttentionParams, EncoderParams, FeedForwardParams, KVCache
from assay.typing import Array, Float, Int, Key


class ByteGPTParams(NamedTuple):
    """The weights of `byte_gpt`; a block has those of `layers.encoder_block`."""

    embedding: Float[Array, "v d"]
    blocks: tuple[EncoderParams, ...]
    norm: Float[Array, " d"]


def byte_gpt_params(
    key: Key,
    *,
    vocabulary: int = 256,
    features: int = 128,
    depth: int = 4,
    heads: int = 4,
) -> ByteGPTParams:
    """Normal weights of variance 1/inputs; what is added to the way around, less.

    >>> byte_gpt_params(jax.random.key(0), features=8, heads=2).embedding.shape
    (256, 8)

    The residual's share: Radford et al. 2019, GPT-2.
    """
    first, *rest = jax.random.split(key, depth + 1)
    table = initializers.normal(0.02)(first, (vocabulary, features), jnp.float32)
    blocks = tuple(_block_params(k, features, heads, depth) for k in rest)
    return ByteGPTParams(table, blocks, jnp.ones(features))


def _block_params(key: Key, d: int, heads: int, depth: int) -> EncoderParams:
    shapes = ((d, heads, d // heads),) * 3, (heads, d // heads, d), (d, 4 * d)
    shapes = (*shapes[0], *shapes[1:], (4 * d, d))
    fans = (d, d, d, d, d, 4 * d)
    less = (1, 1, 1, 2 * depth, 1, 2 * depth)
    keys = jax.random.split(key, len(shapes))
    q, k, v, out, up, down = (
        initializers.normal((fan * share) ** -0.5)(one, shape, jnp.float32)
        for one, shape, fan, share in zip(keys, shapes, fans, less, strict=True)
    )
    norms = (jnp.ones(d),), (jnp.ones(d),)
    attention, feed = AttentionParams(q, k, v, out), FeedForwardParams(up, down)
    return EncoderParams(attention, norms[0], feed, norms[1])


def byte_gpt(
    params: ByteGPTParams, tokens: Int[Array, "*batch t"]
) -> Float[Array, "*batch t v"]:
    """The logits of the token after each of `tokens`.

    >>> params = byte_gpt_params(jax.random.key(0), vocabulary=5, features=8, heads=2)
    >>> byte_gpt(params, jnp.array([[1, 4, 2]])).shape
    (1, 3, 5)
    """
    attend = partial(
        layers.multi_head_attention, is_causal=True, rotate=_rotation(params)
    )
    parts = layers.BlockParts(attention=attend, norm=layers.rms_norm)
    x = layers.embedding(tokens, params.embedding)
    for block in params.blocks:
        x = layers.encoder_block(x, block, parts=parts)
    return _logits(params, x)


def byte_gpt_cache(
    params: ByteGPTParams, tokens: Int[Array, "*batch t"], size: int
) -> tuple[KVCache, ...]:
    """Empty caches for `size` tokens, one a block, of the batch axes of `tokens`.

    >>> params = byte_gpt_params(jax.random.key(0), features=8, heads=2)
    >>> byte_gpt_cache(params, jnp.array([1, 4, 2]), 9)[0].k.shape
    (2, 9, 4)
    """
    x = layers.embedding(tokens, params.embedding)
    return tuple(layers.kv_cache(p.attention, x, size) for p in params.blocks)


def byte_gpt_step(
    params: ByteGPTParams,
    cache: tuple[KVCache, ...],
    tokens: Int[Array, "*batch t"],
    *,
    context: int | None = None,
) -> tuple[tuple[KVCache, ...], Float[Array, "*batch t v"]]:
    """(cache, logits) of the next `tokens`: those of `byte_gpt`, read in pieces.

    With a `context` a token sees so many, itself and those before: as far as the
    network has learned to look.

    >>> params = byte_gpt_params(jax.random.key(0), features=8, heads=2)
    >>> tokens = jnp.array([7, 8, 9])
    >>> cache = byte_gpt_cache(params, tokens, 3)
    >>> cache, logits = byte_gpt_step(params, cache, tokens[:2])
    >>> cache, last = byte_gpt_step(params, cache, tokens[2:])
    >>> bool(jnp.allclose(last[0], byte_gpt(params, tokens)[2], atol=1e-5))
    True
    """
    x = layers.embedding(tokens, params.embedding)
    mask = None if context is None else _near(cache[0], x, context)
    attend = partial(layers.cached_attention, rotate=_rotation(params), mask=mask)
    after = []
    for before, block in zip(cache, params.blocks, strict=True):
        z = layers.rms_norm(x, *block.attention_norm)
        new, y = attend(block.attention, before, z)
        after.append(new)
        feed = partial(layers.feed_forward, params=block.feed_forward)
        norm = partial(layers.rms_norm, scale=block.feed_forward_norm[0])
        x = layers.pre_norm(x + y, feed, norm)
    return tuple(after), _logits(params, x)


def _near(cache: KVCache, x: Array, context: int) -> Array:
    """Place > position − context, over (…, heads, t, size)."""
    t, size = x.shape[-2], cache.k.shape[-2]
    positions = cache.length + jnp.arange(t, dtype=jnp.int32)
    first = jnp.broadcast_to((positions - context)[:, None], (t, size))
    places = jnp.broadcast_to(jnp.arange(size, dtype=jnp.int32), (t, size))
    return jnp.reshape(places > first, (*(1,) * (x.ndim - 1), t, size))


def _rotation(params: ByteGPTParams) -> Callable[[Array, Array], Array]:
    size = params.blocks[0].attention.q_kernel.shape[-1]
    frequencies: Any = layers.rotary_frequencies(size)

    def rotate(x: Array, positions: Array) -> Array:
        return layers.rotary_halves(x, layers.rotary_angles(positions, frequencies))

    return rotate


def _logits(params: ByteGPTParams, x: Array) -> Array:
    return layers.dense(layers.rms_norm(x, params.norm), params.embedding.T)

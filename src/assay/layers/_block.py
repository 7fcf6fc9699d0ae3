"""Transformer blocks: sublayers, each with a norm and a way around it.

A sublayer is a function of x. How norm and residual stand about it is a function too
(`pre_norm`, `post_norm`), so that a block is a line for each of its sublayers, and what
the sublayers do is handed in as `BlockParts`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from assay import _check
from assay.layers._dense import residual
from assay.layers._feed_forward import feed_forward
from assay.layers._layer_norm import layer_norm
from assay.layers._multi_head import (
    AttentionParams,
    cross_attention,
    multi_head_attention,
    sequence,
)
from assay.typing import Array, Bool, Float, PyTree


class EncoderParams(NamedTuple):
    """The weights of `encoder_block`; a norm's are what it takes after x."""

    attention: AttentionParams
    attention_norm: tuple[Array | None, ...]
    feed_forward: PyTree
    feed_forward_norm: tuple[Array | None, ...]


class DecoderParams(NamedTuple):
    """The weights of `decoder_block`; a norm's are what it takes after x."""

    attention: AttentionParams
    attention_norm: tuple[Array | None, ...]
    cross_attention: AttentionParams
    cross_attention_norm: tuple[Array | None, ...]
    feed_forward: PyTree
    feed_forward_norm: tuple[Array | None, ...]


def pre_norm(
    x: Float[Array, "..."],
    f: Callable[[Array], Array],
    norm: Callable[[Array], Array],
) -> Float[Array, "..."]:
    """x + f(norm(x)): the way around is free of norms, so that deep stacks train.

    >>> pre_norm(jnp.array([1.0, 3.0]), lambda z: 2 * z, jnp.square).tolist()
    [3.0, 21.0]

    Xiong et al. 2020, arXiv:2002.04745.
    """
    y = jnp.asarray(f(norm(x)))
    _check.same_shape("pre_norm", **{"x": x, "f(norm(x))": y})
    return x + y


def post_norm(
    x: Float[Array, "..."],
    f: Callable[[Array], Array],
    norm: Callable[[Array], Array],
) -> Float[Array, "..."]:
    """norm(x + f(x)): the transformer as it was published, and BERT.

    >>> post_norm(jnp.array([1.0, 3.0]), lambda z: 2 * z, jnp.square).tolist()
    [9.0, 81.0]

    Vaswani et al. 2017, arXiv:1706.03762.
    """
    return norm(residual(x, f))


class BlockParts(NamedTuple):
    """What the sublayers of a block are; bind their options with `partial`.

    `partial(multi_head_attention, rotate=...)`, `gated_feed_forward` with `rms_norm`;
    dropout is a function around a sublayer, with the key that it is given.
    """

    attention: Callable[..., Array] = multi_head_attention  # (x, params, mask=)
    cross_attention: Callable[..., Array] = cross_attention  # (x, memory, ...)
    feed_forward: Callable[..., Array] = feed_forward  # (x, params)
    norm: Callable[..., Array] = layer_norm  # (x, *norm params)
    arrange: Callable[..., Array] = pre_norm  # (x, sublayer, norm)


_PLAIN = BlockParts()


def encoder_block(
    x: Float[Array, "*batch t d"],
    params: EncoderParams,
    *,
    mask: Bool[Array, "..."] | None = None,
    parts: BlockParts = _PLAIN,
) -> Float[Array, "*batch t d"]:
    """x ← x + attention(norm(x)); x ← x + feed_forward(norm(x)).

    With `arrange=post_norm` in the parts, norm(x + f(x)) instead. A decoder without
    memory (GPT) is this block with `partial(multi_head_attention, is_causal=True)`.

    >>> from assay.layers import FeedForwardParams
    >>> one = AttentionParams(*[jnp.ones((2, 1, 2))] * 3, jnp.ones((1, 2, 2)))
    >>> wide = FeedForwardParams(jnp.ones((2, 3)), jnp.ones((3, 2)))
    >>> norm = jnp.ones(2), jnp.zeros(2)
    >>> params = EncoderParams(one, norm, wide, norm)
    >>> encoder_block(jnp.array([[1.0, 3.0]]), params).round(2).tolist()
    [[1.0, 3.0]]

    Vaswani et al. 2017, arXiv:1706.03762.
    """
    sequence("encoder_block", "x", x, params.attention.q_kernel)
    x = _attended(parts, x, params, mask=mask)
    return _fed(parts, x, params)


def decoder_block(
    x: Float[Array, "*batch t d"],
    memory: Float[Array, "*batch s m"],
    params: DecoderParams,
    *,
    mask: Bool[Array, "..."] | None = None,
    memory_mask: Bool[Array, "..."] | None = None,
    parts: BlockParts = _PLAIN,
) -> Float[Array, "*batch t d"]:
    """`encoder_block` with causal attention, and cross-attention to `memory` between.

    x ← x + attention(norm(x)); x ← x + cross_attention(norm(x), memory);
    x ← x + feed_forward(norm(x)).

    >>> from assay.layers import FeedForwardParams
    >>> one = AttentionParams(*[jnp.ones((2, 1, 2))] * 3, jnp.ones((1, 2, 2)))
    >>> wide = FeedForwardParams(jnp.ones((2, 3)), jnp.ones((3, 2)))
    >>> norm = jnp.ones(2), jnp.zeros(2)
    >>> params = DecoderParams(one, norm, one, norm, wide, norm)
    >>> x, memory = jnp.array([[1.0, 3.0]]), jnp.ones((5, 2))
    >>> decoder_block(x, memory, params).round(2).tolist()
    [[5.0, 7.0]]

    Vaswani et al. 2017, arXiv:1706.03762.
    """
    sequence("decoder_block", "x", x, params.attention.q_kernel)
    sequence("decoder_block", "memory", memory, params.cross_attention.k_kernel)
    x = _attended(parts, x, params, mask=mask, is_causal=True)

    def across(z: Array) -> Array:
        cross = params.cross_attention
        return parts.cross_attention(z, memory, cross, mask=memory_mask)

    x = parts.arrange(x, across, _norm(parts, params.cross_attention_norm))
    return _fed(parts, x, params)


def parallel_block(
    x: Float[Array, "*batch t d"],
    params: EncoderParams,
    *,
    mask: Bool[Array, "..."] | None = None,
    parts: BlockParts = _PLAIN,
) -> Float[Array, "*batch t d"]:
    """x + attention(norm(x)) + feed_forward(norm′(x)): both from the same x.

    GPT-NeoX has two norms; GPT-J and PaLM share one: give it twice.

    >>> from assay.layers import FeedForwardParams
    >>> one = AttentionParams(*[jnp.ones((2, 1, 2))] * 3, jnp.ones((1, 2, 2)))
    >>> wide = FeedForwardParams(jnp.ones((2, 3)), jnp.ones((3, 2)))
    >>> norm = jnp.ones(2), jnp.zeros(2)
    >>> params = EncoderParams(one, norm, wide, norm)
    >>> parallel_block(jnp.array([[1.0, 3.0]]), params).round(2).tolist()
    [[1.0, 3.0]]

    Wang and Komatsuzaki 2021, GPT-J-6B; Chowdhery et al. 2022, arXiv:2204.02311.
    """
    sequence("parallel_block", "x", x, params.attention.q_kernel)
    one = _norm(parts, params.attention_norm)(x)
    two = _norm(parts, params.feed_forward_norm)(x)
    y = parts.attention(one, params.attention, mask=mask)
    return x + y + parts.feed_forward(two, params.feed_forward)


def _attended(parts: BlockParts, x: Array, params: Any, **options: Any) -> Array:
    """The sublayer of attention."""

    def attention(z: Array) -> Array:
        return parts.attention(z, params.attention, **options)

    return parts.arrange(x, attention, _norm(parts, params.attention_norm))


def _fed(parts: BlockParts, x: Array, params: Any) -> Array:
    """The feed-forward sublayer."""

    def feed(z: Array) -> Array:
        return parts.feed_forward(z, params.feed_forward)

    return parts.arrange(x, feed, _norm(parts, params.feed_forward_norm))


def _norm(parts: BlockParts, params: tuple) -> Callable[[Array], Array]:
    return lambda z: parts.norm(z, *params)

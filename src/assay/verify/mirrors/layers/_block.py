"""Feed-forwards and blocks, spelt out sublayer by sublayer in NumPy."""

import math
from functools import partial

import numpy as np

from assay import activations, layers
from assay.layers import (
    BlockParts,
    DecoderParams,
    EncoderParams,
    FeedForwardParams,
    GatedParams,
)
from assay.verify.mirrors._given import Draw, booleans, given, mark, static, tree
from assay.verify.mirrors.layers._dense import dense
from assay.verify.mirrors.layers._multi_head import (
    D,
    H,
    K,
    M,
    N,
    cross_attention,
    drawn,
    multi_head_attention,
)
from assay.verify.mirrors.layers._normalization import layer_norm, rms_norm

F, OUT = 6, 3  # hidden features, features out


def _weights(kind: type, *shapes: tuple[int, ...]) -> Draw:
    return tree(lambda rng: kind(*(0.5 * rng.standard_normal(s) for s in shapes)))


def _gelu(x):
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + np.tanh(inner))


def _silu(x):
    return x / (1 + np.exp(-x))


SAME = {activations.gelu: _gelu, activations.silu: _silu, activations.tanh: np.tanh}
fed = _weights(FeedForwardParams, (D, F), (F, OUT))
fed_biased = _weights(FeedForwardParams, (D, F), (F, OUT), (F,), (OUT,))
gated = _weights(GatedParams, (D, F), (D, F), (F, OUT))
gated_biased = _weights(GatedParams, (D, F), (D, F), (F, OUT), (F,), (F,), (OUT,))


@given(x=(2, 4, D), params=fed)
@given(x=(D,), params=fed_biased, activation=static(activations.tanh))
def feed_forward(x, params, activation=activations.gelu):
    hidden = SAME[activation](dense(x, params.kernel, params.bias))
    return dense(hidden, params.out_kernel, params.out_bias)


@given(x=(2, 4, D), params=gated)
@given(x=(D,), params=gated_biased, activation=static(activations.gelu))
def gated_feed_forward(x, params, activation=activations.silu):
    gate = SAME[activation](dense(x, params.gate_kernel, params.gate_bias))
    hidden = gate * dense(x, params.kernel, params.bias)
    return dense(hidden, params.out_kernel, params.out_bias)


@mark(source="formula in NumPy")
@given(x=(2, 5, 3), f=static(lambda x: x * x), norm=static(lambda x: x + x))
def pre_norm(x, f, norm):
    return x + f(norm(x))


@mark(source="formula in NumPy")
@given(x=(2, 5, 3), f=static(lambda x: x * x), norm=static(lambda x: x + x))
def post_norm(x, f, norm):
    return norm(x + f(x))


self_shapes = ((D, N, H), (D, K, H), (D, K, H), (N, H, D))
attending = drawn(*self_shapes)
crossing = drawn((D, N, H), (M, K, H), (M, K, H), (N, H, D), (N, H), (K, H), (K, H))


def _encoder(rng):
    norm = lambda: tuple(rng.standard_normal((2, D)))  # noqa: E731
    wide = _weights(FeedForwardParams, (D, F), (F, D), (F,), (D,)).make(rng)
    return EncoderParams(attending.make(rng), norm(), wide, norm())


def _rms_encoder(rng):
    norm = lambda: (rng.standard_normal(D),)  # noqa: E731
    wide = _weights(GatedParams, (D, F), (D, F), (F, D)).make(rng)
    return EncoderParams(attending.make(rng), norm(), wide, norm())


def _decoder(rng):
    first = _encoder(rng)
    norm = tuple(rng.standard_normal((2, D)))
    return DecoderParams(*first[:2], crossing.make(rng), norm, *first[2:])


encoder, rms_encoder, decoder = tree(_encoder), tree(_rms_encoder), tree(_decoder)
LLAMA = BlockParts(
    attention=partial(layers.multi_head_attention, is_causal=True),
    feed_forward=layers.gated_feed_forward,
    norm=layers.rms_norm,
)
POST = BlockParts(arrange=layers.post_norm)


def _sublayers(parts, params, mask, is_causal=False):
    """(attention, norm), (feed-forward, norm) of these parts, in NumPy."""
    is_causal = is_causal or parts.attention is LLAMA.attention
    norm = rms_norm if parts.norm is layers.rms_norm else layer_norm
    gates = parts.feed_forward is layers.gated_feed_forward
    feed = gated_feed_forward if gates else feed_forward
    return (
        lambda z: multi_head_attention(z, params.attention, mask, is_causal),
        lambda z: norm(z, *params.attention_norm),
        lambda z: feed(z, params.feed_forward),
        lambda z: norm(z, *params.feed_forward_norm),
    )


def _arranged(parts):
    return post_norm if parts.arrange is layers.post_norm else pre_norm


@given(x=(2, 4, D), params=encoder, mask=booleans(2, 1, 1, 4))
@given(x=(4, D), params=encoder, parts=static(POST))
@given(x=(2, 4, D), params=rms_encoder, parts=static(LLAMA))
def encoder_block(x, params, mask=None, parts=BlockParts()):  # noqa: B008
    attend, norm1, feed, norm2 = _sublayers(parts, params, mask)
    x = _arranged(parts)(x, attend, norm1)
    return _arranged(parts)(x, feed, norm2)


@given(x=(2, 4, D), memory=(2, 3, M), params=decoder, memory_mask=booleans(2, 1, 1, 3))
@given(x=(4, D), memory=(3, M), params=decoder, parts=static(POST))
def decoder_block(x, memory, params, memory_mask=None, parts=BlockParts()):  # noqa: B008
    attend, norm1, feed, norm2 = _sublayers(parts, params, None, is_causal=True)
    across = lambda z: cross_attention(z, memory, params.cross_attention, memory_mask)  # noqa: E731
    x = _arranged(parts)(x, attend, norm1)
    x = _arranged(parts)(
        x, across, lambda z: layer_norm(z, *params.cross_attention_norm)
    )
    return _arranged(parts)(x, feed, norm2)


@given(x=(2, 4, D), params=encoder, mask=booleans(2, 1, 1, 4))
@given(x=(4, D), params=rms_encoder, parts=static(LLAMA))
def parallel_block(x, params, mask=None, parts=BlockParts()):  # noqa: B008
    attend, norm1, feed, norm2 = _sublayers(parts, params, mask)
    return x + attend(norm1(x)) + feed(norm2(x))

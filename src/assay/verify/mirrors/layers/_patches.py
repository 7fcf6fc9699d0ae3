"""Images as tokens, patch by patch; channels weighed image by image."""

import numpy as np

from assay.layers import CBAMParams, FeedForwardParams
from assay.verify.mirrors._given import given, mark, static, tree
from assay.verify.mirrors.layers._dense import dense


@mark(accepts=("one axis",))
@given(x=(2, 4, 6, 3), kernel=(2, 3, 3, 5))
@given(x=(4, 6, 3), kernel=(2, 3, 3, 5), bias=(5,))
@given(x=(6, 3), kernel=(3, 3, 5), bias=(5,))
def patch_embedding(x, kernel, bias=None):
    *patch, _, d = kernel.shape
    batch, space = x.shape[: -len(patch) - 1], x.shape[-len(patch) - 1 : -1]
    tokens = []
    for at in np.ndindex(*(s // p for s, p in zip(space, patch, strict=True))):
        pairs = zip(at, patch, strict=True)
        cut = (..., *(slice(i * p, (i + 1) * p) for i, p in pairs), slice(None))
        piece = x[cut].reshape(*batch, -1)
        tokens.append(dense(piece, kernel.reshape(-1, d), bias))
    return np.stack(tokens, axis=-2)


@given(x=(2, 4, 5), tokens=(3, 5))
def prepend_tokens(x, tokens):
    batch = x.shape[:-2]
    first = np.stack([np.tile(t, (*batch, 1)) for t in tokens], axis=-2)
    return np.concatenate([first, x], axis=-2)


def _fed(rng):
    shapes = (3, 2), (2, 3), (2,), (3,)
    return FeedForwardParams(*(rng.standard_normal(s) for s in shapes))


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _perceptron(x, p):
    return dense(np.maximum(dense(x, p.kernel, p.bias), 0), p.out_kernel, p.out_bias)


@given(x=(2, 4, 5, 3), params=tree(_fed))
@given(x=(2, 4, 3), params=tree(_fed), spatial=static(1))
def squeeze_excitation(x, params, spatial=2):
    axes = tuple(range(x.ndim - 1 - spatial, x.ndim - 1))
    return x * _sigmoid(_perceptron(x.mean(axes, keepdims=True), params))


@mark(accepts=("a channel more",))
@given(x=(2, 4, 5, 7), kernel=(3,))
@given(x=(2, 4, 7), kernel=(5,), spatial=static(1))
def efficient_channel_attention(x, kernel, spatial=2):
    axes = tuple(range(x.ndim - 1 - spatial, x.ndim - 1))
    half, channels = len(kernel) // 2, x.shape[-1]
    mean = x.mean(axes, keepdims=True)
    heard = np.zeros(mean.shape)
    for c in range(channels):
        for i, w in enumerate(kernel):
            if 0 <= c + i - half < channels:
                heard[..., c] += w * mean[..., c + i - half]
    return x * _sigmoid(heard)


cbam_params = tree(lambda rng: CBAMParams(_fed(rng), rng.standard_normal((3, 3, 2, 1))))


@given(x=(2, 4, 5, 3), params=cbam_params)
def cbam(x, params):
    mean, most = (f(x, (-3, -2), keepdims=True) for f in (np.mean, np.max))
    weights = _perceptron(mean, params.channels) + _perceptron(most, params.channels)
    z = x * _sigmoid(weights)
    both = np.stack([z.mean(-1), z.max(-1)], axis=-1)
    padded = np.pad(both, [(0, 0)] * (x.ndim - 3) + [(1, 1), (1, 1), (0, 0)])
    gate = np.zeros((*x.shape[:-1], 1))
    height, width = x.shape[-3:-1]
    for i, j, c in np.ndindex(3, 3, 2):
        piece = padded[..., i : i + height, j : j + width, c]
        gate[..., 0] += params.kernel[i, j, c, 0] * piece
    return z * _sigmoid(gate)

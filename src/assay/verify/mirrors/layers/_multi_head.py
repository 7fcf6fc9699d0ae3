"""Multi-head attention head by head and query by query, in NumPy."""

import numpy as np

from assay.layers import AttentionParams, KVCache
from assay.verify.mirrors._given import Draw, booleans, given, mark, static, tree
from assay.verify.mirrors.layers._dense_general import dense_general

D, M, N, K, H, OUT = 5, 7, 4, 2, 3, 6  # features, of memory; heads, of keys; size
SHAPES = ((D, N, H), (D, K, H), (D, K, H), (N, H, OUT))
BIASES = ((N, H), (K, H), (K, H), (OUT,))


def drawn(*shapes: tuple[int, ...]) -> Draw:
    """Weights of attention in these shapes."""
    return tree(
        lambda rng: AttentionParams(*(0.5 * rng.standard_normal(s) for s in shapes))
    )


plain, biased = drawn(*SHAPES), drawn(*SHAPES, *BIASES)
crossed = drawn((D, N, H), (M, K, H), (M, K, H), (N, H, OUT), *BIASES)


@given(x=(2, 4, D), params=plain)
@given(x=(3, D), params=crossed, memory=(4, M))
def project_qkv(x, params, memory=None):
    memory = x if memory is None else memory
    p = params
    return (
        dense_general(x, p.q_kernel, p.q_bias),
        dense_general(memory, p.k_kernel, p.k_bias),
        dense_general(memory, p.v_kernel, p.v_bias),
    )


@given(x=(2, 4, N, H), params=plain)
@given(x=(N, H), params=biased)
def merge_heads(x, params):
    return dense_general(x, params.out_kernel, params.out_bias, ndim=2)


def _attended(q, k, v, mask=None):
    """Softmax of the keys that take part, one query of one head at a time."""
    y, heads = np.zeros(q.shape), q.shape[-2]
    shape = (*q.shape[:-3], heads, q.shape[-3], k.shape[-3])
    mask = np.broadcast_to(True if mask is None else mask, shape)
    for *batch, n, t in np.ndindex(*shape[:-1]):
        group, keys = n * k.shape[-2] // heads, mask[(*batch, n, t)]
        chosen = (*batch, keys, group)
        e = np.exp(k[chosen] @ q[(*batch, t, n)] / np.sqrt(q.shape[-1]))
        y[(*batch, t, n)] = e @ v[chosen] / e.sum()
    return y


def _times_position(x, positions):
    """Something that depends on the place, in place of a rotation."""
    return x * (1 + positions[:, None, None].astype(x.dtype))


def _earlier(t, s):
    return np.arange(s) <= np.arange(t)[:, None]


@given(x=(2, 3, 4, D), params=plain, mask=booleans(2, 3, 1, 1, 4))
@given(x=(2, 4, D), params=biased, is_causal=static(True))
@given(x=(4, D), params=plain, rotate=static(_times_position))
def multi_head_attention(x, params, mask=None, is_causal=False, rotate=None):
    q, k, v = project_qkv(x, params)
    t = x.shape[-2]
    if rotate is not None:
        q, k = rotate(q, np.arange(t)), rotate(k, np.arange(t))
    mask = np.asarray(True if mask is None else mask)
    if is_causal:
        mask = mask & _earlier(t, t)
    return merge_heads(_attended(q, k, v, mask), params)


@given(x=(2, 3, D), memory=(2, 4, M), params=crossed, mask=booleans(2, 1, 1, 4))
@given(x=(3, D), memory=(4, M), params=crossed)
def cross_attention(x, memory, params, mask=None):
    return merge_heads(_attended(*project_qkv(x, params, memory), mask), params)


@given(params=plain, x=(2, 4, D), size=static(8))
@mark(batch=False, accepts=("a channel more",), why="one length for the batch")
def kv_cache(params, x, size):
    heads, h = params.k_kernel.shape[1:]
    zeros = np.zeros((*x.shape[:-2], heads, size, h))
    return KVCache(zeros, zeros, np.zeros((), np.int32))


def _partly(size: int, length: int, *batch: int) -> Draw:
    """A cache that holds a few tokens already."""

    def make(rng):
        k, v = rng.standard_normal((2, *batch, K, size, H))
        return KVCache(k, v, np.array(length, np.int32))

    return Draw(make, differentiable=False)


@given(params=biased, cache=_partly(8, 3, 2), x=(2, 4, D))
@given(params=plain, cache=_partly(5, 4), x=(1, D), rotate=static(_times_position))
@given(params=plain, cache=_partly(8, 2, 2), x=(2, 4, D), mask=booleans(2, 1, 1, 8))
@mark(batch=False, why="one length for the batch")
def cached_attention(params, cache, x, mask=None, rotate=None):
    q, k, v = project_qkv(x, params)
    positions = int(cache.length) + np.arange(x.shape[-2])
    if rotate is not None:
        q, k = rotate(q, positions), rotate(k, positions)
    keys, values = (np.swapaxes(np.array(a), -3, -2) for a in cache[:2])
    keys[..., positions, :, :], values[..., positions, :, :] = k, v
    size = keys.shape[-3]
    seen = np.arange(size) <= positions[:, None]
    y = _attended(q, keys, values, seen if mask is None else seen & mask)
    first, second = (np.swapaxes(a, -3, -2) for a in (keys, values))
    return KVCache(first, second, cache.length + len(positions)), merge_heads(y, params)

"""Attention whose scores and masks are plain functions of where query and key stand.

The queries are read by blocks and each block is computed again in the reverse pass, so
memory is O(t) whatever the functions are; what they capture is differentiated too.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from assay.layers._attention_blocks import (
    finite_rows,
    finite_values,
    marked,
    reached,
)
from assay.layers._attention_changes import (
    Mask,
    Score,
    causal_mask,  # noqa: F401 (the example)
)
from assay.layers._dot_product_attention import fits, heads_first
from assay.typing import Array, Float

ROWS = 256  # queries a block


def attention(
    q: Float[Array, "*batch t n h"],
    k: Float[Array, "*batch s k h"],
    v: Float[Array, "*batch s k d"],
    *,
    mask: Mask | None = None,
    score: Score | None = None,
    weights: Score | None = None,
) -> Float[Array, "*batch t n d"]:
    """yₜ = Σₛ w(softmaxₛ(score(qₜ·kₛ/√h))) vₛ, over the keys where mask(b, head, t, s).

    The functions are given arrays of places that broadcast against one another: b ()
    the sequence (all batch axes counted as one), head (), t (rows, 1) and s (1, keys);
    `score` the scaled products (rows, keys) and `weights` the shares as well. They are
    called on blocks of queries. Ready made: `causal_mask`, `window_mask`,
    `prefix_mask`, `document_mask`, `all_masks`, `any_mask`, `soft_cap_score`,
    `bias_score`, `dropout_weights`. Otherwise as `dot_product_attention`.

    >>> q = jnp.array([[[1.0]], [[2.0]]])
    >>> attention(q, q, q, mask=causal_mask)[:, 0, 0].round(3).tolist()
    [1.0, 1.881...]
    >>> near = lambda x, b, head, t, s: jnp.where(t == s, x, -9.0)
    >>> attention(q, q, q, score=near)[:, 0, 0].round(3).tolist()
    [1.0, 2.0]

    Dong et al. 2024, FlexAttention, arXiv:2412.05496; in memory that is linear in t:
    Rabe and Staats 2021, arXiv:2112.05682.
    """
    fits("attention", query=q, key=k, value=v)
    return _by_blocks(q, k, v, None, Change(mask, score, weights))


def sink_attention(
    q: Float[Array, "*batch t n h"],
    k: Float[Array, "*batch s k h"],
    v: Float[Array, "*batch s k d"],
    sink: Float[Array, " n"],
    *,
    mask: Mask | None = None,
    score: Score | None = None,
) -> Float[Array, "*batch t n d"]:
    """yₜ = Σₛ eˣᵗˢ vₛ / (e^sink + Σₛ eˣᵗˢ): `attention` that may attend to nothing.

    Each head has one learned logit for a key whose value is 0. A sink of 0 is
    softmax-off-by-one, one of −∞ plain `attention`.

    >>> q = jnp.zeros((1, 1, 1))
    >>> sink_attention(q, q, jnp.ones((1, 1, 1)), jnp.zeros(1)).item()
    0.5

    Xiao et al. 2023, arXiv:2309.17453; learned as in gpt-oss, arXiv:2508.10925.
    """
    fits("sink_attention", query=q, key=k, value=v)
    return _by_blocks(q, k, v, jnp.asarray(sink), Change(mask, score, None))


class Change(NamedTuple):
    """What is done to the scores and to the shares."""

    mask: Mask | None
    score: Score | None
    weights: Score | None


class _Place(NamedTuple):
    """Where a block of queries stands."""

    b: Array
    head: Array
    start: Array


def _by_blocks(q: Array, k: Array, v: Array, sink: Array | None, change: Change):
    """All blocks of all heads that share keys, one set of keys after another."""
    shape, dtype = jnp.shape(q), jnp.result_type(q)
    q, k, v = (heads_first(a) for a in (q, k, v))
    (b, n, t, h), (_, heads, s, d) = q.shape, v.shape
    rows = max(1, min(ROWS, t))
    blocks, groups = -(-t // rows), n // heads
    q = jnp.pad(q * h**-0.5, ((0, 0), (0, 0), (0, blocks * rows - t), (0, 0)))
    q = q.reshape(b * heads, groups * blocks, rows, h)

    def with_keys(args):
        i, rows_of_q, k, v = args
        group = jnp.arange(groups, dtype=jnp.int32)
        head = jnp.repeat(i % heads * groups + group, blocks)
        start = jnp.tile(rows * jnp.arange(blocks, dtype=jnp.int32), groups)
        place = _Place(jnp.full_like(head, i // heads), head, start)
        body = partial(_block, keys=(k, v), sink=sink, change=change)
        return lax.map(jax.checkpoint(lambda a: body(*a)), (rows_of_q, place))

    each = jnp.arange(b * heads, dtype=jnp.int32)
    flat = (a.reshape(b * heads, s, a.shape[-1]) for a in (k, v))
    y = lax.map(with_keys, (each, q, *flat))
    y = y.reshape(b, n, blocks * rows, d)[:, :, :t]
    return jnp.moveaxis(y, 1, 2).reshape(*shape[:-1], d).astype(dtype)


def _block(q: Array, place: _Place, keys: tuple, sink: Array | None, change: Change):
    """A block of queries of one head, and all keys."""
    (q, q_bad), (k, k_bad), v = finite_rows(q), finite_rows(keys[0]), keys[1]
    x = q @ k.T
    t = place.start + lax.broadcasted_iota(jnp.int32, (len(q), 1), 0)
    s = lax.broadcasted_iota(jnp.int32, (1, len(k)), 1)
    at = (place.b, place.head, t, s)
    x = x if change.score is None else change.score(x, *at).astype(x.dtype)
    if change.mask is not None:
        x = jnp.where(jnp.broadcast_to(change.mask(*at), x.shape), x, -jnp.inf)
    nan = jnp.broadcast_to(q_bad[:, None], x.shape) + jnp.broadcast_to(k_bad, x.shape)
    x = marked(x, nan)
    p = _shares(x, None if sink is None else sink[place.head])
    p = p if change.weights is None else change.weights(p, *at).astype(p.dtype)
    return reached(p @ finite_values(v), p, x, ~jnp.isfinite(v))


def _shares(x: Array, sink: Array | None) -> Array:
    """Softmax along the rows; 0 where all is −∞."""
    top = jnp.max(x, axis=-1, keepdims=True, initial=-jnp.inf)
    if sink is not None:
        top = jnp.maximum(top, sink.astype(x.dtype))
    top = lax.stop_gradient(jnp.where(top == -jnp.inf, 0, top))
    e = jnp.exp(x - jnp.broadcast_to(top, x.shape))
    total = jnp.sum(e, axis=-1, keepdims=True)
    total = total if sink is None else total + jnp.exp(sink.astype(x.dtype) - top)
    e = e / jnp.broadcast_to(jnp.where(total == 0, 1, total), e.shape)
    return jnp.where(x == -jnp.inf, 0, e)  # in a row of NaN too

"""Attention before the transformer, and after it: additive, Luong's, linear, pooling.

One head: q (*batch, t, h), k and v (*batch, s, ·), mask (*batch, t, s) True = takes
part. A query for which nothing takes part gives 0.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from assay import _check, activations
from assay.layers._dot_product_attention import dot_product_attention
from assay.layers._precision import product, spread, wide
from assay.typing import Array, Bool, Float

CHUNK = 64  # steps of causal linear attention that are one product


class AdditiveAttentionParams(NamedTuple):
    """The weights of `additive_attention`."""

    q_kernel: Float[Array, "h a"]
    k_kernel: Float[Array, "m a"]
    bias: Float[Array, " a"]
    scale: Float[Array, " a"]


def additive_attention(
    params: AdditiveAttentionParams,
    q: Float[Array, "*batch t h"],
    k: Float[Array, "*batch s m"],
    v: Float[Array, "*batch s d"],
    *,
    mask: Bool[Array, "*batch t s"] | None = None,
) -> Float[Array, "*batch t d"]:
    """yₜ = Σₛ softmaxₛ(scale · tanh(qₜ Wq + kₛ Wk + b)) vₛ.

    Luong's "concat" score is this one, its matrix cut in two. t · s · a numbers are
    held.

    >>> one = jnp.ones((1, 1))
    >>> params = AdditiveAttentionParams(one, one, jnp.zeros(1), jnp.ones(1))
    >>> k = jnp.array([[0.0], [3.0]])
    >>> additive_attention(params, one, k, k)[0].tolist()
    [1.67...]

    Bahdanau, Cho and Bengio 2014, arXiv:1409.0473.
    """
    who = "additive_attention"
    ours = product(who, q, params.q_kernel, "q")
    theirs = product(who, k, params.k_kernel, "k")
    shape = (*ours.shape[:-1], theirs.shape[-2], ours.shape[-1])
    net = jnp.broadcast_to(jnp.expand_dims(ours, -2), shape)
    net = net + jnp.broadcast_to(jnp.expand_dims(theirs, -3), shape)
    net = activations.tanh(net + spread(who, "params.bias", params.bias, net))
    logits = product(who, net, params.scale.astype(net.dtype), "net")
    return _read(who, logits, v, mask)


def luong_attention(
    q: Float[Array, "*batch t h"],
    k: Float[Array, "*batch s m"],
    v: Float[Array, "*batch s d"],
    kernel: Float[Array, "h m"] | None = None,
    *,
    mask: Bool[Array, "*batch t s"] | None = None,
) -> Float[Array, "*batch t d"]:
    """yₜ = Σₛ softmaxₛ(qₜ W kₛ) vₛ: Luong's "general" score, "dot" without W.

    >>> q, k = jnp.array([[1.0]]), jnp.array([[0.0], [1.0]])
    >>> luong_attention(q, k, k).tolist()
    [[0.731058...]]

    Luong, Pham and Manning 2015, arXiv:1508.04025.
    """
    who = "luong_attention"
    q = q if kernel is None else product(who, q, kernel, "q").astype(k.dtype)
    heads = [jnp.expand_dims(a, -2) for a in (q, k, v)]
    seen = None if mask is None else jnp.expand_dims(_checked(who, mask, q, k), -3)
    return dot_product_attention(*heads, mask=seen, scale=1.0)[..., 0, :]


def attention_pool(
    x: Float[Array, "*batch t d"],
    kernel: Float[Array, " d"],
    *,
    mask: Bool[Array, "*batch t"] | None = None,
) -> Float[Array, "*batch d"]:
    """y = Σₜ softmaxₜ(xₜ · w) xₜ: a sequence as one vector, by one learned query.

    >>> attention_pool(jnp.array([[0.0], [1.0]]), jnp.ones(1)).tolist()
    [0.731058...]

    Yang et al. 2016, doi:10.18653/v1/N16-1174, without the hidden layer.
    """
    _check.rank_at_least("attention_pool", "x", x, 2, "(*batch, time, features)")
    if jnp.shape(kernel) != jnp.shape(x)[-1:]:
        must = "kernel must have one number a feature of x"
        got = f"kernel.shape={jnp.shape(kernel)}, x.shape={jnp.shape(x)}"
        _check.fail("attention_pool", must, got)
    q = jnp.broadcast_to(kernel, (*jnp.shape(x)[:-2], 1, jnp.shape(x)[-1]))
    seen = None if mask is None else jnp.expand_dims(mask, -2)
    return luong_attention(q.astype(x.dtype), x, x, mask=seen)[..., 0, :]


def linear_attention(
    q: Float[Array, "*batch t n h"],
    k: Float[Array, "*batch s n h"],
    v: Float[Array, "*batch s n d"],
    *,
    is_causal: bool = False,
    mask: Bool[Array, "*batch s"] | None = None,
) -> Float[Array, "*batch t n d"]:
    """yₜ = Σₛ φ(qₜ)·φ(kₛ) vₛ / Σₛ φ(qₜ)·φ(kₛ), φ(x) = elu(x) + 1, s ≤ t if causal.

    In time and memory that are linear in t. `mask` says which keys take part.

    >>> one = jnp.ones((2, 1, 1))
    >>> v = jnp.array([[[1.0]], [[3.0]]])
    >>> linear_attention(one, one, v, is_causal=True)[:, 0, 0].tolist()
    [1.0, 2.0]

    Katharopoulos et al. 2020, arXiv:2006.16236.
    """
    most, dtype = wide(jnp.result_type(q)), jnp.result_type(q)
    q, k, v = (jnp.asarray(a, most) for a in (q, k, v))
    q, k = activations.elu(q) + 1, activations.elu(k) + 1
    if mask is not None:
        out = ~jnp.broadcast_to(mask[..., None, None], k.shape)
        k = jnp.where(out, 0, k)
        out = ~jnp.broadcast_to(mask[..., None, None], v.shape)
        v = jnp.where(out, 0, v)
    # The denominator is the same sum over values of 1: one column more.
    v = jnp.concatenate([v, jnp.ones_like(v[..., :1])], axis=-1)
    y = _causal_sums(q, k, v) if is_causal else _sums(q, k, v)
    total = y[..., -1:]
    total = jnp.where(total == 0, 1, total)
    return (y[..., :-1] / jnp.broadcast_to(total, y[..., :-1].shape)).astype(dtype)


def _sums(q: Array, k: Array, v: Array) -> Array:
    state = jnp.einsum("...snh,...snd->...nhd", k, v)
    return jnp.einsum("...tnh,...nhd->...tnd", q, state)


def _causal_sums(q: Array, k: Array, v: Array) -> Array:
    """Chunk by chunk: what came before as one matrix, the chunk itself by a product."""
    if q.shape[-3] != k.shape[-3]:
        must = "q and k must be equally long where is_causal"
        got = f"q.shape={q.shape}, k.shape={k.shape}"
        _check.fail("linear_attention", must, got)
    time = q.shape[-3]
    q, k, v = (_chunks(a) for a in (q, k, v))
    seen = jnp.tril(jnp.ones((q.shape[-3],) * 2, q.dtype))

    def step(state, chunk):
        q, k, v = chunk
        near = jnp.einsum("...tnh,...snh->...nts", q, k)
        near = near * jnp.broadcast_to(seen, near.shape)
        y = jnp.einsum("...nts,...snd->...tnd", near, v)
        y = y + jnp.einsum("...tnh,...nhd->...tnd", q, state)
        return state + jnp.einsum("...snh,...snd->...nhd", k, v), y

    start = jnp.zeros_like(
        k, shape=(*k.shape[1:-3], k.shape[-2], k.shape[-1], v.shape[-1])
    )
    _, y = lax.scan(step, start, (q, k, v))
    y = jnp.moveaxis(y, 0, -4)
    return y.reshape(*y.shape[:-4], -1, *y.shape[-2:])[..., :time, :, :]


def _chunks(a: Array) -> Array:
    """(*batch, t, n, h) -> (chunks, *batch, steps, n, h), filled up with 0."""
    time = a.shape[-3]
    size = max(1, min(CHUNK, time))
    more = -time % size
    a = jnp.pad(a, [(0, 0)] * (a.ndim - 3) + [(0, more), (0, 0), (0, 0)])
    a = a.reshape(*a.shape[:-3], -1, size, *a.shape[-2:])
    return jnp.moveaxis(a, -4, 0)


def _read(who: str, logits: Array, v: Array, mask: Array | None) -> Array:
    """Σₛ softmaxₛ(logits) vₛ over what takes part."""
    seen = None if mask is None else _checked(who, mask, logits, v)
    if seen is not None:
        logits = jnp.where(seen, logits, -jnp.inf)
    zero = jnp.zeros_like(logits[..., :1])
    # A query and keys of size 0 have products of 0: the logits are the bias.
    parts = (zero, jnp.zeros_like(v[..., :1]), v)
    q, k, v = (jnp.expand_dims(a, -2) for a in parts)
    y = dot_product_attention(q, k, v, jnp.expand_dims(logits, -3))[..., 0, :]
    return y.astype(v.dtype)


def _checked(who: str, mask: Array, q: Array, k: Array) -> Array:
    shape = (*q.shape[:-1], k.shape[-2])
    if jnp.shape(mask) != shape or jnp.result_type(mask) != jnp.bool_:
        must = f"mask must be boolean, of shape {shape}, True = takes part"
        _check.fail(who, must, f"{jnp.result_type(mask)}, mask.shape={jnp.shape(mask)}")
    return mask

"""Scaled dot-product attention under jax.nn's signature."""

import math

import jax.numpy as jnp

from assay import _check
from assay.layers import _attention_forms as forms
from assay.layers._attention_forms import FAR, Inputs, Rules
from assay.layers._precision import wide
from assay.typing import Array, Bool, Float, Int, Scalar, Shaped

WHO = "dot_product_attention"


def dot_product_attention(
    query: Float[Array, "*batch t n h"],
    key: Float[Array, "*batch s k h"],
    value: Float[Array, "*batch s k d"],
    bias: Shaped[Array, "..."] | None = None,
    mask: Bool[Array, "..."] | None = None,
    *,
    scale: Scalar | None = None,
    is_causal: bool = False,
    query_seq_lengths: Int[Array, "*batch"] | None = None,
    key_value_seq_lengths: Int[Array, "*batch"] | None = None,
    local_window_size: int | tuple[int, int] | None = None,
) -> Float[Array, "*batch t n d"]:
    """softmax(query · keyᵀ · scale + bias) · value, of every head.

    `query` may have a multiple of the heads of `key` and `value`: neighbours share.
    `bias` and `mask` broadcast to (*batch, heads, t, s); True takes part. `is_causal`
    lets query t read the keys s ≤ t, both counted from their first, also where there
    are more of the one. `local_window_size` (left, right) lets it read t − left ≤ s ≤
    t + right. The default scale is 1/√h. A query that may read nothing gives 0, with
    gradients of 0, and what is masked is without effect even if it is NaN.

    >>> x = jnp.array([[[0.0]], [[0.0]], [[0.0]]])
    >>> value = jnp.array([[[1.0]], [[3.0]], [[8.0]]])
    >>> dot_product_attention(x, x, value, is_causal=True).ravel().tolist()
    [1.0, 2.0, 4.0]

    Vaswani et al. 2017, arXiv:1706.03762. Never holds all scores on CPU: Rabe and
    Staats 2021, arXiv:2112.05682; Dao 2023, arXiv:2307.08691.
    """
    scale = 1 / math.sqrt(jnp.shape(query)[-1]) if scale is None else scale
    x = inputs(WHO, query, key, value, scale)
    lead = jnp.shape(query)[:-3]
    full = (*lead, *x.q.shape[1:3], x.k.shape[2])
    x = x._replace(bias=_laid(WHO, "bias", bias, full))
    x = x._replace(mask=_laid(WHO, "mask", mask, full))
    if x.bias is not None:
        x = x._replace(bias=x.bias.astype(x.q.dtype))
    if mask is not None and x.mask.dtype != bool:
        todo = "An additive mask is a bias."
        _check.fail(WHO, "mask must be boolean", x.mask.dtype, todo, kind=TypeError)
    x = x._replace(
        t_length=_lengths("query_seq_lengths", query_seq_lengths, lead),
        s_length=_lengths("key_value_seq_lengths", key_value_seq_lengths, lead),
    )
    before, after = _window(local_window_size)
    y = forms.attend(Rules(before, min(after, 0) if is_causal else after), x)
    return outputs(y, query)


def inputs(who: str, q: Array, k: Array, v: Array, scale: Scalar) -> Inputs:
    """(*batch, time, heads, size) as (B, heads, time, size), in at least float32."""
    _check.floating(who, query=q, key=k, value=v)
    for name, a in (("query", q), ("key", k), ("value", v)):
        _check.rank_at_least(who, name, a, 3, "(*batch, time, heads, size)")
    (*lead, _, n, h), shape = jnp.shape(q), jnp.shape(k)
    if shape[:-3] != tuple(lead) or shape[-1] != h or jnp.shape(v)[:-1] != shape[:-1]:
        must = "query must be (*batch, t, n, h), key (*batch, s, k, h), value (…, d)"
        _check.fail(who, must, f"{jnp.shape(q)}, {shape}, {jnp.shape(v)}")
    if not shape[-2] or n % shape[-2]:
        must = "the heads of query must be a multiple of those of key"
        _check.fail(who, must, f"{n} and {shape[-2]}")
    b, dtype = math.prod(lead), wide(jnp.result_type(q))
    q, k, v = (
        jnp.moveaxis(jnp.asarray(a, dtype).reshape(b, *jnp.shape(a)[-3:]), -2, 1)
        for a in (q, k, v)
    )
    return Inputs(q * jnp.asarray(scale, dtype), k, v)


def outputs(y: Array, query: Array) -> Array:
    """(B, heads, time, size) as (*batch, time, heads, size), in the query's dtype."""
    y = jnp.moveaxis(y, 1, -2).reshape(*jnp.shape(query)[:-1], y.shape[-1])
    return y.astype(jnp.result_type(query))


def _laid(who: str, name: str, a: Array | None, full: tuple[int, ...]) -> Array | None:
    """A mask or bias as (B or 1, N or 1, T or 1, S or 1)."""
    if a is None:
        return None
    shape = (1,) * (len(full) - jnp.ndim(a)) + jnp.shape(a)
    fits = len(shape) == len(full) and all(
        m in (1, n) for m, n in zip(shape, full, strict=True)
    )
    if not fits:
        must = f"{name} must broadcast to (*batch, heads, t, s), {full}"
        _check.fail(who, must, f"{name}.shape={jnp.shape(a)}")
    lead, tail = shape[:-3], shape[-3:]
    if any(n > 1 for n in lead):
        a = jnp.broadcast_to(jnp.reshape(a, shape), (*full[:-3], *tail))
        return a.reshape(math.prod(full[:-3]), *tail)
    return jnp.reshape(a, (1, *tail))


def _lengths(name: str, a: Array | None, lead: tuple[int, ...]) -> Array | None:
    if a is None:
        return None
    _check.integer(WHO, **{name: a})
    if jnp.shape(a) not in (lead, (math.prod(lead),)):
        must = f"{name} must have the batch axes of query, {lead}"
        _check.fail(WHO, must, f"{name}.shape={jnp.shape(a)}")
    return jnp.asarray(a, jnp.int32).reshape(math.prod(lead))


def _window(size: int | tuple[int, int] | None) -> tuple[int, int]:
    if size is None:
        return FAR, FAR
    left, right = (size, size) if isinstance(size, int) else size
    return min(left, FAR), min(right, FAR)

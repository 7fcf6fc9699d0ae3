"""Scaled dot-product attention, under jax.nn's signature."""

from functools import cache
from math import prod

import jax
import jax.numpy as jnp
from jax import lax

from assay import _check
from assay.autodiff import with_backward
from assay.layers import _attention_blocks, _choices
from assay.layers._attention_blocks import Inputs, Reach
from assay.layers._precision import wide
from assay.typing import Array, Bool, Float, Int, Scalar


def dot_product_attention(
    query: Float[Array, "*batch t n h"],
    key: Float[Array, "*batch s k h"],
    value: Float[Array, "*batch s k d"],
    bias: Float[Array, "..."] | None = None,
    mask: Bool[Array, "..."] | None = None,
    *,
    scale: Scalar | None = None,
    is_causal: bool = False,
    query_seq_lengths: Int[Array, "*batch"] | None = None,
    key_value_seq_lengths: Int[Array, "*batch"] | None = None,
    local_window_size: int | tuple[int, int] | None = None,
) -> Float[Array, "*batch t n d"]:
    """yₜ = Σₛ softmaxₛ(scale qₜ·kₛ + biasₜₛ) vₛ, over the keys that take part.

    The arguments are those of `jax.nn.dot_product_attention`. N query heads share K
    heads of keys and values, N/K neighbours each (grouped and multi-query attention:
    Ainslie et al. 2023, arXiv:2305.13245). `scale` is 1/√h if not given. A key takes
    part where `mask` (boolean, broadcast to (*batch, n, t, s) as `bias` is) is True,
    where t and s are below their sequences' lengths, where s ≤ t if `is_causal`
    (counted from the first query and the first key), and where
    t − left ≤ s ≤ t + right if `local_window_size` is (left, right); one number stands
    for both.

    A bias of −∞ takes a key out as a mask does. A query for which no key takes part
    gives 0, and its gradients are 0. What takes no part has no influence, NaN included,
    on the value or on any derivative; what is not finite and takes part gives NaN. Half
    precision is computed in float32.

    On CPU long sequences are computed by blocks of queries, one head after another: no
    array of t × s numbers is ever whole, in the gradient neither, and keys beyond the
    causal limit or the window are not computed at all.

    >>> q = jnp.array([[[1.0]], [[2.0]]])  # two queries of one head
    >>> dot_product_attention(q, q, q, is_causal=True)[:, 0, 0].tolist()
    [1.0, 1.880797...]

    Vaswani et al. 2017, arXiv:1706.03762; by blocks: Dao 2023, arXiv:2307.08691.
    """
    arrays = {"query": query, "key": key, "value": value}
    fits("dot_product_attention", **arrays)
    x = _inputs("dot_product_attention", query, key, value, (bias, mask, scale))
    batch = jnp.shape(query)[:-3]
    x = x._replace(
        q_lengths=_lengths("query_seq_lengths", query_seq_lengths, batch),
        k_lengths=_lengths("key_value_seq_lengths", key_value_seq_lengths, batch),
    )
    y = _attention(_reach(is_causal, local_window_size))(x)
    y = jnp.moveaxis(y, 1, 2).astype(jnp.result_type(query))
    return y.reshape(*batch, *y.shape[1:])


def attention_weights(
    query: Float[Array, "*batch t n h"],
    key: Float[Array, "*batch s k h"],
    bias: Float[Array, "..."] | None = None,
    mask: Bool[Array, "..."] | None = None,
    *,
    scale: Scalar | None = None,
    is_causal: bool = False,
) -> Float[Array, "*batch n t s"]:
    """softmaxₛ(scale qₜ·kₛ + biasₜₛ): what `dot_product_attention` weighs values by.

    To look at: every one is held, n · t · s numbers a sequence. 0 where no key takes
    part.

    >>> q = jnp.array([[[1.0]], [[2.0]]])
    >>> attention_weights(q, q, is_causal=True)[0]
    Array([[1.        , 0.        ],
           [0.11920292, 0.880797  ]], dtype=float32)

    Vaswani et al. 2017, arXiv:1706.03762, figures 3 to 5.
    """
    fits("attention_weights", query=query, key=key, value=key)
    x = _inputs("attention_weights", query, key, key, (bias, mask, scale))
    weights = _shares(_logits(x, _reach(is_causal, None)))
    weights = weights.reshape(*jnp.shape(query)[:-3], *weights.shape[1:])
    return weights.astype(jnp.result_type(query))


def _inputs(who: str, query: Array, key: Array, value: Array, how: tuple) -> Inputs:
    """Heads first, wide, the scale in q; `how` is (bias, mask, scale)."""
    q, k, v = (heads_first(a) for a in (query, key, value))
    bias, mask, scale = how
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    full = (*jnp.shape(query)[:-3], q.shape[1], q.shape[2], k.shape[2])
    return Inputs(
        q * jnp.asarray(scale, q.dtype),
        k,
        v,
        None if bias is None else _over(who, "bias", bias, full).astype(q.dtype),
        None if mask is None else _over(who, "mask", _truth(who, mask), full),
        None,
        None,
    )


@cache
def _attention(reach: Reach):
    """Attention with these limits: by blocks on CPU, where they are faster."""

    def forward(x: Inputs):
        blocks = {"cpu": lambda x: _attention_blocks.forward(x, reach)}
        return _choices.run(blocks if _long(x) else {}, whole, x)

    def whole(x: Inputs):
        y = _definition(x, reach)
        return y, (y, jnp.zeros_like(y[..., 0]))

    def backward(args, kept, ct):
        (x,) = args
        blocks = {"cpu": lambda x, *a: _attention_blocks.backward(x, reach, *a)}
        return (_choices.run(blocks if _long(x) else {}, pulled, x, kept, ct),)

    def pulled(x: Inputs, kept, ct):
        del kept

        def of_moving(q, k, v, bias):
            return _definition(x._replace(q=q, k=k, v=v, bias=bias), reach)

        cts = jax.vjp(of_moving, x.q, x.k, x.v, x.bias)[1](ct)
        return _attention_blocks.cotangents(*cts)

    return with_backward(lambda x: _definition(x, reach), forward, backward)


def _long(x: Inputs) -> bool:
    return x.q.shape[2] >= 128 and min(x.q.size, x.k.size, x.v.size) > 0


def _definition(x: Inputs, reach: Reach) -> Array:
    """All queries and keys of all heads at once."""
    (b, n, t, _), (_, heads, s, d) = x.q.shape, x.v.shape
    logits = _logits(x, reach)
    # The groups of a head of keys as more queries: a plain batched product.
    rows = (b, heads, n // heads * t)  # sizes, not -1: a batch may be empty
    p, logits = (a.reshape(*rows, s) for a in (_shares(logits), logits))
    y = p @ _attention_blocks.finite_values(x.v)
    y = _attention_blocks.reached(y, p, logits, ~jnp.isfinite(x.v))
    return y.reshape(b, n, t, d)


def _logits(x: Inputs, reach: Reach) -> Array:
    """q kᵀ + bias of all heads, −∞ where a key takes no part."""
    (b, n, t, h), (_, heads, s, _) = x.q.shape, x.k.shape
    q, q_bad = _attention_blocks.finite_rows(x.q)
    k, k_bad = _attention_blocks.finite_rows(x.k)
    q = q.reshape(b, heads, n // heads * t, h)
    logits = (q @ jnp.swapaxes(k, -1, -2)).reshape(b, n, t, s)
    if x.bias is not None:
        logits = logits + jnp.broadcast_to(x.bias, logits.shape)
    for seen in _masks(x, reach, logits.shape):
        logits = jnp.where(seen, logits, -jnp.inf)
    k_bad = jnp.repeat(k_bad, n // heads, axis=1)
    nan = _spread(q_bad, logits.shape, 3) + _spread(k_bad, logits.shape, 2)
    return _attention_blocks.marked(logits, nan)


def _shares(logits: Array) -> Array:
    """Softmax along the rows; 0 where all is −∞."""
    top = lax.stop_gradient(jnp.max(logits, axis=-1, keepdims=True, initial=-jnp.inf))
    top = jnp.where(top == -jnp.inf, 0, top)
    e = jnp.exp(logits - jnp.broadcast_to(top, logits.shape))
    total = jnp.sum(e, axis=-1, keepdims=True)
    e = e / jnp.broadcast_to(jnp.where(total == 0, 1, total), e.shape)
    return jnp.where(logits == -jnp.inf, 0, e)  # in a row of NaN too


def _masks(x: Inputs, reach: Reach, shape: tuple[int, ...]) -> list[Array]:
    """All that says which keys take part for which queries."""
    t, s = (lax.broadcasted_iota(jnp.int32, shape, axis) for axis in (2, 3))
    masks = reach.seen(t, s)
    if x.seen is not None:
        masks.append(jnp.broadcast_to(x.seen, shape))
    for lengths, places in ((x.q_lengths, t), (x.k_lengths, s)):
        if lengths is not None:
            masks.append(places < _spread(lengths, shape, 1, 2, 3))
    return masks


def _spread(a: Array, shape: tuple[int, ...], *axes: int) -> Array:
    """`a` with these axes added, broadcast."""
    return jnp.broadcast_to(jnp.expand_dims(a, axes), shape)


def _reach(is_causal: bool, window: int | tuple[int, int] | None) -> Reach:
    left, right = (
        (window, window) if isinstance(window, int) else window or (None, None)
    )
    for side in (left, right):
        if side is not None and side < 0:
            must = "local_window_size must not be negative"
            _check.fail("dot_product_attention", must, window)
    # A place and a window must add up in 32 bits.
    left, right = (side if side is None else min(side, 2**30) for side in (left, right))
    return Reach(left, 0 if is_causal else right)


def heads_first(a: Array) -> Array:
    """(*batch, time, heads, h) -> (B, heads, time, h), in the width of arithmetic."""
    a = jnp.asarray(a)
    a = a.reshape(prod(a.shape[:-3]), *a.shape[-3:]).astype(wide(a.dtype))
    return jnp.moveaxis(a, 2, 1)


def _over(who: str, name: str, a: Array, shape: tuple[int, ...]) -> Array:
    """An array that broadcasts to (*batch, n, t, s), as (1 or B, 1 or n, ...)."""
    a = jnp.asarray(a)
    a = a.reshape(*(1,) * (len(shape) - a.ndim), *a.shape)
    fits = all(m in (1, n) for m, n in zip(a.shape, shape, strict=False))
    if a.ndim != len(shape) or not fits:
        must = f"{name} must broadcast to (*batch, heads, t, s) = {shape}"
        _check.fail(who, must, f"{name}.shape={a.shape}")
    batch = shape[:-3]
    if prod(a.shape[:-3]) > 1:
        a = jnp.broadcast_to(a, (*batch, *a.shape[-3:]))
    return a.reshape(prod(a.shape[:-3]), *a.shape[-3:])


def _truth(who: str, mask: Array) -> Array:
    if jnp.result_type(mask) != jnp.bool_:
        must, todo = "mask must be boolean", "Numbers to add to the logits are a bias."
        got = jnp.result_type(mask)
        _check.fail(who, must, got, todo, kind=TypeError)
    return mask


def _lengths(name: str, lengths: Array | None, batch: tuple[int, ...]) -> Array | None:
    if lengths is None:
        return None
    _check.integer("dot_product_attention", **{name: lengths})
    if jnp.shape(lengths) not in (batch, (prod(batch),)):
        must = f"{name} must have one length a sequence, shape {batch}"
        _check.fail("dot_product_attention", must, jnp.shape(lengths))
    return jnp.reshape(jnp.asarray(lengths, jnp.int32), prod(batch))


def fits(who: str, query: Array, key: Array, value: Array) -> None:
    """Heads and sizes that belong together."""
    for name, a in {"query": query, "key": key, "value": value}.items():
        _check.rank_at_least(who, name, a, 3, "(*batch, time, heads, features)")
    (*b, _, n, h), (*b_k, s, k, h_k) = jnp.shape(query), jnp.shape(key)
    same = b == b_k and h == h_k and jnp.shape(value)[:-1] == (*b_k, s, k)
    if not same or k == 0 or n % k:
        must = (
            "query (*batch, t, n, h), key (*batch, s, k, h) and value (*batch, s, k, d)"
            " must agree, and n be a multiple of k"
        )
        got = f"{jnp.shape(query)}, {jnp.shape(key)}, {jnp.shape(value)}"
        _check.fail(who, must, got)

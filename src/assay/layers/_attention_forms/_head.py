"""What attention is given, and which scores of a block of it take part.

B batch, N heads, K heads of keys and values, T queries, S keys, H and D their sizes.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay._numerics import threefry
from assay.typing import Array

FAR = 2**30  # more positions than any sequence has


class Rules(NamedTuple):
    """What is known while tracing. `score` and `mask` take their captured arrays."""

    before: int = FAR  # a query reads keys at t − before … t + after
    after: int = FAR
    score: Callable | None = None  # (captured, score, head, t, s) -> score
    mask: Callable | None = None  # (captured, head, t, s) -> takes part


class Inputs(NamedTuple):
    """The arrays. Of one head they have no batch and head axes (B, N, K)."""

    q: Any  # (B, N, T, H), times the scale
    k: Any  # (B, K, S, H)
    v: Any  # (B, K, S, D)
    bias: Any = None  # (B or 1, N or 1, T or 1, S or 1)
    mask: Any = None  # the same, of booleans
    t_length: Any = None  # (B,)
    s_length: Any = None  # (B,)
    sink: Any = None  # (N,)
    score: tuple = ()  # what the score function has captured
    taken: tuple = ()  # what the mask function has captured
    drop: Any = None  # (two words of a key, rate)
    head: Any = None  # of one head: its number
    row: Any = None  # of one head: batch · N + head


class Block(NamedTuple):
    """Positions of some queries and of some keys, starts may be traced."""

    t: Any
    s: Any


def masked(rules: Rules, x: Inputs) -> bool:
    """Whether some scores may not take part."""
    limits = rules.before < FAR or rules.after < FAR or rules.mask is not None
    arrays = (x.bias, x.mask, x.t_length, x.s_length)
    return limits or rules.score is not None or any(a is not None for a in arrays)


def taking_part(rules: Rules, x: Inputs, at: Block, mask: Any) -> Array | None:
    """Which pairs of the block take part; None says all."""
    t, s = at.t[:, None], at.s[None, :]
    kept = [] if mask is None else [mask]
    if rules.after < FAR:
        kept.append(s <= t + rules.after)
    if rules.before < FAR:
        kept.append(s >= t - rules.before)
    if x.t_length is not None:
        kept.append(t < x.t_length)
    if x.s_length is not None:
        kept.append(s < x.s_length)
    if rules.mask is not None:
        kept.append(_pairs(rules.mask, at, x.taken, x.head))
    total = None
    for each in kept:
        each = jnp.broadcast_to(each, (len(at.t), len(at.s)))
        total = each if total is None else total & each
    return total


def modified(rules: Rules, x: Inputs, at: Block, kept: Any, raw: Array) -> Array:
    """The scores after the score function; −∞ where a pair takes no part."""
    if rules.score is not None:
        raw = raw if kept is None else jnp.where(kept, raw, 0)
        inner = jax.vmap(rules.score, (None, 0, None, None, 0))
        outer = jax.vmap(inner, (None, 0, None, 0, None))
        raw = outer(x.score, raw, x.head, at.t, at.s).astype(raw.dtype)
    return raw if kept is None else jnp.where(kept, raw, -jnp.inf)


def _pairs(mask: Callable, at: Block, captured: tuple, head: Any) -> Array:
    # Two maps, so that what depends on t or s alone is computed once a row or column.
    inner = jax.vmap(mask, (None, None, None, 0))
    return jax.vmap(inner, (None, None, 0, None))(captured, head, at.t, at.s)


def kept_weights(x: Inputs, at: Block, queries: int, dtype: Any) -> Array:
    """1 / (1 − rate) for the weights that dropout keeps, 0 for the others.

    Drawn from the positions, so that no form has to keep them.
    """
    words, rate = x.drop
    row = x.row * np.uint32(queries) + at.t.astype(jnp.uint32)
    shape = (len(at.t), len(at.s))
    high = jnp.broadcast_to(row[:, None], shape)
    low = jnp.broadcast_to(at.s.astype(jnp.uint32)[None], shape)
    bits = threefry(words, high, low)[0]
    uniform = (bits >> np.uint32(8)).astype(jnp.float32) * np.float32(2**-24)
    rate = jnp.asarray(rate, jnp.float32)
    factor = jnp.where(rate < 1, 1 / jnp.where(rate < 1, 1 - rate, 1), 0)
    return jnp.where(uniform >= rate, factor, 0).astype(dtype)


def finite(x: Array) -> Array:
    """x with 0 for what is not finite: 0 · NaN must not reach a sum."""
    return jnp.where(jnp.isfinite(x), x, 0)


def over_heads(f: Callable, x: Inputs, *more: Array) -> Any:
    """f(one head, *its part of `more`) of all heads at once: results are (B, N, …)."""
    (b, n), kv = x.q.shape[:2], x.k.shape[1]
    split = lambda a: jnp.reshape(a, (b, kv, n // kv, *a.shape[2:]))  # noqa: E731
    heads = jnp.arange(n, dtype=jnp.int32).reshape(kv, n // kv)
    rows = jnp.arange(b * n, dtype=jnp.uint32).reshape(b, kv, n // kv)
    (bias, over_bias), (mask, over_mask) = _spread(x.bias, kv), _spread(x.mask, kv)
    x = x._replace(q=split(x.q), bias=bias, mask=mask, head=heads, row=rows)
    if x.sink is not None:
        x = x._replace(sink=x.sink.reshape(heads.shape))
    axes = Inputs((0, 0, 0), (0, 0, None), (0, 0, None), over_bias, over_mask)
    one, none = (0, None, None), (None,) * 3
    axes = axes._replace(t_length=one, s_length=one, sink=(None, 0, 0), row=(0, 0, 0))
    axes = axes._replace(score=none, taken=none, drop=none, head=(None, 0, 0))
    for level in (2, 1, 0):
        at = Inputs(*(a[level] for a in axes))
        f = jax.vmap(f, in_axes=(at, *(0 for _ in more)))
    y = f(x, *map(split, more))
    return jax.tree.map(lambda a: a.reshape(b, n, *a.shape[3:]), y)


def _spread(a: Any, kv: int) -> tuple[Any, tuple]:
    """(B or 1, N or 1, …) as (B, K, N / K, …) without the axes of size 1."""
    if a is None:
        return None, (None,) * 3
    b, n = a.shape[:2]
    lead = (*((b,) if b > 1 else ()), *((kv, n // kv) if n > 1 else ()))
    over = (0 if b > 1 else None, *((0, 0) if n > 1 else (None, None)))
    return a.reshape(*lead, *a.shape[2:]), over

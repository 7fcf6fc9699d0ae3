"""Attention a block of queries at a time: no T × S array is ever whole in memory.

One head after another, plain two-dimensional products. XLA's batched product runs on
CPU at a fraction of the speed of a plain one, and its T × S logits go to memory and
back. Kept for the reverse pass are the output and one number a query, log Σ eˢ, from
which the shares are computed again (Dao 2023, FlashAttention-2, arXiv:2307.08691).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay.autodiff import straight_through
from assay.typing import Array

ROWS = 256  # queries a block, at most
SEGMENTS = 8  # lengths of keys that are written out where queries do not reach all keys


class Reach(NamedTuple):
    """Which keys a query may reach by its place alone: t − back ≤ s ≤ t + ahead."""

    back: int | None = None  # None: without limit
    ahead: int | None = None

    def keys(self, rows: slice, size: int) -> slice:
        """The keys that any of these queries may reach: at least one, for no array
        may be empty."""
        first = 0 if self.back is None else rows.start - self.back
        last = size if self.ahead is None else rows.stop + self.ahead
        first = max(0, min(first, size - 1))
        return slice(first, max(first + 1, min(last, size)))

    def seen(self, t: Array, s: Array) -> list[Array]:
        """The limits, as masks."""
        behind = [] if self.back is None else [s >= t - self.back]
        return behind if self.ahead is None else [*behind, s <= t + self.ahead]


class Inputs(NamedTuple):
    """One call's arrays, heads before time.

    `seen` and `bias` broadcast to (B, N, T, S); `q` has the scale in it.

    `q_lengths` and `k_lengths` are (B,): how many of a sequence's places are real.
    """

    q: Array  # (B, N, T, H), scaled
    k: Array  # (B, K, S, H)
    v: Array  # (B, K, S, D)
    bias: Array | None
    seen: Array | None
    q_lengths: Array | None
    k_lengths: Array | None


class Segment(NamedTuple):
    """Neighbouring blocks of queries that read the same keys."""

    blocks: range
    keys: slice


def segments(t: int, s: int, reach: Reach) -> tuple[int, list[Segment]]:
    """(queries a block, the segments): one, or several where reach has limits."""
    blocks = -(-t // ROWS)
    rows = -(-t // blocks)
    each = blocks if reach == Reach() else -(-blocks // SEGMENTS)
    runs = [range(i, min(i + each, blocks)) for i in range(0, blocks, each)]
    spans = [slice(run.start * rows, run.stop * rows) for run in runs]
    return rows, [
        Segment(run, reach.keys(span, s)) for run, span in zip(runs, spans, strict=True)
    ]


def forward(x: Inputs, reach: Reach) -> tuple[Array, tuple[Array, Array]]:
    """(y, (y, log Σ eˢ)): attention of all heads, one after another."""
    t = x.q.shape[2]
    rows, parts = segments(t, x.k.shape[2], reach)
    x = _filled(x, rows)
    finite = _finite(x)
    found = _each_block(finite, rows, parts, partial(_attend, reach=reach))
    # Looked for once, not in every block; under vmap both branches are computed.
    spoilt = jnp.any(jnp.array([jnp.any(~jnp.isfinite(a)) for a in (x.q, x.k, x.v)]))
    spoil = partial(_spoil, x, finite, (rows, parts), reach)
    found = jax.lax.cond(spoilt, spoil, lambda *found: found, *found)
    y, total = (a[:, :, :t] for a in found)
    return y, (y, total)


def _each_block(
    x: Inputs, rows: int, parts: list[Segment], of: Callable
) -> list[Array]:
    """`of(head, block)`, (rows, ...) each, of all blocks of all heads: (B, N, T, …)."""
    b, n, t, _ = x.q.shape

    def head(i):
        one, done = _head(x, i), []
        for part in parts:

            def block(j, part=part):
                return of(one, Block(j * rows, rows, part.keys))

            done.append(jax.lax.map(block, _count(part.blocks)))
        found = [jnp.concatenate(blocks) for blocks in zip(*done, strict=True)]
        return [a.reshape(t, *a.shape[2:]) for a in found]

    found = jax.lax.map(head, _count(range(b * n)))
    return [a.reshape(b, n, *a.shape[1:]) for a in found]


def _spoil(
    x: Inputs,
    finite: Inputs,
    by: tuple[int, list[Segment]],
    reach: Reach,
    *found: Array,
) -> tuple[Array, Array]:
    """NaN for every query that something not finite takes part in."""
    y, total = found
    bad_q, bad_k = (jnp.any(~jnp.isfinite(a), axis=-1) for a in (x.q, x.k))
    bad = jnp.concatenate([bad_k[..., None], ~jnp.isfinite(x.v)], axis=-1)

    def meet(one: _Head, at: Block) -> tuple[Array]:
        takes_part = _logits(one, at, reach) != -jnp.inf
        return (takes_part.astype(y.dtype) @ one.v[at.keys] > 0,)

    (met,) = _each_block(finite._replace(v=bad.astype(y.dtype)), *by, meet)
    logits = met[..., 0] | (bad_q & (total != jnp.inf))
    values = met[..., 1:] | jnp.broadcast_to(logits[..., None], y.shape)
    return jnp.where(values, jnp.nan, y), jnp.where(logits, jnp.nan, total)


def backward(x: Inputs, reach: Reach, kept: tuple[Array, Array], ct: Array) -> Inputs:
    """The cotangents of q, k, v and the bias, from the output and its cotangent."""
    (b, n, t, h), bias = x.q.shape, x.bias
    rows, parts = segments(t, x.k.shape[2], reach)
    x = _finite(_filled(x, rows))
    flat = [_more(a, rows, 2).reshape(b * n, -1, *a.shape[3:]) for a in (*kept, ct)]

    def head(d_bias, i):
        one, given = _head(x, i), [a[i] for a in flat]
        pull = _Pull(one, reach, rows, (i // n, i % n))
        return pull.head(given, parts, d_bias)

    none = None if x.bias is None else jnp.zeros_like(x.bias)
    d_bias, (d_q, d_k, d_v) = jax.lax.scan(head, none, _count(range(b * n)))
    d_k, d_v = (
        d.reshape(*a.shape[:2], -1, *a.shape[2:]).sum(2)
        for d, a in ((d_k, x.k), (d_v, x.v))
    )
    if bias is not None and d_bias is not None:
        d_bias = d_bias[:, :, : bias.shape[2]]
    return cotangents(d_q.reshape(b, n, -1, h)[:, :, :t], d_k, d_v, d_bias)


class _Pull(NamedTuple):
    """The reverse pass of one head."""

    one: "_Head"
    reach: Reach
    rows: int
    where: tuple[Array, Array]  # (sequence, head)

    def head(
        self, given: list[Array], parts: list[Segment], d_bias: Array | None
    ) -> tuple[Array | None, tuple[Array, Array, Array]]:
        """(the bias's cotangent with this head's, (d_q, d_k, d_v))."""
        y, total, g = given
        series, d_q = (self.one.q, total, jnp.sum(y * g, axis=-1), g), []
        # Transposed: XLA multiplies gᵀ p more than twice as fast as pᵀ g.
        d_k, d_v = jnp.zeros_like(self.one.k.T), jnp.zeros_like(self.one.v.T)
        for part in parts:
            zeros = (jnp.zeros_like(a[:, part.keys]) for a in (d_k, d_v))
            block = partial(self.block, series, part.keys)
            (*found, d_bias), d = jax.lax.scan(
                block, (*zeros, d_bias), _count(part.blocks)
            )
            d_q.append(d)
            d_k = d_k.at[:, part.keys].add(found[0])
            d_v = d_v.at[:, part.keys].add(found[1])
        return d_bias, (jnp.concatenate(d_q), d_k.T, d_v.T)

    def block(
        self, series: tuple, keys: slice, carry: tuple, j: Array
    ) -> tuple[tuple, Array]:
        """One block's share of (d_k, d_v, d_bias), and its d_q."""
        d_k, d_v, d_bias = carry
        at = Block(j * self.rows, self.rows, keys)
        q, total, mean, g = (at.rows(a) for a in series)
        k, v = self.one.k[keys], self.one.v[keys]
        s = _logits(self.one, at, self.reach)
        # What takes no part stays 0 beside a total or a mean that is NaN.
        p = jnp.where(s == -jnp.inf, 0, jnp.exp(s - at.column(total)))
        d_s = jnp.where(s == -jnp.inf, 0, p * (g @ v.T - at.column(mean)))
        d_bias = _add_bias(d_bias, d_s, (*self.where, at.start, keys.start))
        return (d_k + q.T @ d_s, d_v + g.T @ p, d_bias), d_s @ k


def cotangents(q: Array, k: Array, v: Array, bias: Array | None) -> Inputs:
    """Of what has any: masks and lengths have none."""
    return Inputs(q, k, v, bias, None, None, None)


class Block(NamedTuple):
    """Some queries, from a place that may be traced, and keys that are known."""

    start: Array
    size: int
    keys: slice

    @property
    def shape(self) -> tuple[int, int]:
        return self.size, self.keys.stop - self.keys.start

    def rows(self, a: Array) -> Array:
        """These queries' part of an array over time."""
        return jax.lax.dynamic_slice_in_dim(a, self.start, self.size)

    def part(self, a: Array) -> Array:
        """These queries' and keys' part of an array that broadcasts to T × S."""
        a = a if a.shape[0] == 1 else self.rows(a)
        a = a if a.shape[1] == 1 else a[:, self.keys]
        return jnp.broadcast_to(a, self.shape)

    def column(self, a: Array) -> Array:
        """One number a query, for each of these keys."""
        return jnp.broadcast_to(a[:, None], self.shape)

    def places(self) -> tuple[Array, Array]:
        """(t, s) of every entry."""
        t = jax.lax.broadcasted_iota(jnp.int32, self.shape, 0) + self.start
        s = jax.lax.broadcasted_iota(jnp.int32, self.shape, 1) + self.keys.start
        return t, s


def _count(numbers: range) -> Array:
    return jnp.arange(numbers.start, numbers.stop, dtype=jnp.int32)


def _filled(x: Inputs, rows: int) -> Inputs:
    """The inputs with queries at the end, for whole blocks, that reach nothing."""
    b, _, t, _ = x.q.shape
    if t % rows == 0:
        return x

    def more(a: Array | None) -> Array | None:
        return a if a is None or a.shape[2] == 1 else _more(a, rows, 2)

    bias, seen = more(x.bias), more(x.seen)
    lengths = jnp.full(b, t, jnp.int32) if x.q_lengths is None else x.q_lengths
    lengths = jnp.minimum(lengths, t)
    return x._replace(q=_more(x.q, rows, 2), bias=bias, seen=seen, q_lengths=lengths)


def _more(a: Array, rows: int, axis: int) -> Array:
    """`a` with zeros at the end of the axis, up to a multiple of `rows`."""
    over = -a.shape[axis] % rows
    widths = [(0, over if i == axis else 0) for i in range(a.ndim)]
    return jnp.pad(a, widths) if over else a


class _Head(NamedTuple):
    """What one head attends with."""

    q: Array  # (T, H)
    k: Array  # (S, H)
    v: Array  # (S, D)
    bias: Array | None  # (T or 1, S or 1)
    seen: Array | None
    q_length: Array | None  # ()
    k_length: Array | None


def _head(x: Inputs, i: Array) -> _Head:
    """Head i % N of sequence i // N."""
    n, groups = x.q.shape[1], x.q.shape[1] // x.k.shape[1]
    b, h = i // n, i % n
    k, v = (a[b, h // groups] for a in (x.k, x.v))
    bias, seen = (_of(a, b, h) for a in (x.bias, x.seen))
    lengths = (None if a is None else a[b] for a in (x.q_lengths, x.k_lengths))
    return _Head(x.q[b, h], k, v, bias, seen, *lengths)


def _finite(x: Inputs) -> Inputs:
    """0 for what is not finite."""
    q, k = (finite_rows(a)[0] for a in (x.q, x.k))
    return x._replace(q=q, k=k, v=finite_values(x.v))


@straight_through
def finite_values(x: Array) -> Array:
    """0 for what is not finite, whose slope stays: y is linear in the values."""
    return jnp.where(jnp.isfinite(x), x, 0)


def finite_rows(x: Array) -> tuple[Array, Array]:
    """(x with 0 in a row that has anything not finite, NaN for such a row, else 0).

    NaN · 0 is NaN: what a mask takes out must not be multiplied at all.
    """
    bad = ~jnp.all(jnp.isfinite(x), axis=-1)
    wide = jnp.broadcast_to(jnp.expand_dims(bad, -1), x.shape)
    # Of x, and not a constant: so NaN comes back as the gradient of what took part.
    nan = jnp.sum(jnp.where(wide, 0 * x, 0), axis=-1)
    return jnp.where(wide, jnp.zeros_like(x), x), nan


def _of(a: Array | None, b: Array, h: Array) -> Array | None:
    """One head's part of an array that broadcasts over batch and heads."""
    if a is None:
        return None
    return a[b if a.shape[0] > 1 else 0, h if a.shape[1] > 1 else 0]


def _attend(one: _Head, at: Block, *, reach: Reach) -> tuple[Array, Array]:
    """(y, log Σ eˢ) of a block of queries; 0 and ∞ where no key takes part."""
    s = _logits(one, at, reach)
    top = jnp.max(s, axis=-1)
    top = jnp.where(top == -jnp.inf, 0, top)
    e = jnp.exp(s - at.column(top))
    total = jnp.sum(e, axis=-1)
    total, some = jnp.where(total == 0, 1, total), total != 0
    y = e @ one.v[at.keys]
    y = y * jnp.broadcast_to((1 / total)[:, None], y.shape)
    return y, jnp.where(some, top + jnp.log(total), jnp.inf)


def reached(y: Array, p: Array, logits: Array, bad: Array) -> Array:
    """y = p v, and NaN where a value that is not finite takes part; back to p too."""

    def mark(y, p, logits, bad):
        counts = (logits != -jnp.inf).astype(y.dtype) @ bad.astype(y.dtype)
        nan = jnp.where(counts > 0, jnp.nan, jnp.zeros_like(y))
        return y + nan * jnp.broadcast_to(jnp.sum(p, -1, keepdims=True), y.shape)

    return jax.lax.cond(jnp.any(bad), mark, lambda y, *_: y, y, p, logits, bad)


def marked(logits: Array, nan: Array) -> Array:
    """NaN where a query or a key that is not finite takes part."""
    return jnp.where(logits == -jnp.inf, logits, logits + nan)


def _logits(one: _Head, at: Block, reach: Reach) -> Array:
    """q kᵀ + bias, −∞ where a key takes no part."""
    s = at.rows(one.q) @ one.k[at.keys].T
    if one.bias is not None:
        s = s + at.part(one.bias)
    t, place = at.places()
    masks = reach.seen(t, place)
    if one.seen is not None:
        masks.append(at.part(one.seen))
    if one.q_length is not None:
        masks.append(t < one.q_length)
    if one.k_length is not None:
        masks.append(place < one.k_length)
    for seen in masks:
        s = jnp.where(seen, s, -jnp.inf)
    return s


def _add_bias(d_bias: Array | None, d_s: Array, at: tuple) -> Array | None:
    """The bias's cotangent with this block's; summed along what was broadcast."""
    if d_bias is None:
        return None
    shape = d_bias.shape
    for axis in (0, 1):
        if shape[2 + axis] == 1:
            d_s = jnp.sum(d_s, axis=axis, keepdims=True)
    places = [i if n > 1 else 0 for i, n in zip(at, shape, strict=True)]
    start = [jnp.asarray(i, jnp.int32) for i in places]
    old = jax.lax.dynamic_slice(d_bias, start, (1, 1, *d_s.shape))
    return jax.lax.dynamic_update_slice(d_bias, old + d_s[None, None], start)

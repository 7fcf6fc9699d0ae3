"""Texts as integer tokens in arrays of fixed shape; a mask says which are there.

What a mask leaves out is cut, wherever it stands. Tokens are words or characters, as
the caller likes. One number a pair of texts, except where the docstring says so.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay._numerics import beside_top, from_top, wide
from assay.metrics._confusion import summed
from assay.metrics._reduce import mean, quotient, taking_part
from assay.typing import Array, Bool, Float, Int


class Overlap(NamedTuple):
    """What two texts share, a number a pair of texts."""

    precision: Array  # of what was predicted
    recall: Array  # of what is there
    f1: Array  # their harmonic mean


class Tokens(NamedTuple):
    """Texts whose tokens stand first, and how many there are."""

    ids: Array  # (*batch, length)
    length: Array  # (*batch,) int32


def tokens(who: str, name: str, ids: Array, mask: Array | None) -> Tokens:
    """The tokens that are there, moved to the front."""
    _check.integer(who, **{name: ids})
    _check.rank_at_least(who, name, ids, 1, "(*batch, tokens)")
    keep = taking_part(who, mask, **{name: ids})
    gone = (~keep).astype(jnp.int32)
    ids = jnp.asarray(ids)
    _, ids = jax.lax.sort((gone, ids), dimension=ids.ndim - 1, num_keys=1)
    return Tokens(ids, jnp.sum(keep, -1, dtype=jnp.int32))


def texts(who, predictions, targets, predictions_mask, targets_mask):
    """Both sides as `Tokens`, of one batch."""
    p = tokens(who, "predictions", predictions, predictions_mask)
    t = tokens(who, "targets", targets, targets_mask)
    batches = {"predictions' texts": p.length, "targets' texts": t.length}
    _check.same_shape(who, **batches)
    return p, t


def paired(f, p: Tokens, t: Tokens) -> Array:
    """f(Tokens, Tokens) of single texts, over the batch."""
    flat = [a.reshape(-1, *a.shape[p.length.ndim :]) for a in (*p, *t)]
    out = jax.vmap(lambda a, b, c, d: f(Tokens(a, b), Tokens(c, d)))(*flat)
    return jax.tree.map(lambda y: y.reshape((*p.length.shape, *y.shape[1:])), out)


def edit_distance(
    predictions: Int[Array, "*batch m"],
    targets: Int[Array, "*batch n"],
    *,
    predictions_mask: Bool[Array, "*batch m"] | None = None,
    targets_mask: Bool[Array, "*batch n"] | None = None,
) -> Int[Array, "*batch"]:
    """The fewest insertions, deletions and substitutions from one text to the other.

    >>> kitten, sitting = ([ord(c) for c in w] for w in ("kitten", "sitting"))
    >>> edit_distance(jnp.array(kitten), jnp.array(sitting)).tolist()
    3

    Levenshtein 1966; a row at a time, its left neighbours by a running minimum.

    Float32, CPU: within 0 ULP.
    """
    masks = predictions_mask, targets_mask
    return paired(_edits, *texts("edit_distance", predictions, targets, *masks))


def _edits(p: Tokens, t: Tokens) -> Array:
    """Dᵢⱼ = min(Dᵢ₋₁ⱼ + 1, Dᵢⱼ₋₁ + 1, Dᵢ₋₁ⱼ₋₁ + [pᵢ ≠ tⱼ])."""
    columns = jnp.arange(t.ids.shape[0] + 1, dtype=jnp.int32)

    def row(above, step):
        i, token = step
        cost = (t.ids != token).astype(jnp.int32)
        beside = jnp.minimum(above[1:] + 1, above[:-1] + cost)
        # From the left costs one a column: a running minimum of Dᵢⱼ − j.
        here = jnp.append(above[:1] + 1, beside)
        here = jax.lax.cummin(here - columns) + columns
        return jnp.where(i < p.length, here, above), None

    rows = jnp.arange(p.ids.shape[0], dtype=jnp.int32)
    last, _ = jax.lax.scan(row, _beside(columns, p, t), (rows, p.ids))
    return last[t.length]


def _beside(start: Array, p: Tokens, t: Tokens) -> Array:
    """`start`, varying over a mesh as the texts do: shard_map wants that of a carry."""
    sums = (jnp.sum(x.ids, dtype=jnp.int32) + x.length for x in (p, t))
    return start + 0 * sum(sums)


def word_error_rate(
    predictions: Int[Array, "*batch m"],
    targets: Int[Array, "*batch n"],
    *,
    predictions_mask: Bool[Array, "*batch m"] | None = None,
    targets_mask: Bool[Array, "*batch n"] | None = None,
) -> Float[Array, ""]:
    """Σ edit distance / Σ target length over all texts; NaN without target tokens.

    Of characters it is the character error rate.

    >>> word_error_rate(jnp.array([[1, 2, 3, 4]]), jnp.array([[1, 9, 3, 4]])).tolist()
    0.25

    Float32, CPU: within 1 ULP.
    """
    masks = predictions_mask, targets_mask
    p, t = texts("word_error_rate", predictions, targets, *masks)
    return quotient(summed(paired(_edits, p, t)), summed(t.length), empty=jnp.nan)


def rouge_l(
    predictions: Int[Array, "*batch m"],
    targets: Int[Array, "*batch n"],
    *,
    predictions_mask: Bool[Array, "*batch m"] | None = None,
    targets_mask: Bool[Array, "*batch n"] | None = None,
) -> Overlap:
    """The longest common subsequence / predicted tokens, / target tokens, and their F1.

    >>> rouge_l(jnp.array([1, 2, 3, 4]), jnp.array([1, 3, 9])).precision.tolist()
    0.5

    Lin 2004, https://aclanthology.org/W04-1013.

    Float32, CPU: within 2 ULP.
    """
    masks = predictions_mask, targets_mask
    p, t = texts("rouge_l", predictions, targets, *masks)
    return _overlap(paired(_common, p, t), p.length, t.length)


def _common(p: Tokens, t: Tokens) -> Array:
    """Lᵢⱼ = max(Lᵢ₋₁ⱼ, Lᵢⱼ₋₁, Lᵢ₋₁ⱼ₋₁ + [pᵢ = tⱼ])."""

    def row(above, step):
        i, token = step
        better = jnp.maximum(above[1:], above[:-1] + (t.ids == token).astype(jnp.int32))
        here = jax.lax.cummax(jnp.append(above[:1], better))
        return jnp.where(i < p.length, here, above), None

    rows = jnp.arange(p.ids.shape[0], dtype=jnp.int32)
    start = _beside(jnp.zeros(t.ids.shape[0] + 1, jnp.int32), p, t)
    last, _ = jax.lax.scan(row, start, (rows, p.ids))
    return last[t.length]


def _overlap(shared: Array, predicted: Array, there: Array) -> Overlap:
    """Counts as ratios; 0 where there is nothing."""
    f1 = quotient(2 * shared, predicted + there)
    return Overlap(quotient(shared, predicted), quotient(shared, there), f1)


def rouge_n(
    predictions: Int[Array, "*batch m"],
    targets: Int[Array, "*batch n"],
    *,
    n: int = 2,
    predictions_mask: Bool[Array, "*batch m"] | None = None,
    targets_mask: Bool[Array, "*batch n"] | None = None,
) -> Overlap:
    """Common n-grams / predicted n-grams, / target n-grams, and their F1.

    >>> rouge_n(jnp.array([1, 2, 3, 4]), jnp.array([1, 2, 9]), n=1).recall.round(4)
    Array(0.6667, dtype=float32)

    Lin 2004, https://aclanthology.org/W04-1013.

    Float32, CPU: within 2 ULP.
    """
    _check.within("rouge_n", "n", n, 1, float("inf"))
    masks = predictions_mask, targets_mask
    p, t = texts("rouge_n", predictions, targets, *masks)
    single = Tokens(t.ids[..., None, :], t.length[..., None])
    shared = paired(lambda a, b: common_grams(a, b, n), p, single)[..., n - 1]
    return _overlap(shared, grams(p.length, n), grams(t.length, n))


def grams(length: Array, n: int | Array) -> Array:
    """How many n-grams a text has."""
    return jnp.maximum(length - (n - 1), 0)


def common_grams(p: Tokens, t: Tokens, most: int) -> Array:
    """Σ min(times in p, times in the text of t that has most), for n = 1 … most.

    `t` is (texts, tokens). An n-gram of p counts if fewer of its kind stand before it
    in p than there are in t; n-grams are equal if the shorter ones are, and the tokens
    behind them.
    """
    i = jnp.arange(p.ids.shape[0], dtype=jnp.int32)
    earlier = i[None, :] < i[:, None]
    single = jax.vmap(lambda *one: _equal(p, Tokens(*one)))(*t), _equal(p, p)

    def step(carry, _):
        (others, own), ahead = carry
        before = jnp.sum(own & earlier, 1, dtype=jnp.int32)
        there = jnp.max(jnp.sum(others, 2, dtype=jnp.int32), 0, initial=0)
        found = jnp.sum(before < there, dtype=jnp.int32)
        ahead = jax.tree.map(_next, ahead)
        return ((others & ahead[0], own & ahead[1]), ahead), found

    return jax.lax.scan(step, (single, single), length=most)[1]


def _equal(p: Tokens, t: Tokens) -> Array:
    """[i, j]: whether token i of p is token j of t, and both are there."""
    i, j = (jnp.arange(x.ids.shape[0], dtype=jnp.int32) < x.length for x in (p, t))
    return (p.ids[:, None] == t.ids[None, :]) & i[:, None] & j[None, :]


def _next(same: Array) -> Array:
    """[..., i, j] becomes [..., i + 1, j + 1], False behind the end."""
    widths = [(0, 0)] * (same.ndim - 2) + [(0, 1), (0, 1)]
    return jnp.pad(same, widths)[..., 1:, 1:]


def perplexity(
    logits: Float[Array, "*batch classes"],
    labels: Int[Array, "*batch"],
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, ""]:
    """exp of the mean of −log softmax(logits)[label], over all tokens.

    A label that is no class gives NaN.

    >>> perplexity(jnp.zeros((3, 7)), jnp.array([0, 3, 6])).round(3).tolist()
    7.0...

    Float32, CPU: within 6 ULP of the result times max(1, its logarithm).
    """
    costs = surprise("perplexity", logits, labels)
    return jnp.exp(mean(costs, taking_part("perplexity", where, labels=costs)))


def surprise(who: str, logits: Array, labels: Array) -> Array:
    """−log softmax(logits)[label] of each token, at least float32."""
    _check.floating(who, logits=logits)
    _check.integer(who, labels=labels)
    x, labels = wide(logits), jnp.asarray(labels, jnp.int32)
    _check.same_shape(who, **{"logits' tokens": x[..., 0], "labels": labels})
    d, error, _ = from_top(x, -1)
    valid = (labels >= 0) & (labels < x.shape[-1])
    at = jnp.where(valid, labels, 0)[..., None]
    gap = jnp.take_along_axis(d + error, at, -1)
    cost = jnp.log1p(beside_top(x, -1)) - gap
    return jnp.where(valid, cost[..., 0], jnp.nan)

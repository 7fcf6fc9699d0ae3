"""BLEU: counts that add up over a corpus, and the score they give."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.metrics._reduce import quotient
from assay.metrics._text import Tokens, _equal, _longer, grams, tokens
from assay.typing import Array, Bool, Float, Int


class BleuCounts(NamedTuple):
    """What BLEU adds up over texts."""

    matches: Array  # (n,) n-grams that a reference has too, for n = 1, 2, ...
    possible: Array  # (n,) n-grams predicted
    predicted: Array  # () tokens predicted
    wanted: Array  # () tokens of the references nearest in length


def bleu(
    predictions: Int[Array, "*batch m"],
    targets: Int[Array, "*batch references n"],
    *,
    order: int = 4,
    predictions_mask: Bool[Array, "*batch m"] | None = None,
    targets_mask: Bool[Array, "*batch references n"] | None = None,
) -> Float[Array, ""]:
    """min(1, e^(1 − r/c)) · (Π matchesₙ / possibleₙ)^(1/order), n = 1 … order.

    One number for the corpus, not smoothed: 0 if no n-gram of some length matches. Each
    text has one or several references; one that is masked out is none.

    >>> text = jnp.arange(6)[None]
    >>> bleu(text, text[:, None]).tolist()
    1.0

    Papineni et al. 2002, doi:10.3115/1073083.1073135.
    """
    masks = predictions_mask, targets_mask
    return bleu_of(bleu_counts("bleu", predictions, targets, order, *masks))


def bleu_counts(
    who: str, predictions, targets, order: int, predictions_mask, targets_mask
) -> BleuCounts:
    """The counts of a batch of texts, summed."""
    _check.within(who, "order", order, 1, float("inf"))
    _check.rank_at_least(who, "targets", targets, 2, "(*batch, references, n)")
    p = tokens(who, "predictions", predictions, predictions_mask)
    t = tokens(who, "targets", targets, targets_mask)
    batches = {"predictions' texts": p.length, "targets' texts": t.length[..., 0]}
    _check.same_shape(who, **batches)
    flat = [a.reshape(-1, *a.shape[p.length.ndim :]) for a in (*p, *t)]

    def one(a, b, c, d):
        return _counted(Tokens(a, b), Tokens(c, d), order)

    return jax.tree.map(lambda c: jnp.sum(c, 0), jax.vmap(one)(*flat))


def _counted(p: Tokens, references: Tokens, order: int) -> BleuCounts:
    """The counts of one text."""
    same = jax.vmap(lambda t: _equal(p, t))(references)
    own, found = _equal(p, p), []
    single, alone = same, own
    for n in range(1, order + 1):
        before = jnp.sum(jnp.tril(own, -1), 1, dtype=jnp.int32)
        there = jnp.max(jnp.sum(same, 2, dtype=jnp.int32), 0, initial=0)
        found.append(jnp.sum(before < there, dtype=jnp.int32))
        same = jax.vmap(lambda a, b, n=n: _longer(a, n, b))(same, single)
        own = _longer(own, n, alone)
    possible = jnp.stack([grams(p.length, n) for n in range(1, order + 1)])
    return BleuCounts(jnp.stack(found), possible, p.length, _nearest(p, references))


def _nearest(p: Tokens, references: Tokens) -> Array:
    """The length of the reference that is nearest, the shorter of two; 0 of none."""
    lengths = references.length
    # One integer in which the distance counts first, then the length.
    rank = jnp.abs(lengths - p.length) * (references.ids.shape[-1] + 1) + lengths
    rank = jnp.where(lengths > 0, rank, jnp.iinfo(jnp.int32).max)
    return lengths[jnp.argmin(rank)]


def bleu_of(counts: BleuCounts) -> Float[Array, ""]:
    """min(1, e^(1 − r/c)) · (Π matchesₙ / possibleₙ)^(1/order); 0 if a match is 0.

    >>> halves = BleuCounts(
    ...     jnp.array([4, 2]), jnp.array([8, 4]), jnp.array(8), jnp.array(8))
    >>> bleu_of(halves).round(4).tolist()
    0.5

    Papineni et al. 2002, doi:10.3115/1073083.1073135.
    """
    shares = quotient(counts.matches, counts.possible)
    logs = jnp.log(jnp.where(shares > 0, shares, 1))
    short = quotient(counts.wanted - counts.predicted, counts.predicted)
    level = jnp.mean(logs) - jnp.maximum(short, 0)
    return jnp.where(jnp.all(shares > 0), jnp.exp(level), 0)

"""BLEU: counts that add up over a corpus, and the score they give."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.metrics._confusion import summed
from assay.metrics._reduce import quotient
from assay.metrics._text import Tokens, common_grams, grams, paired, tokens
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

    Float32, CPU: within 2 ULP.
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
    found = paired(lambda a, b: common_grams(a, b, order), p, t)
    orders = jnp.arange(1, order + 1, dtype=jnp.int32)
    possible = jax.vmap(lambda n: grams(p.length, n), out_axes=-1)(orders)
    counts = BleuCounts(found, possible, p.length, _nearest(p, t))
    texts = tuple(range(p.length.ndim))
    return BleuCounts(*(summed(c, texts) for c in counts))


def _nearest(p: Tokens, references: Tokens) -> Array:
    """The length of the reference that is nearest, the shorter of two; 0 of none."""
    lengths, base = references.length, references.ids.shape[-1] + 1
    apart = jnp.abs(lengths - jnp.broadcast_to(p.length[..., None], lengths.shape))
    # One integer in which the distance counts first, then the length.
    rank = jnp.where(lengths > 0, apart * base + lengths, jnp.iinfo(jnp.int32).max)
    nearest = jnp.min(rank, -1)
    return jnp.where(jnp.any(lengths > 0, -1), nearest % base, 0)


def bleu_of(counts: BleuCounts) -> Float[Array, ""]:
    """min(1, e^(1 − r/c)) · (Π matchesₙ / possibleₙ)^(1/order); 0 if a match is 0.

    >>> halves = BleuCounts(
    ...     jnp.array([4, 2]), jnp.array([8, 4]), jnp.array(8), jnp.array(8))
    >>> bleu_of(halves).round(4).tolist()
    0.5

    Papineni et al. 2002, doi:10.3115/1073083.1073135.

    Float32, CPU: within 2 ULP.
    """
    shares = quotient(counts.matches, counts.possible)
    logs = jnp.log(jnp.where(shares > 0, shares, 1))
    short = quotient(counts.wanted - counts.predicted, counts.predicted)
    level = jnp.mean(logs) - jnp.maximum(short, 0)
    return jnp.where(jnp.all(shares > 0), jnp.exp(level), 0)

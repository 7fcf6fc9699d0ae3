"""Several labels an example: does the ranking of the classes put the true ones first?

Labels are 0 and 1, (*batch, classes). ``where`` True = the example takes part.
"""

import jax.numpy as jnp

from assay import _check
from assay._numerics import wide
from assay.metrics._reduce import count, is_true, mean, quotient, taking_part
from assay.typing import Array, Bool, Float, Shaped


def _examples(who, scores, labels, where) -> tuple[Array, Array, Array]:
    """(scores, which labels are true, which examples take part)."""
    _check.floating(who, scores=scores)
    _check.same_shape(who, scores=scores, labels=labels)
    _check.rank_at_least(who, "scores", scores, 1, "(*batch, classes)")
    true = is_true(labels)
    return wide(scores), true, taking_part(who, where, examples=true[..., 0])


def _at_least(scores: Array) -> Array:
    """[..., i, j]: whether score j is at least score i."""
    n = scores.shape[-1]
    many = jnp.broadcast_to(scores[..., None, :], (*scores.shape, n))
    return many >= jnp.swapaxes(many, -1, -2)


def _both(true: Array, other: Array) -> Array:
    """[..., i, j]: i is true and j is in `other`."""
    shape = (*true.shape, true.shape[-1])
    one = jnp.broadcast_to(true[..., :, None], shape)
    return one & jnp.broadcast_to(other[..., None, :], shape)


def coverage_error(
    scores: Float[Array, "*batch classes"],
    labels: Shaped[Array, "*batch classes"],
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, ""]:
    """The mean rank of the last true label: how far down to find them all; 0 of none.

    >>> coverage_error(jnp.array([[0.9, 0.5, 0.1]]), jnp.array([[1, 1, 0]])).tolist()
    2.0

    Tsoumakas, Katakis and Vlahavas 2010, doi:10.1007/978-0-387-09823-4_34.

    Float32, CPU: within 2 ULP.
    """
    x, true, keep = _examples("coverage_error", scores, labels, where)
    ranks = count(_at_least(x) & _both(true, jnp.ones_like(true)), -1)
    return mean(jnp.max(ranks, -1, initial=0).astype(x.dtype), keep)


def label_ranking_average_precision(
    scores: Float[Array, "*batch classes"],
    labels: Shaped[Array, "*batch classes"],
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, ""]:
    """The mean share of true labels among those ranked at or above each true label.

    1 for an example without true labels, or with nothing else.

    >>> scores, labels = jnp.array([[0.9, 0.5, 0.1]]), jnp.array([[1, 0, 1]])
    >>> label_ranking_average_precision(scores, labels).tolist()
    0.83...

    Tsoumakas, Katakis and Vlahavas 2010, doi:10.1007/978-0-387-09823-4_34.

    Float32, CPU: within 3 ULP.
    """
    who = "label_ranking_average_precision"
    x, true, keep = _examples(who, scores, labels, where)
    above = _at_least(x)
    shares = quotient(count(above & _both(true, true), -1), count(above, -1), x.dtype)
    each = quotient(jnp.sum(shares, -1), count(true, -1), x.dtype, 1)
    return mean(each, keep)


def label_ranking_loss(
    scores: Float[Array, "*batch classes"],
    labels: Shaped[Array, "*batch classes"],
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, ""]:
    """The mean share of pairs (true, other) whose other scores at least as high.

    0 for an example without such pairs.

    >>> scores, labels = jnp.array([[0.9, 0.5, 0.1]]), jnp.array([[1, 0, 1]])
    >>> label_ranking_loss(scores, labels).tolist()
    0.5

    Tsoumakas, Katakis and Vlahavas 2010, doi:10.1007/978-0-387-09823-4_34.

    Float32, CPU: within 3 ULP.
    """
    x, true, keep = _examples("label_ranking_loss", scores, labels, where)
    pairs = _both(true, ~true)
    wrong = count(_at_least(x) & pairs, (-2, -1))
    return mean(quotient(wrong, count(pairs, (-2, -1)), x.dtype), keep)

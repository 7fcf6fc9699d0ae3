"""Rankings: one number a query, for the caller to average, or `running_mean` to.

Items are ranked by falling score; equal scores keep their order. ``where`` True = the
item is there. Labels are relevances: 0 is not relevant. Without a relevant item every
score is 0.
"""

import jax.numpy as jnp
import numpy as np

from assay import _check
from assay._numerics import wide
from assay.metrics._reduce import count, quotient, taking_part
from assay.typing import Array, Bool, Float, Num, Shaped


def _ranked(
    who: str, scores: Array, labels: Array, k: int | None, where: Array | None
) -> tuple[Array, Array]:
    """(labels by falling score, those of the first k); 0 for what is not there."""
    _check.floating(who, scores=scores)
    _check.same_shape(who, scores=scores, labels=labels)
    _check.rank_at_least(who, "scores", scores, 1, "(*batch, items)")
    if k is not None:
        _check.within(who, "k", k, 1, jnp.shape(scores)[-1])
    keep = taking_part(who, where, scores=scores)
    labels = jnp.asarray(labels)
    labels = labels.astype(jnp.int32) if labels.dtype == jnp.bool_ else labels
    labels = jnp.where(keep, labels, 0)
    falling = jnp.argsort(-jnp.where(keep, wide(scores), -jnp.inf), axis=-1)
    labels = jnp.take_along_axis(labels, falling, -1)
    return labels, labels[..., :k]


def reciprocal_rank(
    scores: Float[Array, "*batch items"],
    labels: Shaped[Array, "*batch items"],
    *,
    k: int | None = None,
    where: Bool[Array, "*batch items"] | None = None,
) -> Float[Array, "*batch"]:
    """1 / the rank of the first relevant item, 0 if none is among the first k.

    Its mean over queries is the MRR.

    >>> reciprocal_rank(jnp.array([[0.9, 0.8, 0.1]]), jnp.array([[0, 1, 1]])).tolist()
    [0.5]

    Float32, CPU: within 1 ULP.
    """
    _, top = _ranked("reciprocal_rank", scores, labels, k, where)
    relevant = top != 0
    first = jnp.argmax(relevant, -1).astype(wide(scores).dtype) + 1
    return jnp.where(jnp.any(relevant, -1), 1 / first, 0)


def hit_at_k(
    scores: Float[Array, "*batch items"],
    labels: Shaped[Array, "*batch items"],
    *,
    k: int,
    where: Bool[Array, "*batch items"] | None = None,
) -> Float[Array, "*batch"]:
    """1 if a relevant item is among the first k, else 0: its mean is the hit rate.

    >>> hit_at_k(jnp.array([[0.9, 0.8, 0.1]]), jnp.array([[0, 1, 0]]), k=1).tolist()
    [0.0]

    Float32, CPU: within 0 ULP.
    """
    _, top = _ranked("hit_at_k", scores, labels, k, where)
    return jnp.any(top != 0, -1).astype(wide(scores).dtype)


def precision_at_k(
    scores: Float[Array, "*batch items"],
    labels: Shaped[Array, "*batch items"],
    *,
    k: int,
    where: Bool[Array, "*batch items"] | None = None,
) -> Float[Array, "*batch"]:
    """Relevant items among the first k / k.

    >>> precision_at_k(jnp.array([[0.9, 0.8, 0.1]]), jnp.array([[0, 1, 0]]), k=2)
    Array([0.5], dtype=float32)

    Float32, CPU: within 1 ULP.
    """
    _, top = _ranked("precision_at_k", scores, labels, k, where)
    return count(top != 0, -1).astype(wide(scores).dtype) / k


def recall_at_k(
    scores: Float[Array, "*batch items"],
    labels: Shaped[Array, "*batch items"],
    *,
    k: int,
    where: Bool[Array, "*batch items"] | None = None,
) -> Float[Array, "*batch"]:
    """Relevant items among the first k / all relevant items.

    >>> recall_at_k(jnp.array([[0.9, 0.8, 0.1]]), jnp.array([[0, 1, 1]]), k=2).tolist()
    [0.5]

    Float32, CPU: within 1 ULP.
    """
    every, top = _ranked("recall_at_k", scores, labels, k, where)
    return quotient(count(top != 0, -1), count(every != 0, -1), wide(scores).dtype)


def average_precision_at_k(
    scores: Float[Array, "*batch items"],
    labels: Shaped[Array, "*batch items"],
    *,
    k: int | None = None,
    where: Bool[Array, "*batch items"] | None = None,
) -> Float[Array, "*batch"]:
    """Σ precision at each relevant item of the first k / min(relevant items, k).

    Its mean over queries is MAP@k.

    >>> scores, labels = jnp.array([[0.9, 0.8, 0.1]]), jnp.array([[1, 0, 1]])
    >>> average_precision_at_k(scores, labels).tolist()
    [0.83...]

    Float32, CPU: within 2 ULP.
    """
    every, top = _ranked("average_precision_at_k", scores, labels, k, where)
    relevant, dtype = top != 0, wide(scores).dtype
    hits = jnp.cumsum(relevant.astype(jnp.int32), -1).astype(dtype)
    ranks = jnp.arange(1, top.shape[-1] + 1, dtype=dtype)
    precisions = jnp.where(relevant, hits / jnp.broadcast_to(ranks, hits.shape), 0)
    most = jnp.minimum(count(every != 0, -1), top.shape[-1])
    return quotient(jnp.sum(precisions, -1), most, dtype)


def ndcg(
    scores: Float[Array, "*batch items"],
    labels: Num[Array, "*batch items"],
    *,
    k: int | None = None,
    where: Bool[Array, "*batch items"] | None = None,
) -> Float[Array, "*batch"]:
    """Σ labelᵢ / log₂(i + 1) over the first k / the same of the best ranking.

    The gain is the label itself; pass `2.0**labels - 1` for Burges's.

    >>> ndcg(jnp.array([[0.9, 0.8, 0.1]]), jnp.array([[0.0, 1.0, 0.0]])).round(4)
    Array([0.63089...], dtype=float32)

    Järvelin and Kekäläinen 2002, doi:10.1145/582415.582418.

    Float32, CPU: within 4 ULP.
    """
    every, top = _ranked("ndcg", scores, labels, k, where)
    best = jnp.sort(every, -1, descending=True)[..., :k]
    discount = jnp.asarray(
        1 / np.log2(np.arange(top.shape[-1]) + 2), wide(scores).dtype
    )
    discount = jnp.broadcast_to(discount, top.shape)
    got, most = (
        jnp.sum(wide(y).astype(discount.dtype) * discount, -1) for y in (top, best)
    )
    return quotient(got, most)

"""Losses of lists of scores by the relevance of items; `where` ends short lists."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from assay import _numerics
from assay.activations import relu, sigmoid, softplus
from assay.losses._integer_labels import softmax_cross_entropy_with_integer_labels
from assay.losses._mask import _mask
from assay.losses._pair import _pair
from assay.losses._reduce import mean
from assay.losses._softmax import softmax_cross_entropy
from assay.typing import Array, Bool, Float, Num, Scalar


def ranking_softmax_loss(
    logits: Float[Array, "*batch n"],
    labels: Num[Array, "*batch n"],
    *,
    where: Bool[Array, "*batch n"] | None = None,
    weights: Num[Array, "*batch n"] | None = None,
    reduce_fn: Callable[..., Array] | None = jnp.mean,
) -> Float[Array, "..."]:
    """−Σ weight · label · log softmax(logits) over the last axis: ListNet.

    `reduce_fn=None` gives one number per list. The mean is over lists with an item, and
    0 if there is none.

    >>> ranking_softmax_loss(jnp.array([2.0, 1.0, 3.0]), jnp.array([1, 0, 0])).item()
    1.407...

    Cao et al. 2007, doi:10.1145/1273496.1273513.

    Float32, CPU: within 4 ULP.
    """
    who = "ranking_softmax_loss"
    x, labels = _pair(who, logits=logits, labels=labels)
    if weights is not None:
        labels = labels * _pair(who, logits=logits, weights=weights)[1]
    costs = softmax_cross_entropy(x, labels, where=where)
    if reduce_fn is None:
        return _numerics.narrow(costs, logits)
    lists = None if where is None else jnp.any(_mask(where, x, -1), -1)
    reduce_fn = mean if reduce_fn is jnp.mean else reduce_fn
    return _numerics.narrow(reduce_fn(costs, where=lists), logits)


def _lists(who: str, scores: Any, labels: Any, where: Any) -> tuple[Array, ...]:
    """(scores, labels, items that count), the scores of others 0."""
    x, labels = _pair(who, scores=scores, labels=labels)
    part = _mask(where, x, -1)
    return jnp.where(part, x, 0), labels, part


def list_mle_loss(
    scores: Float[Array, "*batch n"],
    labels: Num[Array, "*batch n"],
    *,
    where: Bool[Array, "*batch n"] | None = None,
) -> Float[Array, "*batch"]:
    """Σᵢ log Σ_{j ≥ i} e^(sⱼ − sᵢ), with the scores s in descending order of labels.

    Items of one label stand in the order given.

    >>> list_mle_loss(jnp.array([0.0, 0.0, 0.0]), jnp.array([3, 1, 2])).item()
    1.791...

    Xia et al. 2008, doi:10.1145/1390156.1390306.

    Float32, CPU: within 4 ULP.
    """
    x, labels, part = _lists("list_mle_loss", scores, labels, where)
    order = jnp.argsort(jnp.where(part, -labels, jnp.inf), -1, stable=True)
    x, part = (jnp.take_along_axis(a, order, -1) for a in (x, part))
    # Row i: the items that are left when i is chosen, itself first.
    n = x.shape[-1]
    left = jnp.triu(jnp.broadcast_to(jnp.expand_dims(part, -2), (*x.shape, n)))
    rows = jnp.broadcast_to(jnp.expand_dims(x, -2), left.shape)
    own = jnp.broadcast_to(jnp.arange(n), x.shape)
    costs = softmax_cross_entropy_with_integer_labels(rows, own, where=left)
    return _numerics.narrow(jnp.sum(costs, -1), scores)


def _pairs(who: str, scores: Any, labels: Any, where: Any) -> tuple[Array, Array]:
    """(scoreᵢ − scoreⱼ, whether i belongs above j) of all pairs of items."""
    x, labels, part = _lists(who, scores, labels, where)
    above = jnp.expand_dims(labels, -1) > jnp.expand_dims(labels, -2)
    both = jnp.expand_dims(part, -1) & jnp.expand_dims(part, -2)
    return jnp.expand_dims(x, -1) - jnp.expand_dims(x, -2), above & both


def pairwise_logistic_loss(
    scores: Float[Array, "*batch n"],
    labels: Num[Array, "*batch n"],
    *,
    where: Bool[Array, "*batch n"] | None = None,
) -> Float[Array, "*batch"]:
    """Σ log(1 + e^(scoreⱼ − scoreᵢ)) over the pairs with labelᵢ > labelⱼ: RankNet.

    >>> pairwise_logistic_loss(jnp.array([0.0, 0.0, 0.0]), jnp.array([2, 1, 1])).item()
    1.386...

    Burges et al. 2005, doi:10.1145/1102351.1102363.

    Float32, CPU: within 3 ULP.
    """
    gaps, above = _pairs("pairwise_logistic_loss", scores, labels, where)
    costs = jnp.where(above, softplus(jnp.where(above, -gaps, 0)), 0)
    return _numerics.narrow(jnp.sum(costs, (-2, -1)), scores)


def pairwise_hinge_loss(
    scores: Float[Array, "*batch n"],
    labels: Num[Array, "*batch n"],
    *,
    where: Bool[Array, "*batch n"] | None = None,
) -> Float[Array, "*batch"]:
    """Σ max(0, 1 − (scoreᵢ − scoreⱼ)) over the pairs with labelᵢ > labelⱼ.

    >>> pairwise_hinge_loss(jnp.array([0.5, 0.0, 3.0]), jnp.array([2, 1, 1])).item()
    4.0

    Joachims 2002, doi:10.1145/775047.775067.

    Float32, CPU: within 2 ULP.
    """
    gaps, above = _pairs("pairwise_hinge_loss", scores, labels, where)
    costs = relu(jnp.where(above, 1 - gaps, 0))
    return _numerics.narrow(jnp.sum(costs, (-2, -1)), scores)


def _discounted(labels: Array, ranks: Array, part: Array) -> Array:
    """Σ (2^label − 1) / log₂(1 + rank)."""
    gains = jnp.where(part, jnp.exp2(labels) - 1, 0)
    return jnp.sum(gains / jnp.log2(1 + ranks), -1)


def approx_ndcg_loss(
    scores: Float[Array, "*batch n"],
    labels: Num[Array, "*batch n"],
    *,
    temperature: Scalar = 0.1,
    where: Bool[Array, "*batch n"] | None = None,
) -> Float[Array, "*batch"]:
    """1 − NDCG at the soft ranks 1 + Σ_{j ≠ i} σ((scoreⱼ − scoreᵢ) / temperature).

    Gains are 2^label − 1; 0 for a list in which nothing is relevant.

    >>> approx_ndcg_loss(jnp.array([9.0, 5.0, 1.0]), jnp.array([1, 0, 0])).item()
    0.0

    Qin, Liu and Li 2010, doi:10.1007/s10791-009-9124-x.

    Float32, CPU: within 3 ULP of 1.
    """
    x, labels, part = _lists("approx_ndcg_loss", scores, labels, where)
    n = x.shape[-1]
    gaps = jnp.expand_dims(x, -2) - jnp.expand_dims(x, -1)
    rivals = jnp.broadcast_to(~jnp.eye(n, dtype=bool), gaps.shape)
    rivals &= jnp.expand_dims(part, -2)
    wins = sigmoid(gaps / jnp.asarray(temperature, x.dtype))
    ranks = 1 + jnp.sum(jnp.where(rivals, wins, 0), -1)
    ideal = -jnp.sort(jnp.where(part, -labels, jnp.inf), -1)
    places = jnp.broadcast_to(jnp.arange(1, n + 1, dtype=x.dtype), x.shape)
    best = _discounted(jnp.maximum(ideal, 0), places, ideal > 0)
    nothing = best == 0
    reached = _discounted(labels, ranks, part) / jnp.where(nothing, 1, best)
    return _numerics.narrow(jnp.where(nothing, 0, 1 - reached), scores)

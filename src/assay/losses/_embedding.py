"""Losses of pairs and triplets of embeddings, or of their distances."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations import relu
from assay.losses._distances import (
    _degree,
    _length,
    cosine_distance,
    cosine_similarity,
    pairwise_distance,
)
from assay.losses._pair import _pair
from assay.typing import Array, Float, Num, Scalar


def hinge_embedding_loss(
    distances: Float[Array, "*shape"],
    labels: Num[Array, "*shape"],
    *,
    margin: Scalar = 1.0,
) -> Float[Array, "*shape"]:
    """The distance for a label of 1, max(0, margin − distance) for -1.

    >>> hinge_embedding_loss(jnp.array([0.5, 0.25]), jnp.array([1, -1])).tolist()
    [0.5, 0.75]

    Float32, CPU: within 0.5 ULP; derivatives 0.
    """
    d, labels = _pair("hinge_embedding_loss", distances=distances, labels=labels)
    y = jnp.where(labels > 0, d, relu(jnp.asarray(margin, d.dtype) - d))
    return _numerics.narrow(y, distances)


def contrastive_loss(
    distances: Float[Array, "*shape"],
    labels: Num[Array, "*shape"],
    *,
    margin: Scalar = 1.0,
) -> Float[Array, "*shape"]:
    """½ d² for a pair that belongs together (1), ½ max(0, margin − d)² for others (0).

    The paper's labels are the other way round.

    >>> contrastive_loss(jnp.array([0.5, 0.5, 3.0]), jnp.array([1, 0, 0])).tolist()
    [0.125, 0.125, 0.0]

    Hadsell, Chopra and LeCun 2006, doi:10.1109/CVPR.2006.100.

    Float32, CPU: within 2 ULP; derivatives 0.5.
    """
    d, labels = _pair("contrastive_loss", distances=distances, labels=labels)
    off = jnp.where(labels > 0, d, relu(jnp.asarray(margin, d.dtype) - d))
    return _numerics.narrow(off * (off / 2), distances)


def margin_ranking_loss(
    x: Float[Array, "*shape"],
    y: Float[Array, "*shape"],
    labels: Num[Array, "*shape"],
    *,
    margin: Scalar = 0.0,
) -> Float[Array, "*shape"]:
    """max(0, −label · (x − y) + margin): x above y for a label of 1, below for -1.

    >>> x, y = jnp.array([2.0, 2.0]), jnp.array([1.0, 1.0])
    >>> margin_ranking_loss(x, y, jnp.array([1, -1])).tolist()
    [0.0, 1.0]

    Float32, CPU: within 1 ULP of the largest term; derivatives 0.
    """
    _check.same_shape("margin_ranking_loss", x=x, y=y, labels=labels)
    _check.floating("margin_ranking_loss", x=x, y=y)
    a, b, labels = _numerics.widest(x, y, labels)
    short = labels * (b - a) + jnp.asarray(margin, a.dtype)
    return _numerics.narrow(relu(short), x)


def cosine_embedding_loss(
    x: Float[Array, "*batch d"],
    y: Float[Array, "*batch d"],
    labels: Num[Array, "*batch"],
    *,
    margin: Scalar = 0.0,
) -> Float[Array, "*batch"]:
    """1 − cos(x, y) for a label of 1, max(0, cos(x, y) − margin) for -1.

    >>> x, y = jnp.array([[1.0, 0.0], [1.0, 0.0]]), jnp.array([[2.0, 0.0], [2.0, 0.0]])
    >>> cosine_embedding_loss(x, y, jnp.array([1, -1]), margin=0.5).tolist()
    [0.0, 0.5]

    Float32, CPU: within 6 ULP of 1.
    """
    who = "cosine_embedding_loss"
    _check.same_shape(who, x=x, y=y)
    _check.floating(who, x=x, y=y)
    a, b, labels = _numerics.widest(x, y, labels)
    if labels.shape != a.shape[:-1]:
        got = f"labels.shape={labels.shape} and x.shape={a.shape}"
        _check.fail(who, "labels must have the shape of x without its last axis", got)
    margin = jnp.asarray(margin, a.dtype)
    apart = relu(cosine_similarity(a, b) - margin)
    return _numerics.narrow(jnp.where(labels > 0, cosine_distance(a, b), apart), x)


def _three(who: str, **arrays: Any) -> tuple[Array, ...]:
    _check.same_shape(who, **arrays)
    _check.floating(who, **arrays)
    return _numerics.widest(*arrays.values())


def triplet_margin_loss(
    anchors: Float[Array, "*shape"],
    positives: Float[Array, "*shape"],
    negatives: Float[Array, "*shape"],
    axis: int = -1,
    norm_degree: float | int = 2,
    margin: Scalar = 1.0,
    eps: Scalar = 1e-6,
    *,
    swap: bool = False,
) -> Float[Array, "*batch"]:
    """max(0, d(a, p) − d(a, n) + margin), d = (Σ |x − y|^norm_degree + eps)^(1/…).

    With `swap` d(p, n) counts if it is less than d(a, n). With eps 0 the derivatives of
    equal points are 0. Optax has no |·|: odd degrees are wrong there.

    >>> a, p, n = jnp.array([1.0, 1.0]), jnp.array([1.0, 2.0]), jnp.array([2.0, 0.0])
    >>> triplet_margin_loss(a, p, n, norm_degree=1, margin=1.5, eps=0.0).item()
    0.5

    Balntas et al. 2016, doi:10.5244/C.30.119.

    Float32, CPU: within 5 ULP of the largest term.
    """
    who = "triplet_margin_loss"
    degree = _degree(who, "norm_degree", norm_degree)
    arrays = {"anchors": anchors, "positives": positives, "negatives": negatives}
    a, p, n = _three(who, **arrays)

    # As one entry more, which the norm raises to the degree again.
    root = jnp.asarray(eps, a.dtype) ** (1 / degree) if degree < math.inf else 0.0
    lone = jax.lax.slice_in_dim(a, 0, 1, axis=axis)

    def distance(x, y):
        d = jnp.concatenate([x - y, jnp.full_like(lone, root)], axis)
        return _length(d, degree, axis)

    return _numerics.narrow(_triplet(a, p, n, distance, margin, swap), anchors)


def _triplet(a, p, n, distance, margin, swap):
    near, far = distance(a, p), distance(a, n)
    far = jnp.minimum(far, distance(p, n)) if swap else far
    return relu((near - far) + jnp.asarray(margin, near.dtype))


def triplet_margin_with_distance_loss(
    anchors: Float[Array, "*shape"],
    positives: Float[Array, "*shape"],
    negatives: Float[Array, "*shape"],
    *,
    distance: Callable[[Array, Array], Array] = pairwise_distance,
    margin: Scalar = 1.0,
    swap: bool = False,
) -> Float[Array, "*batch"]:
    """max(0, d(a, p) − d(a, n) + margin) with your own distance d.

    With `swap` d(p, n) counts if it is less than d(a, n).

    >>> a, p, n = jnp.array([1.0, 0.0]), jnp.array([2.0, 0.0]), jnp.array([0.0, 1.0])
    >>> d = cosine_distance
    >>> triplet_margin_with_distance_loss(a, p, n, distance=d, margin=1.5).item()
    0.5

    Float32, CPU: within 3 ULP of the largest term.
    """
    who = "triplet_margin_with_distance_loss"
    arrays = {"anchors": anchors, "positives": positives, "negatives": negatives}
    a, p, n = _three(who, **arrays)
    return _numerics.narrow(_triplet(a, p, n, distance, margin, swap), anchors)

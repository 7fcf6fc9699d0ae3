"""Angles, distances and what is made of them, in NumPy's extended precision.

Optax serves where it is right: its triplets lack the absolute value, so odd degrees are
wrong, and its cosine holds the square of the norm above epsilon.
"""

import numpy as np
import optax

from assay.verify.mirrors._given import (
    Draw,
    booleans,
    given,
    integers,
    mark,
    normal,
    signs,
    static,
)


def _long(*arrays):
    return tuple(np.asarray(a, np.longdouble) for a in arrays)


def _masked(where, *arrays):
    return arrays if where is None else tuple(np.where(where, a, 0) for a in arrays)


def _pairs(mirror):
    """Vectors in general, scaled to the ends of float32, masked, along other axes."""
    for case in (
        {"axis": static((0, 2)), "shape": (2, 3, 4)},
        {"scale": 1e-30, "shape": (3, 2)},
        {"scale": 1e30, "shape": (3, 2)},
        {"where": booleans(4, 3), "shape": (4, 3)},
        {"shape": (5, 3)},
    ):
        shape, scale = case.pop("shape"), case.pop("scale", 1.0)
        draw = normal(*shape, scale=scale)._replace(differentiable=scale == 1)
        names = mirror.names
        mirror = given(**dict.fromkeys(names, draw), **case)(mirror)
    return mirror


def _called(*names):
    def add(mirror):
        mirror.names = names
        return mirror

    return add


def _cosine(p, t, epsilon, axis):
    p, t = _long(p, t)
    sizes = [np.sqrt((x * x).sum(axis)) for x in (p, t)]
    p_size, t_size = (np.maximum(s, epsilon) for s in sizes)
    lost = (p_size == 0) | (t_size == 0)
    return np.where(lost, 0, (p * t).sum(axis) / np.where(lost, 1, p_size * t_size))


_ZEROS = Draw(lambda _: np.zeros((2, 3)), False)


@mark(source="NumPy, longdouble", rows=True, why="in ULP of a cosine near 0")
@given(predictions=normal(4, 3), targets=normal(4, 3), epsilon=static(2.0))
@given(predictions=_ZEROS, targets=normal(2, 3))
@_pairs
@_called("predictions", "targets")
def cosine_similarity(predictions, targets, epsilon=0.0, axis=-1, where=None):
    p, t = _masked(where, predictions, targets)
    return _cosine(p, t, epsilon, axis).astype(np.float64)


@mark(source="NumPy, longdouble", rows=True, why="in ULP of the largest")
@given(predictions=normal(4, 3), targets=normal(4, 3), epsilon=static(2.0))
@given(predictions=_ZEROS, targets=_ZEROS)
@_pairs
@_called("predictions", "targets")
def cosine_distance(predictions, targets, epsilon=0.0, axis=-1, where=None):
    p, t = _masked(where, predictions, targets)
    return (1 - _cosine(p, t, epsilon, axis)).astype(np.float64)


def _norm(x, p, axis, eps=0.0):
    (x,) = _long(np.abs(x))
    if np.isinf(p):
        return x.max(axis)
    return ((x**p).sum(axis) + eps) ** (1 / np.longdouble(p))


def _degrees(mirror, names, *shapes):
    for p in (1, 3, 2.5, np.inf):
        draws = {n: normal(*s) for n, s in zip(names, shapes, strict=True)}
        mirror = given(**draws, p=static(p))(mirror)
    return mirror


_SAME = Draw(lambda _: np.ones((2, 3)), False)


@mark(source="NumPy, longdouble")
@given(x=_SAME, y=_SAME)
@_pairs
@lambda mirror: _degrees(mirror, "xy", (4, 3), (4, 3))
@_called("x", "y")
def pairwise_distance(x, y, p=2.0, axis=-1, where=None):
    return _norm(np.subtract(*_masked(where, x, y)), p, axis).astype(np.float64)


@mark(source="NumPy, longdouble")
@given(x=normal(3, 4), y=normal(5, 4))
@given(x=normal(2, 3, 4), y=normal(2, 5, 4))
@lambda mirror: _degrees(mirror, "xy", (3, 2), (4, 2))
def cdist(x, y, p=2.0):
    return _norm(x[..., :, None, :] - y[..., None, :, :], p, -1).astype(np.float64)


@mark(source="NumPy, longdouble")
@given(x=normal(4, 3))
@lambda mirror: _degrees(mirror, "x", (5, 2))
def pdist(x, p=2.0):
    i, j = np.triu_indices(len(x), 1)
    return _norm(x[i] - x[j], p, -1).astype(np.float64)


@given(distances=normal(4, 3), labels=signs(4, 3))
@given(distances=normal(9), labels=signs(9), margin=static(0.25))
def hinge_embedding_loss(distances, labels, margin=1.0):
    return np.where(labels == 1, distances, np.maximum(0, margin - distances))


@given(distances=normal(4, 3), labels=integers(4, 3, high=2))
@given(distances=normal(9), labels=integers(9, high=2), margin=static(0.25))
def contrastive_loss(distances, labels, margin=1.0):
    apart = np.maximum(0, margin - distances)
    return labels * distances**2 / 2 + (1 - labels) * apart**2 / 2


@given(x=normal(4, 3), y=normal(4, 3), labels=signs(4, 3))
@given(x=normal(9), y=normal(9), labels=signs(9), margin=static(0.25))
def margin_ranking_loss(x, y, labels, margin=0.0):
    return np.maximum(0, -labels * (x - y) + margin)


@mark(source="NumPy, longdouble", rows=True, why="in ULP of the largest")
@given(x=normal(5, 3), y=normal(5, 3), labels=signs(5))
@given(x=normal(2, 3, 4), y=normal(2, 3, 4), labels=signs(2, 3), margin=static(0.25))
def cosine_embedding_loss(x, y, labels, margin=0.0):
    c = _cosine(x, y, 0.0, -1)
    return np.where(labels == 1, 1 - c, np.maximum(0, c - margin)).astype(np.float64)


def _triplet(near, far, margin):
    return np.maximum(near - far + margin, 0).astype(np.float64)


def _triplets(mirror):
    names = ("anchors", "positives", "negatives")
    mirror = given(**dict.fromkeys(names, normal(5, 3)), swap=static(True))(mirror)
    mirror = given(**dict.fromkeys(names, normal(2, 3, 4, scale=0.1)))(mirror)
    return given(**dict.fromkeys(names, normal(5, 3)))(mirror)


_WORDS = ("anchors", "positives", "negatives")


def _of_degree(mirror):
    for more in ({"norm_degree": 1}, {"norm_degree": 3, "eps": 0.0}, {"axis": 0}):
        statics = {n: static(v) for n, v in more.items()}
        mirror = given(**dict.fromkeys(_WORDS, normal(4, 2)), **statics)(mirror)
    return mirror


@mark(source="Optax; NumPy", rows=True, why="Optax lacks |·|: odd degrees are wrong")
@_triplets
@_of_degree
def triplet_margin_loss(
    anchors,
    positives,
    negatives,
    axis=-1,
    norm_degree=2,
    margin=1.0,
    eps=1e-6,
    swap=False,
):
    if norm_degree == 2 and not swap:
        return optax.losses.triplet_margin_loss(
            anchors, positives, negatives, axis, norm_degree, margin, eps
        )

    def distance(x, y):
        return _norm(x - y, norm_degree, axis, eps)

    far = distance(anchors, negatives)
    far = np.minimum(far, distance(positives, negatives)) if swap else far
    return _triplet(distance(anchors, positives), far, margin)


@mark(source="NumPy, longdouble", rows=True, why="in ULP of a difference of distances")
@_triplets
def triplet_margin_with_distance_loss(
    anchors, positives, negatives, margin=1.0, swap=False
):
    def distance(x, y):
        return _norm(x - y, 2, -1)

    far = distance(anchors, negatives)
    far = np.minimum(far, distance(positives, negatives)) if swap else far
    return _triplet(distance(anchors, positives), far, margin)

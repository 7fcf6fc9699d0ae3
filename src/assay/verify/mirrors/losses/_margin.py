"""Margins in NumPy; Optax where it is right, which large scores are not."""

import numpy as np

from assay.verify.mirrors._given import (
    Draw,
    booleans,
    given,
    integers,
    normal,
    signs,
    static,
)
from assay.verify.mirrors.activations._elementwise import far


@given(predictor_outputs=normal(4, 3), targets=signs(4, 3))
@given(predictor_outputs=normal(9, scale=1e10), targets=signs(9))
def squared_hinge_loss(predictor_outputs, targets):
    return np.maximum(0, 1 - predictor_outputs * targets) ** 2


@given(predictor_outputs=normal(4, 3), targets=signs(4, 3))
@given(predictor_outputs=normal(9, scale=30.0), targets=signs(9))
@given(predictor_outputs=far(9), targets=signs(9))
def soft_margin_loss(predictor_outputs, targets):
    return np.logaddexp(0, -predictor_outputs * targets)


def _huge(*shape):
    """Scores beside which a margin of 1 vanishes in float32."""
    return Draw(lambda rng: 1e8 + 8 * rng.integers(-2, 3, shape), False)


def _rows(mirror):
    """Scores and labels: along either axis, masked, huge."""
    first = Draw(lambda _: np.zeros(6, int), False)
    for case in (
        {"scores": _huge(3, 5), "labels": integers(3, high=5)},
        {"scores": normal(6, 5), "labels": first, "where": booleans(6, 5)},
        {
            "scores": normal(3, 5, scale=9.0),
            "labels": integers(5, high=3),
            "axis": static(0),
        },
        {"scores": normal(4, 7), "labels": integers(4, high=7)},
    ):
        mirror = given(**case)(mirror)
    return mirror


def _gaps(scores, labels, axis, where):
    """(score − the label's, other classes that count, all that count), classes last."""
    part = np.ones(scores.shape, bool) if where is None else where
    x, part = np.moveaxis(scores, axis, -1), np.moveaxis(part, axis, -1)
    own = np.take_along_axis(x, labels[..., None], -1)
    other = np.arange(x.shape[-1]) != labels[..., None]
    return x - own, part & other, part


@_rows
def multiclass_hinge_loss(scores, labels, axis=-1, where=None):
    gaps, others, _ = _gaps(scores, labels, axis, where)
    return np.where(others, gaps + 1, 0).max(-1).clip(0)


@_rows
def multiclass_perceptron_loss(scores, labels, axis=-1, where=None):
    gaps, others, _ = _gaps(scores, labels, axis, where)
    return np.where(others, gaps, 0).max(-1).clip(0)


@_rows
@given(
    scores=normal(4, 7), labels=integers(4, high=7), p=static(2), margin=static(0.25)
)
def multi_margin_loss(scores, labels, p=1, margin=1.0, axis=-1, where=None):
    gaps, others, part = _gaps(scores, labels, axis, where)
    short = np.where(others, np.maximum(0, margin + gaps) ** p, 0)
    return short.sum(-1) / part.sum(-1)


def _lists(mirror):
    """Scores and several labels each."""
    for case in (
        {"labels": Draw(lambda _: np.ones((4, 7), int), False)},
        {"labels": integers(4, 7, high=2), "where": booleans(4, 7)},
        {"labels": integers(4, 7, high=2), "axis": static(0)},
        {"labels": integers(4, 7, high=2)},
    ):
        mirror = given(**{mirror.scores: normal(4, 7)}, **case)(mirror)
    return mirror


def _called(name):
    def add(mirror):
        mirror.scores = name
        return mirror

    return add


@_lists
@_called("scores")
def multilabel_margin_loss(scores, labels, axis=-1, where=None):
    part = np.ones(scores.shape, bool) if where is None else where
    x, labels, part = (np.moveaxis(a, axis, -1) for a in (scores, labels, part))
    short = np.maximum(0, 1 + x[..., :, None] - x[..., None, :])
    wrong, right = part & (labels == 0), part & (labels == 1)
    pairs = wrong[..., :, None] & right[..., None, :]
    return np.where(pairs, short, 0).sum((-2, -1)) / part.sum(-1)


@_lists
@_called("logits")
def multilabel_soft_margin_loss(logits, labels, axis=-1, where=None):
    part = np.ones(logits.shape, bool) if where is None else where
    cost = np.where(labels == 1, np.logaddexp(0, -logits), np.logaddexp(0, logits))
    return np.where(part, cost, 0).sum(axis) / part.sum(axis)

"""Regression scores as scikit-learn computes them; masked ones on the kept rows."""

import numpy as np
from sklearn import metrics as peer

from assay.verify.mirrors._given import (
    Draw,
    booleans,
    given,
    mark,
    normal,
    positive,
)
from assay.verify.mirrors.metrics._accuracy import kept
from assay.verify.mirrors.metrics._correlation import rising

from_sklearn = mark(source="sklearn.metrics")
in_numpy = mark(source="formula in NumPy")
upright = Draw(
    lambda rng: np.arange(7)[:, None] % 3 < [[1, 2, 3]], differentiable=False
)
offset = rising(29, shift=1e5)


def errors(draw=normal):
    """The cases: two axes, one axis under a mask, large numbers, a large mean."""

    def decorate(mirror):
        masked = {"predictions": draw(7), "targets": draw(7), "where": booleans(7)}
        return given(predictions=draw(5, 3), targets=draw(5, 3))(
            given(**masked)(mirror)
        )

    return decorate


def _pair(predictions, targets, where):
    """(targets, predictions), as scikit-learn takes them."""
    predictions, targets = kept(where, predictions, targets)
    return targets, predictions


@errors()
@from_sklearn
def mean_squared_error(predictions, targets, where=None):
    return peer.mean_squared_error(*_pair(predictions, targets, where))


@errors()
@from_sklearn
def root_mean_squared_error(predictions, targets, where=None):
    t, p = _pair(predictions, targets, where)
    return np.sqrt(np.mean((t - p) ** 2))


@errors()
@from_sklearn
def mean_absolute_error(predictions, targets, where=None):
    return peer.mean_absolute_error(*_pair(predictions, targets, where))


@errors()
@errors(positive)
@from_sklearn
def mean_absolute_percentage_error(predictions, targets, where=None):
    return peer.mean_absolute_percentage_error(*_pair(predictions, targets, where))


@errors()
@errors(positive)
@given(predictions=normal(5, scale=1e38), targets=normal(5, scale=1e38))
@in_numpy
def symmetric_mean_absolute_percentage_error(predictions, targets, where=None):
    t, p = _pair(predictions, targets, where)
    return np.mean(2 * np.abs(t - p) / (np.abs(t) + np.abs(p)))


@errors(positive)
@from_sklearn
def mean_squared_log_error(predictions, targets, where=None):
    return peer.mean_squared_log_error(*_pair(predictions, targets, where))


def _by_column(score, predictions, targets, where):
    """The mean over outputs, each on its own kept rows."""
    p, t = (np.reshape(a, (len(a), -1)) for a in (predictions, targets))
    keep = np.ones(p.shape, bool) if where is None else np.reshape(where, p.shape)
    columns = zip(t.T, p.T, keep.T, strict=True)
    return np.mean([score(a[k], b[k]) for a, b, k in columns])


def explained(mirror):
    """The cases of a share that is explained: one output, several, a mask, a mean."""
    mirror = given(predictions=offset, targets=offset)(mirror)
    several = {"predictions": rising(7, 3), "targets": rising(7, 3)}
    mirror = given(**several)(given(**several, where=upright)(mirror))
    return given(predictions=rising(7), targets=rising(7))(mirror)


@explained
@from_sklearn
def r2_score(predictions, targets, where=None):
    return _by_column(peer.r2_score, predictions, targets, where)


@explained
@from_sklearn
def explained_variance(predictions, targets, where=None):
    return _by_column(peer.explained_variance_score, predictions, targets, where)


@given(predictions=(7, 3), targets=(7, 3))
@given(predictions=(7, 3), targets=(7, 3), where=booleans(7))
@given(predictions=normal(7, 3, scale=1e30), targets=normal(7, 3, scale=1e-25))
@in_numpy
def mean_cosine_similarity(predictions, targets, where=None):
    t, p = _pair(predictions, targets, where)
    sizes = np.linalg.norm(t, axis=-1) * np.linalg.norm(p, axis=-1)
    return np.mean(np.sum(t * p, -1) / sizes)

"""Losses of real numbers in NumPy, in extended precision where they cancel."""

import numpy as np

from assay.verify.mirrors._given import (
    Draw,
    booleans,
    given,
    integers,
    mark,
    normal,
    positive,
    static,
)
from assay.verify.mirrors.activations._elementwise import far, tiny


def _errors(mirror):
    """The cases of a loss of two real arrays: near, far, tiny, integers."""
    mirror = given(predictions=normal(7), targets=integers(7, high=3))(mirror)
    for draw in (tiny, far, normal):
        mirror = given(predictions=draw(3, 4), targets=draw(3, 4))(mirror)
    return mirror


@_errors
@given(predictions=normal(3, 2), targets=normal(3, 2), beta=static(0.25))
@given(predictions=normal(3, 2), targets=normal(3, 2), beta=static(0.0))
def smooth_l1_loss(predictions, targets, beta=1.0):
    size = np.abs(predictions - targets)
    bent = np.square(size) / (2 * beta or 1)
    return np.where(size < beta, bent, size - beta / 2)


@given(predictions=normal(3, 4), targets=normal(3, 4))
@given(predictions=normal(5), targets=Draw(lambda _: np.zeros(5), False))
@given(predictions=positive(7), targets=integers(7, low=1, high=4))
@given(predictions=normal(2, 3), targets=normal(2, 3), eps=static(4.0))
def absolute_percentage_error(predictions, targets, eps=1e-7):
    return 100 * np.abs(predictions - targets) / np.maximum(np.abs(targets), eps)


@_errors
@given(predictions=normal(3, 2), targets=normal(3, 2), quantile=static(0.9))
@given(predictions=normal(3, 2), targets=normal(3, 2), quantile=static(0.0))
def quantile_loss(predictions, targets, quantile=0.5):
    e = targets - predictions
    return np.maximum(quantile * e, (quantile - 1) * e)


@_errors
@given(predictions=normal(3, 2), targets=normal(3, 2), eps=static(0.25))
@given(predictions=normal(3, 2, scale=1e30), targets=normal(3, 2, scale=1e30))
def charbonnier_loss(predictions, targets, eps=1e-3):
    return np.hypot(predictions - targets, eps)


def _family(mirror):
    """Every named member, and the numbers around the removable points."""
    for alpha in (2.0, 0.0, -np.inf, -2.0, 1e-6, 2 - 1e-6, 2 + 1e-3, 1.75, 3.5, -0.25):
        case = {"predictions": normal(5, 3), "targets": normal(5, 3)}
        mirror = given(**case, alpha=static(alpha))(mirror)
    return mirror


@mark(source="NumPy, longdouble")
@given(predictions=normal(3, 4), targets=normal(3, 4))
@given(predictions=normal(7, scale=1e3), targets=normal(7), scale=static(0.25))
@given(predictions=normal(7, scale=1e-4), targets=normal(7, scale=1e-4))
@_family
def general_robust_loss(predictions, targets, alpha=1.0, scale=1.0):
    alpha, scale = np.longdouble(alpha), np.longdouble(scale)
    x2 = ((predictions - targets) / scale) ** 2
    if alpha == 2:
        return (x2 / 2).astype(np.float64)
    if alpha == 0:
        return np.log1p(x2 / 2).astype(np.float64)
    if alpha == -np.inf:
        return -np.expm1(-x2 / 2).astype(np.float64)
    b = abs(alpha - 2)
    risen = np.expm1(alpha / 2 * np.log1p(x2 / b))
    return (b / alpha * risen).astype(np.float64)


@given(values=positive(3, 4))
@given(values=positive(3, 4), where=booleans(3, 4))
@given(values=positive(3, 4), where=booleans(3, 4), weights=positive(3, 4))
@given(values=positive(2, 3, 4), weights=positive(2, 1, 4), axis=static((0, 2)))
@given(values=normal(5, 3), where=Draw(lambda _: np.zeros((5, 3), bool), False))
@given(values=Draw(lambda rng: rng.uniform(1, 3, 9) * 1e38, False))
def mean(values, where=None, weights=None, axis=None):
    w = np.ones(values.shape) if weights is None else weights
    w = np.broadcast_to(w if where is None else np.where(where, w, 0), values.shape)
    return (w * values).sum(axis) / np.maximum(w.sum(axis), 1e-300)

"""Likelihoods and deviances in NumPy's extended precision."""

import numpy as np
from scipy import special

from assay.verify.mirrors._given import (
    Draw,
    given,
    integers,
    mark,
    normal,
    positive,
    static,
)

_LARGEST = "relative to the largest of the terms that cancel"


def _counts(*shape):
    return integers(*shape, high=9)


@mark(source="SciPy", rows=True, why=_LARGEST)
@given(predictions=normal(3, 4), targets=_counts(3, 4))
@given(predictions=normal(3, 4), targets=_counts(3, 4), full=static(True))
@given(predictions=positive(7), targets=_counts(7), log_input=static(False))
@given(
    predictions=Draw(lambda _: np.array([0.0, 0.0, 2.0]), False),
    targets=Draw(lambda _: np.array([0, 3, 0]), False),
    log_input=static(False),
)
def poisson_nll_loss(predictions, targets, log_input=True, full=False, eps=1e-8):
    p, t = np.asarray(predictions, np.longdouble), np.asarray(targets, np.float64)
    if log_input:
        y = np.exp(p) - t * p
    else:
        y = p - special.xlogy(t, (p + np.float32(eps)).astype(np.float64))
    more = t * np.log(np.maximum(t, 1)) - t + np.log(2 * np.pi * np.maximum(t, 1)) / 2
    return (y + np.where(t > 1, more, 0) * full).astype(np.float64)


@mark(source="NumPy", rows=True, why=_LARGEST)
@given(predictions=normal(3, 4), targets=normal(3, 4), variances=positive(3, 4))
@given(
    predictions=normal(7), targets=integers(7, high=4), variances=positive(7, high=9.0)
)
@given(
    predictions=normal(5),
    targets=normal(5),
    variances=positive(5, low=1e-4, high=1e-2),
    full=static(True),
    eps=static(0.5),
)
def gaussian_nll_loss(predictions, targets, variances, full=False, eps=1e-6):
    v = np.maximum(variances, eps)
    y = (np.log(v) + (predictions - targets) ** 2 / v) / 2
    return y + full * np.log(2 * np.pi) / 2


@mark(source="NumPy", rows=True, why=_LARGEST)
@given(predictions=normal(3, 4), targets=normal(3, 4), scales=positive(3, 4))
@given(predictions=normal(7), targets=integers(7, high=4), scales=positive(7))
def laplace_nll_loss(predictions, targets, scales, eps=1e-6):
    b = np.maximum(scales, eps)
    return np.log(2 * b) + np.abs(predictions - targets) / b


def _far(*shape, low, high):
    return positive(*shape, low=low, high=high)._replace(differentiable=False)


def _means(mirror):
    """Positive means and targets: of one size, close, far apart, tiny."""
    near = positive(9, low=1.0, high=1.01)
    for p, t in [
        (positive(3, 4), integers(3, 4, low=1, high=9)),
        (near, near),
        (_far(7, low=1e3, high=1e6), _far(7, low=1e-6, high=1e-3)),
        (_far(7, low=1e-6, high=1e-3), _far(7, low=1e3, high=1e6)),
        (positive(3, 4), positive(3, 4)),
    ]:
        mirror = given(predictions=p, targets=t)(mirror)
    return mirror


def _long(*arrays):
    return tuple(np.asarray(a, np.longdouble) for a in arrays)


@mark(source="NumPy, longdouble")
@given(predictions=positive(4), targets=integers(4, high=2))
@_means
@given(predictions=positive(3), targets=positive(3))
def poisson_deviance(predictions, targets):
    m, t = _long(predictions, targets)
    ratio = np.log(np.where(t == 0, 1, t) / m)
    return (2 * (t * ratio - t + m)).astype(np.float64)


@mark(source="NumPy, longdouble")
@_means
@given(predictions=positive(3), targets=positive(3))
def gamma_deviance(predictions, targets):
    m, t = _long(predictions, targets)
    return (2 * (t / m - 1 - np.log(t / m))).astype(np.float64)


@mark(source="NumPy, longdouble")
@given(predictions=positive(4), targets=integers(4, high=2))
@given(predictions=positive(3, 4), targets=positive(3, 4), power=static(3.0))
@given(predictions=positive(3, 4), targets=positive(3, 4), power=static(2))
@given(predictions=positive(3, 4), targets=positive(3, 4), power=static(1.9))
@_means
@given(predictions=positive(3), targets=positive(3))
def tweedie_deviance(predictions, targets, power=1.5):
    m, t = _long(predictions, targets)
    if power == 2:
        return gamma_deviance(predictions, targets)
    p = np.longdouble(power)
    first = t ** (2 - p) / ((1 - p) * (2 - p))
    return (2 * (first - t * m ** (1 - p) / (1 - p) + m ** (2 - p) / (2 - p))).astype(
        np.float64
    )

"""Correlations by SciPy, on the kept rows."""

import numpy as np
from scipy import stats

from assay.verify.mirrors._given import Draw, booleans, given, mark
from assay.verify.mirrors.metrics._accuracy import kept

from_scipy = mark(source="scipy.stats")
ranked = mark(source="scipy.stats", gradient=False)
tied = Draw(
    lambda rng: np.arange(19) // 4 + rng.integers(0, 3, 19).astype(float),
    differentiable=False,
)


def rising(*shape, scale=1.0, shift=0.0):
    """Numbers that rise, with noise: two such series are correlated, not near 0."""

    def make(rng):
        ramp = np.linspace(-2, 2, int(np.prod(shape))).reshape(shape)
        return shift + scale * (ramp + 0.5 * rng.standard_normal(shape))

    return Draw(make)


def series(mirror):
    """The cases: two axes, a mask, equal numbers, a large mean, a large scale."""
    mirror = given(predictions=tied, targets=tied, where=booleans(19))(mirror)
    mirror = given(predictions=tied, targets=tied)(mirror)
    far = {"predictions": rising(9, shift=1e5), "targets": rising(9, shift=1e5)}
    mirror = given(**far)(mirror)
    huge = {"predictions": rising(9, scale=1e30), "targets": rising(9, scale=1e30)}
    mirror = given(**huge)(mirror)
    return given(predictions=rising(4, 3), targets=rising(4, 3))(mirror)


def _both(predictions, targets, where):
    predictions, targets = kept(where, predictions, targets)
    return predictions.ravel(), targets.ravel()


@series
@from_scipy
def pearson_correlation(predictions, targets, where=None):
    return stats.pearsonr(*_both(predictions, targets, where))[0]


@series
@mark(source="formula in NumPy")
def concordance_correlation(predictions, targets, where=None):
    p, t = _both(predictions, targets, where)
    (pp, pt), (_, tt) = np.cov(p, t, ddof=0)
    return 2 * pt / (pp + tt + (p.mean() - t.mean()) ** 2)


@series
@ranked
def spearman_correlation(predictions, targets, where=None):
    return stats.spearmanr(*_both(predictions, targets, where))[0]


@series
@ranked
def kendall_correlation(predictions, targets, where=None):
    return stats.kendalltau(*_both(predictions, targets, where))[0]

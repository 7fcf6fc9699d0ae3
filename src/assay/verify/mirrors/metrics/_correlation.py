"""Correlations by SciPy, on the kept rows."""

import numpy as np
from scipy import stats

from assay.verify.mirrors._given import Draw, booleans, given, mark, normal
from assay.verify.mirrors.metrics._accuracy import kept

from_scipy = mark(source="scipy.stats")
ranked = mark(source="scipy.stats", gradient=False)
tied = Draw(lambda rng: rng.integers(0, 5, 19).astype(float), differentiable=False)


def series(mirror):
    """The cases: two axes, a mask, equal numbers, a large mean, a large scale."""
    mirror = given(predictions=tied, targets=tied, where=booleans(19))(mirror)
    mirror = given(predictions=tied, targets=tied)(mirror)
    far = {"predictions": normal(9, shift=1e5), "targets": normal(9, shift=-1e5)}
    mirror = given(**far)(mirror)
    huge = {"predictions": normal(9, scale=1e30), "targets": normal(9, scale=1e30)}
    mirror = given(**huge)(mirror)
    return given(predictions=(4, 3), targets=(4, 3))(mirror)


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

"""Scores of a confusion matrix, as scikit-learn computes them from the labels."""

import warnings

import numpy as np
from sklearn import metrics as peer

from assay.verify.mirrors._given import Draw, given, static
from assay.verify.mirrors.metrics._accuracy import counted
from assay.verify.mirrors.metrics._confusion import expanded


def _drawn(rng):
    """Mostly right: a score near 0 has few digits."""
    return rng.integers(0, 9, (4, 4)) + np.diag(rng.integers(9, 30, 4))


_mostly_right = Draw(_drawn, differentiable=False)
matrices = given(matrix=_mostly_right)
# A million examples with one rare class; labels that are not there.
rare = given(matrix=static(np.array([[10**6, 3], [2, 5]])))
absent = given(matrix=static(np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]])))
single = given(matrix=static(np.array([[7, 0], [0, 0]])))


def _scored(score, matrix, **how):
    with warnings.catch_warnings():  # of classes that are not there
        warnings.simplefilter("ignore")
        return score(*expanded(matrix), **how)


@matrices
@rare
@absent
@single
@counted
def balanced_accuracy(matrix):
    return _scored(peer.balanced_accuracy_score, matrix)


@matrices
@rare
@absent
@single
@counted
def mean_iou(matrix):
    return _scored(peer.jaccard_score, matrix, average="macro")


@matrices
@rare
@absent
@single
@given(matrix=_mostly_right, power=static(1.0))
@given(matrix=_mostly_right, power=static(2.0))
@counted
def cohen_kappa(matrix, power=0.0):
    weights = (None, "linear", "quadratic")[int(power)]
    return _scored(peer.cohen_kappa_score, matrix, weights=weights)


@matrices
@rare
@absent
@single
@counted
def matthews_correlation(matrix):
    return _scored(peer.matthews_corrcoef, matrix)


@matrices
@rare
@absent
@single
@counted
def normalized_mutual_information(matrix):
    return _scored(peer.normalized_mutual_info_score, matrix)


@matrices
@rare
@absent
@single
@counted
def adjusted_rand_index(matrix):
    return _scored(peer.adjusted_rand_score, matrix)

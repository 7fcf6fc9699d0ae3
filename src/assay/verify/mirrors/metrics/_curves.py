"""Curves by comparing every score with every threshold; areas by scikit-learn."""

import numpy as np
from sklearn import metrics as peer

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
from assay.verify.mirrors.metrics._accuracy import kept

by_formula = mark(source="formula in NumPy", gradient=False)
by_sklearn = mark(source="sklearn.metrics", gradient=False)
# One decimal: many scores are equal.
tied = Draw(lambda rng: rng.uniform(0, 1, 23).round(1), differentiable=False)


def scored(**more):
    """The cases: different scores, equal ones, a mask; all with both labels."""

    def decorate(mirror):
        some = {name: static(value) for name, value in more.items()}
        labels = integers(23, high=2)
        mirror = given(scores=tied, labels=labels, where=booleans(23), **some)(mirror)
        mirror = given(scores=tied, labels=labels, **some)(mirror)
        large = {"scores": normal(4, 25), "labels": integers(4, 25, high=2)}
        mirror = given(**large, **some)(mirror)
        return given(scores=normal(9), labels=integers(9, high=2), **some)(mirror)

    return decorate


def _counts(scores, labels, where):
    """(thresholds falling, true positives, false positives) at each."""
    scores, labels = np.ravel(scores), np.ravel(labels) > 0
    keep = np.ones(scores.shape, bool) if where is None else np.ravel(where)
    thresholds = -np.sort(-np.where(keep, scores, -np.inf))
    above = (scores[:, None] >= thresholds[None, :]) & keep[:, None]
    return thresholds, above[labels].sum(0), above[~labels].sum(0)


@scored()
@by_formula
def roc_curve(scores, labels, where=None):
    thresholds, tp, fp = _counts(scores, labels, where)
    tpr, fpr = (np.append(0, n / n[-1]) for n in (tp, fp))
    return fpr, tpr, np.append(np.inf, thresholds)


@scored()
@by_formula
def precision_recall_curve(scores, labels, where=None):
    thresholds, tp, fp = _counts(scores, labels, where)
    precision, recall = np.append(1, tp / (tp + fp)), np.append(0, tp / tp[-1])
    order = np.append(np.arange(len(tp), 0, -1), 0)
    return precision[order], recall[order], thresholds[::-1]


@given(x=Draw(lambda rng: np.sort(rng.uniform(0, 1, 17))), y=positive(17))
@given(x=Draw(lambda rng: -np.sort(rng.uniform(0, 1, 17))), y=positive(17))
@mark(source="sklearn.metrics", gradient=False)
def auc(x, y):
    return abs(peer.auc(np.asarray(x), np.asarray(y)))


@scored()
@by_sklearn
def roc_auc(scores, labels, where=None):
    scores, labels = kept(where, scores, labels)
    return peer.roc_auc_score(labels.ravel(), scores.ravel())


@scored()
@by_sklearn
def average_precision(scores, labels, where=None):
    scores, labels = kept(where, scores, labels)
    return peer.average_precision_score(labels.ravel(), scores.ravel())


@scored(recall=0.6)
@by_formula
def precision_at_recall(scores, labels, recall, where=None):
    p, r, _ = peer.precision_recall_curve(*_flat(scores, labels, where))
    return p[r >= recall].max()


@scored(precision=0.6)
@by_formula
def recall_at_precision(scores, labels, precision, where=None):
    p, r, _ = peer.precision_recall_curve(*_flat(scores, labels, where))
    return r[p >= precision].max()


@scored(specificity=0.6)
@by_formula
def sensitivity_at_specificity(scores, labels, specificity, where=None):
    fpr, tpr, _ = peer.roc_curve(*_flat(scores, labels, where))
    return tpr[1 - fpr >= specificity - 1e-12].max()  # 1 - 0.4 is below 0.6


@scored(sensitivity=0.6)
@by_formula
def specificity_at_sensitivity(scores, labels, sensitivity, where=None):
    fpr, tpr, _ = peer.roc_curve(*_flat(scores, labels, where))
    return (1 - fpr)[tpr >= sensitivity].max()


def _flat(scores, labels, where):
    scores, labels = kept(where, scores, labels)
    return labels.ravel(), scores.ravel()

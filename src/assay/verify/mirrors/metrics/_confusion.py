"""Counts and their ratios, as scikit-learn computes them from the labels."""

import numpy as np
from sklearn import metrics as peer

from assay.metrics import Counts as _Counts
from assay.verify.mirrors._given import (
    booleans,
    given,
    integers,
    mark,
    positive,
    static,
    tree,
)
from assay.verify.mirrors.metrics._accuracy import counted, kept, labels_of_11

pairs = given(predictions=labels_of_11, labels=labels_of_11, classes=static(5))
masked_pairs = given(
    predictions=labels_of_11,
    labels=labels_of_11,
    classes=static(5),
    where=booleans(11),
)
matrices = given(matrix=integers(4, 4, high=9))
large_matrices = given(matrix=integers(3, 3, low=10**5, high=10**7))


def expanded(matrix):
    """(labels, predictions) of which this is the confusion matrix."""
    matrix = np.asarray(matrix, int)
    rows, columns = np.indices(matrix.shape)
    return np.repeat(rows, matrix.ravel()), np.repeat(columns, matrix.ravel())


@pairs
@masked_pairs
@counted
def confusion_matrix(predictions, labels, classes, where=None):
    predictions, labels = kept(where, predictions, labels)
    return peer.confusion_matrix(labels, predictions, labels=np.arange(classes))


@matrices
@counted
def class_counts(matrix):
    each = peer.multilabel_confusion_matrix(
        *expanded(matrix), labels=np.arange(len(matrix))
    )
    return each[:, 1, 1], each[:, 0, 1], each[:, 1, 0], each[:, 0, 0]


@given(predictions=positive(9, high=1.0), labels=integers(9, high=2))
@given(
    predictions=positive(9, 4, high=1.0),
    labels=integers(9, 4, high=2),
    threshold=static(0.3),
    axis=static(0),
    where=booleans(9, 4),
)
@mark(source="formula in NumPy", gradient=False)
def binary_counts(predictions, labels, threshold=0.5, axis=None, where=True):
    said, true = predictions > threshold, labels > 0
    cells = (said & true, said & ~true, ~said & true, ~said & ~true)
    return tuple(np.sum(cell & where, axis) for cell in cells)


def _draw(rng):
    return _Counts(*rng.integers(0, 9, (4, 5)))


def _draw_rare(rng):
    tp, fp, fn = rng.integers(0, 3, (3, 5))
    return _Counts(tp, fp, fn, rng.integers(10**6, 10**7, 5))


counts = given(counts=tree(_draw))
rare = given(counts=tree(_draw_rare))
by_formula = mark(source="formula in NumPy", gradient=False)


def _ratio(part, whole):
    return np.where(whole == 0, 0, part / np.where(whole == 0, 1, whole))


@counts
@by_formula
def micro(counts):
    return tuple(np.sum(c) for c in counts)


@given(scores=positive(5), counts=tree(_draw))
@by_formula
def macro(scores, counts):
    tp, fp, fn, _ = counts
    return np.mean(np.asarray(scores)[tp + fp + fn > 0])


@given(scores=positive(5), counts=tree(_draw))
@by_formula
def weighted(scores, counts):
    return np.average(scores, weights=counts[0] + counts[2])


@counts
@rare
@by_formula
def precision_of(counts):
    tp, fp, _, _ = counts
    return _ratio(tp, tp + fp)


@counts
@rare
@by_formula
def recall_of(counts):
    tp, _, fn, _ = counts
    return _ratio(tp, tp + fn)


@counts
@rare
@by_formula
def specificity_of(counts):
    _, fp, _, tn = counts
    return _ratio(tn, tn + fp)


@counts
@rare
@given(counts=tree(_draw), beta=static(0.5))
@given(counts=tree(_draw), beta=static(3.0))
@by_formula
def f_beta_of(counts, beta=1.0):
    """The weighted harmonic mean of precision and recall."""
    p, r = precision_of(counts), recall_of(counts)
    return _ratio((1 + beta**2) * p * r, beta**2 * p + r)


@counts
@rare
@by_formula
def dice_of(counts):
    return f_beta_of(counts)


@counts
@rare
@by_formula
def iou_of(counts):
    f1 = f_beta_of(counts)
    return f1 / (2 - f1)


def _each(score, predictions, labels, classes, where):
    predictions, labels = kept(where, predictions, labels)
    names = np.arange(classes)
    return score(labels, predictions, labels=names, average=None, zero_division=0)


@pairs
@masked_pairs
@counted
def precision(predictions, labels, classes, where=None):
    return _each(peer.precision_score, predictions, labels, classes, where)


@pairs
@masked_pairs
@counted
def recall(predictions, labels, classes, where=None):
    return _each(peer.recall_score, predictions, labels, classes, where)


@pairs
@masked_pairs
@counted
def f1_score(predictions, labels, classes, where=None):
    return _each(peer.f1_score, predictions, labels, classes, where)

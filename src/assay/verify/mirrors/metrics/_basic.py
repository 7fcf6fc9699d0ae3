"""The metrics as scikit-learn computes them; masked ones on the kept rows."""

import numpy as np
from sklearn import metrics as peer

from assay.verify.mirrors._given import (
    Draw,
    booleans,
    given,
    integers,
    mark,
    positive,
    static,
)

counted = mark(gradient=False, source="sklearn.metrics")
labels_of_11 = integers(11, high=4)
bits = Draw(lambda rng: rng.integers(0, 2, (6, 4)).astype(float), differentiable=False)


def _one_hot(rng: np.random.Generator) -> np.ndarray:
    return np.eye(4)[rng.integers(0, 4, 11)]


def _kept(where, *arrays):
    """The arrays in NumPy, only where the mask is True."""
    arrays = tuple(np.asarray(a) for a in arrays)
    return arrays if where is None else tuple(a[np.asarray(where)] for a in arrays)


@counted
@given(logits=(11, 4), labels=labels_of_11)
@given(logits=(11, 4), labels=labels_of_11, where=booleans(11))
def accuracy(logits, labels, where=None):
    logits, labels = _kept(where, logits, labels)
    return peer.accuracy_score(labels, logits.argmax(-1))


@counted
@given(predictions=positive(6, 4, low=0.0, high=1.0), labels=bits)
@given(
    predictions=positive(6, 4, low=0.0, high=1.0),
    labels=bits,
    threshold=static(0.3),
    where=booleans(6, 4),
)
def binary_accuracy(predictions, labels, threshold=0.5, where=None):
    predictions, labels = _kept(where, predictions, labels)
    return peer.accuracy_score(labels.ravel() > 0, predictions.ravel() > threshold)


@counted
@given(logits=(11, 4), labels=Draw(_one_hot, differentiable=False))
@given(logits=(11, 4), labels=Draw(_one_hot, differentiable=False), where=booleans(11))
def categorical_accuracy(logits, labels, where=None):
    logits, labels = _kept(where, logits, labels)
    return peer.accuracy_score(labels.argmax(-1), logits.argmax(-1))


@counted
@given(logits=(11, 9), labels=integers(11, high=9))
@given(logits=(11, 4), labels=labels_of_11, k=static(2), where=booleans(11))
def top_k_accuracy(logits, labels, k=5, where=None):
    logits, labels = _kept(where, logits, labels)
    classes = np.arange(logits.shape[-1])
    return peer.top_k_accuracy_score(labels, logits, k=k, labels=classes)


@given(predictions=(5, 3), targets=(5, 3))
@mark(source="sklearn.metrics")
def mean_squared_error(predictions, targets):
    return peer.mean_squared_error(np.asarray(targets), np.asarray(predictions))


@given(predictions=(5, 3), targets=(5, 3))
@mark(source="formula in NumPy")
def root_mean_squared_error(predictions, targets):
    return np.sqrt(np.mean((np.asarray(targets) - np.asarray(predictions)) ** 2))


@given(predictions=(5, 3), targets=(5, 3))
@mark(source="sklearn.metrics")
def mean_absolute_error(predictions, targets):
    return peer.mean_absolute_error(np.asarray(targets), np.asarray(predictions))


@given(predictions=positive(5, 3), targets=positive(5, 3))
@mark(source="sklearn.metrics")
def mean_squared_log_error(predictions, targets):
    return peer.mean_squared_log_error(np.asarray(targets), np.asarray(predictions))


@given(predictions=(7,), targets=(7,))
@given(predictions=(7, 3), targets=(7, 3))
@mark(source="sklearn.metrics", ulp=16, why="1 - a/b cancels near 0")
def r2_score(predictions, targets):
    return peer.r2_score(np.asarray(targets), np.asarray(predictions))


pairs = given(predictions=labels_of_11, labels=labels_of_11, classes=static(5))


@pairs
@counted
def confusion_matrix(predictions, labels, classes):
    named = np.arange(classes)
    return peer.confusion_matrix(
        np.asarray(labels), np.asarray(predictions), labels=named
    )


def _each(score, predictions, labels, classes):
    return score(
        np.asarray(labels),
        np.asarray(predictions),
        labels=np.arange(classes),
        average=None,
        zero_division=0,
    )


@pairs
@counted
def precision(predictions, labels, classes):
    return _each(peer.precision_score, predictions, labels, classes)


@pairs
@counted
def recall(predictions, labels, classes):
    return _each(peer.recall_score, predictions, labels, classes)


@pairs
@counted
def f1_score(predictions, labels, classes):
    return _each(peer.f1_score, predictions, labels, classes)

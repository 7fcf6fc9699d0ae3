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


def kept(where, *arrays):
    """The arrays in NumPy, only where the mask is True."""
    arrays = tuple(np.asarray(a) for a in arrays)
    return arrays if where is None else tuple(a[np.asarray(where)] for a in arrays)


@counted
@given(logits=(11, 4), labels=labels_of_11)
@given(logits=(11, 4), labels=labels_of_11, where=booleans(11))
def accuracy(logits, labels, where=None):
    logits, labels = kept(where, logits, labels)
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
    predictions, labels = kept(where, predictions, labels)
    return peer.accuracy_score(labels.ravel() > 0, predictions.ravel() > threshold)


@counted
@given(logits=(11, 4), labels=Draw(_one_hot, differentiable=False))
@given(logits=(11, 4), labels=Draw(_one_hot, differentiable=False), where=booleans(11))
def categorical_accuracy(logits, labels, where=None):
    logits, labels = kept(where, logits, labels)
    return peer.accuracy_score(labels.argmax(-1), logits.argmax(-1))


@counted
@given(logits=(11, 9), labels=integers(11, high=9))
@given(logits=(11, 4), labels=labels_of_11, k=static(2), where=booleans(11))
def top_k_accuracy(logits, labels, k=5, where=None):
    logits, labels = kept(where, logits, labels)
    classes = np.arange(logits.shape[-1])
    return peer.top_k_accuracy_score(labels, logits, k=k, labels=classes)


@counted
@given(logits=(11, 9), labels=integers(11, high=9))
@given(logits=(11, 4), labels=labels_of_11, k=static(2))
def in_top_k(logits, labels, k=5):
    order = np.argsort(-np.asarray(logits), -1)[:, :k]
    return np.any(order == np.asarray(labels)[:, None], -1)


bits_of_7 = integers(7, 3, high=2)


@counted
@given(predictions=bits_of_7, labels=bits_of_7)
@given(predictions=integers(9, 2, high=3), labels=integers(9, 2, high=3))
@given(predictions=bits_of_7, labels=bits_of_7, where=booleans(7))
def exact_match(predictions, labels, where=None):
    predictions, labels = kept(where, predictions, labels)
    return np.mean(
        [np.array_equal(p, t) for p, t in zip(predictions, labels, strict=True)]
    )


@counted
@given(predictions=bits_of_7, labels=bits_of_7)
@given(predictions=integers(9, high=4), labels=integers(9, high=4), where=booleans(9))
def hamming_loss(predictions, labels, where=None):
    predictions, labels = kept(where, predictions, labels)
    return peer.hamming_loss(labels, predictions)

"""Calibration, bin by bin in NumPy."""

import numpy as np
from sklearn import metrics as peer

from assay.metrics import Reliability as _Reliability
from assay.verify.mirrors._given import (
    booleans,
    given,
    integers,
    mark,
    positive,
    probabilities,
    static,
    tree,
)
from assay.verify.mirrors.metrics._accuracy import kept

by_formula = mark(source="formula in NumPy", gradient=False)
_said = {"predictions": positive(37, low=0.0, high=1.0), "labels": integers(37, high=2)}


@given(**_said)
@given(**_said, bins=static(4))
@given(**_said, bins=static(4), where=booleans(37))
@by_formula
def reliability_diagram(predictions, labels, bins=15, where=None):
    p, true = kept(where, predictions, labels)
    at = np.clip(np.ceil(p * bins) - 1, 0, bins - 1)
    rows = [(at == k) for k in range(bins)]
    counts = np.array([inside.sum() for inside in rows])
    confidence = np.array([p[i].mean() if i.any() else 0 for i in rows])
    return (
        counts,
        confidence,
        np.array([true[i].mean() if i.any() else 0 for i in rows]),
    )


def _draw(rng):
    n = rng.integers(0, 4, 9)
    said, came = np.where(n > 0, rng.uniform(0, 1, (2, 9)), 0)
    return _Reliability(n, said, came)


@given(diagram=tree(_draw))
@by_formula
def expected_calibration_error(diagram):
    return np.average(np.abs(diagram[1] - diagram[2]), weights=diagram[0])


@given(diagram=tree(_draw))
@by_formula
def maximum_calibration_error(diagram):
    return np.abs(diagram[1] - diagram[2])[diagram[0] > 0].max()


@given(probabilities=probabilities(11, 4), labels=integers(11, high=4))
@given(
    probabilities=probabilities(11, 4), labels=integers(11, high=4), where=booleans(11)
)
@mark(source="sklearn.metrics")
def brier_score(probabilities, labels, where=None):
    p, labels = kept(where, probabilities, labels)
    one_hot = np.eye(p.shape[-1])[labels]
    return peer.mean_squared_error(one_hot, p) * p.shape[-1]

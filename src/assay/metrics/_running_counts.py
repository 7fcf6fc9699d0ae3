"""Running counts: what is computed from a table of integers that adds up exactly."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from assay import _check
from assay._numerics import wide
from assay.metrics._bleu import BleuCounts, bleu_counts, bleu_of
from assay.metrics._calibration import Reliability, binned
from assay.metrics._confusion import _matrix
from assay.metrics._curves import area_of_precision, area_under_roc
from assay.metrics._metric import Metric, summed
from assay.metrics._reduce import is_true, quotient, spread, taking_part
from assay.metrics._sums import (
    Count,
    Total,
    no_count,
    no_total,
    number,
    one_count,
    one_total,
    plus,
    plus_real,
    real,
)
from assay.metrics._text import _edits, paired, texts
from assay.typing import Array


class ConfusionState(NamedTuple):
    """The confusion matrix so far."""

    matrix: Count  # (classes, classes)


class HistogramState(NamedTuple):
    """Scores of either label, bin by bin; the last bin is for NaN."""

    positives: Count  # (bins + 1,)
    negatives: Count  # (bins + 1,)


class ReliabilityState(NamedTuple):
    """What a reliability diagram adds up, bin by bin."""

    count: Count  # (bins,)
    said: Total  # (bins,) float, Σ probability
    came: Count  # (bins,) of label 1


class BleuState(NamedTuple):
    """What BLEU adds up."""

    matches: Count  # (order,)
    possible: Count  # (order,)
    predicted: Count  # ()
    wanted: Count  # ()


class ErrorRateState(NamedTuple):
    """Edits, and the tokens that there should be."""

    edits: Count  # ()
    tokens: Count  # ()


def _added(kind: Callable) -> Callable:
    """The merge of states whose fields are counts and totals."""

    def add(x: Any, y: Any) -> Count | Total:
        return plus(x, y) if isinstance(x, Count) else plus_real(x, y)

    return lambda a, b: kind(*map(add, a, b))


def running_confusion(classes: int) -> Metric:
    """The confusion matrix of (predictions, labels), as floats: `confusion_matrix`.

    Exact to 2²⁴ a cell, beyond it rounded once. `after(running_confusion(10),
    cohen_kappa)` is any score of it.

    >>> metric = running_confusion(2)
    >>> state = metric.update(metric.init(), jnp.array([0, 1]), jnp.array([0, 0]))
    >>> metric.compute(state).tolist()
    [[1.0, 1.0], [0.0, 0.0]]

    Float32, CPU: within 0 ULP.
    """
    who = "running_confusion"
    _check.within(who, "classes", classes, 1, float("inf"))

    def measure(predictions, labels, *, where):
        where = spread(where, labels)
        matrix = _matrix(who, predictions, labels, classes, where)
        return ConfusionState(one_count(matrix))

    return summed(
        lambda: ConfusionState(no_count(classes, classes)),
        measure,
        _added(ConfusionState),
        lambda state: number(state.matrix),
    )


def running_roc_auc(bins: int = 200) -> Metric:
    """`roc_auc` of (scores, labels), scores in [0, 1] rounded to 1/bins.

    Scores in one bin are equal: the area moves by at most half the pairs that share
    one. Scores outside count in the end bins; a NaN score gives NaN.

    >>> metric = running_roc_auc()
    >>> scores, labels = jnp.array([0.9, 0.6, 0.4, 0.1]), jnp.array([1, 0, 1, 0])
    >>> metric.compute(metric.update(metric.init(), scores, labels)).tolist()
    0.75

    Float32, CPU: within 1 ULP.
    """
    return _histogram("running_roc_auc", bins, area_under_roc)


def running_average_precision(bins: int = 200) -> Metric:
    """`average_precision` of (scores, labels), scores in [0, 1] rounded to 1/bins.

    Scores in one bin are equal, those outside count in the end bins; NaN gives NaN.

    >>> metric = running_average_precision()
    >>> scores, labels = jnp.array([0.9, 0.6, 0.1]), jnp.array([1, 0, 1])
    >>> metric.compute(metric.update(metric.init(), scores, labels)).tolist()
    0.83...

    Float32, CPU: within 2 ULP.
    """
    return _histogram("running_average_precision", bins, area_of_precision)


def _histogram(who: str, bins: int, area: Callable) -> Metric:
    _check.within(who, "bins", bins, 1, float("inf"))

    def measure(scores, labels, *, where):
        _check.floating(who, scores=scores)
        _check.same_shape(who, scores=scores, labels=labels)
        where = spread(where, scores)
        keep = jnp.ravel(taking_part(who, where, scores=scores))
        x, true = jnp.ravel(wide(scores)), jnp.ravel(is_true(labels))
        at = jnp.floor(jnp.clip(x, 0, 1) * bins)
        at = jnp.where(jnp.isnan(x), bins, jnp.minimum(at, bins - 1)).astype(jnp.int32)
        none = jnp.zeros(bins + 1, jnp.int32)
        kinds = (true & keep, ~true & keep)
        counts = (none.at[at].add(kind.astype(jnp.int32)) for kind in kinds)
        return HistogramState(*map(one_count, counts))

    def compute(state):
        positives, negatives = map(number, state)
        broken = positives[-1] + negatives[-1] > 0
        right, wrong = (jnp.cumsum(n[-2::-1]) for n in (positives, negatives))
        return jnp.where(broken, jnp.nan, area(right, wrong, right.dtype))

    def init():
        return HistogramState(no_count(bins + 1), no_count(bins + 1))

    return summed(init, measure, _added(HistogramState), compute)


def running_reliability(bins: int = 15) -> Metric:
    """The `reliability_diagram` of (predictions, labels).

    `after(running_reliability(), expected_calibration_error)` is the ECE.

    >>> metric = running_reliability(2)
    >>> state = metric.update(metric.init(), jnp.array([0.3, 0.4]), jnp.array([0, 1]))
    >>> metric.compute(state).share.tolist()
    [0.5, 0.0]

    Float32, CPU: within 4 ULP.
    """
    who = "running_reliability"
    _check.within(who, "bins", bins, 1, float("inf"))

    def measure(predictions, labels, *, where):
        where = spread(where, predictions)
        counts, said, came = binned(who, predictions, labels, bins, where)
        return ReliabilityState(one_count(counts), one_total(said), one_count(came))

    def compute(state):
        n = number(state.count)
        return Reliability(
            n, quotient(real(state.said), n), quotient(number(state.came), n)
        )

    def init():
        return ReliabilityState(no_count(bins), no_total(bins), no_count(bins))

    return summed(init, measure, _added(ReliabilityState), compute)


def running_bleu(order: int = 4) -> Metric:
    """`bleu` of (predictions, targets, predictions_mask, targets_mask), masks or None.

    >>> metric, text = running_bleu(), jnp.arange(6)[None]
    >>> metric.compute(metric.update(metric.init(), text, text[:, None])).tolist()
    1.0

    Float32, CPU: within 2 ULP.
    """
    who = "running_bleu"
    _check.within(who, "order", order, 1, float("inf"))

    def measure(
        predictions, targets, predictions_mask=None, targets_mask=None, *, where
    ):
        masks = (
            _rows(who, where, predictions_mask, predictions, 1),
            _rows(who, where, targets_mask, targets, 2),
        )
        counts = bleu_counts(who, predictions, targets, order, *masks)
        return BleuState(*map(one_count, counts))

    def init():
        return BleuState(no_count(order), no_count(order), no_count(), no_count())

    def compute(state):
        return bleu_of(BleuCounts(*map(number, state)))

    return summed(init, measure, _added(BleuState), compute)


def running_word_error_rate() -> Metric:
    """`word_error_rate` of (predictions, targets, predictions_mask, targets_mask).

    >>> metric = running_word_error_rate()
    >>> p, t = jnp.array([[1, 2, 3, 4]]), jnp.array([[1, 9, 3, 4]])
    >>> metric.compute(metric.update(metric.init(), p, t)).tolist()
    0.25

    Float32, CPU: within 1 ULP.
    """
    who = "running_word_error_rate"

    def measure(
        predictions, targets, predictions_mask=None, targets_mask=None, *, where
    ):
        masks = (
            _rows(who, where, predictions_mask, predictions, 1),
            _rows(who, where, targets_mask, targets, 1),
        )
        p, t = texts(who, predictions, targets, *masks)
        sums = _every(paired(_edits, p, t)), _every(t.length)
        return ErrorRateState(*map(one_count, sums))

    def compute(state):
        edits, length = map(number, state)
        return quotient(edits, length, empty=jnp.nan)

    def init():
        return ErrorRateState(no_count(), no_count())

    return summed(init, measure, _added(ErrorRateState), compute)


def _every(counts: Array) -> Array:
    return jnp.sum(counts, dtype=jnp.int32)


def _rows(who: str, where: Array | None, mask: Array | None, ids: Array, axes: int):
    """The mask of the tokens of texts that take part; `axes` are one text's."""
    if where is None:
        return mask
    keep = taking_part(who, mask, tokens=ids)
    texts = jnp.zeros(jnp.shape(ids)[: jnp.ndim(ids) - axes])
    return keep & spread(taking_part(who, where, texts=texts), ids)

"""ROC and precision-recall curves of scores, exactly: every score is a threshold.

Shapes are fixed, so that they compile: equal scores share the point behind the last of
them, which is repeated, and so is the last point for what a mask leaves out. Labels are
0 and 1. Without one of the classes its rates are NaN; a NaN score makes all NaN.
For several classes, vmap over the columns of one-hot labels.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay._numerics import wide
from assay.metrics._reduce import is_true, quotient, taking_part
from assay.typing import Array, Bool, Float, Shaped


class RocCurve(NamedTuple):
    """From the strictest threshold, ∞, to the laxest."""

    false_positive_rate: Array  # (examples + 1,)
    true_positive_rate: Array  # (examples + 1,)
    thresholds: Array  # (examples + 1,); positive means score >= threshold


class PrecisionRecallCurve(NamedTuple):
    """From the laxest threshold to the strictest; the last point has none."""

    precision: Array  # (examples + 1,); the last is 1
    recall: Array  # (examples + 1,); the last is 0
    thresholds: Array  # (examples,); positive means score >= threshold


class _Steps(NamedTuple):
    """Positives found as the threshold falls to each score, scores falling."""

    scores: Array  # (examples,)
    right: Array  # (examples,) int32, true positives
    wrong: Array  # (examples,) int32, false positives
    broken: Array  # () a score that takes part is NaN


def _steps(who: str, scores: Array, labels: Array, where: Array | None) -> _Steps:
    _check.floating(who, scores=scores)
    _check.same_shape(who, scores=scores, labels=labels)
    keep = jnp.ravel(taking_part(who, where, scores=scores))
    x, true = jnp.ravel(wide(scores)), jnp.ravel(is_true(labels))
    broken = jnp.any(jnp.isnan(x) & keep)
    x = jnp.where(keep, x, -jnp.inf)
    falling, right, wrong = jax.lax.sort(
        (-x, (true & keep).astype(jnp.int32), (~true & keep).astype(jnp.int32)),
        num_keys=1,
    )
    right, wrong = jnp.cumsum(right), jnp.cumsum(wrong)
    last = jnp.append(falling[1:] != falling[:-1], True)[: x.size]
    return _Steps(-falling, _at_last(right, last), _at_last(wrong, last), broken)


def _at_last(rising: Array, last: Array) -> Array:
    """Each entry becomes that of the last of its equals."""
    top = jnp.iinfo(rising.dtype).max
    return jax.lax.cummin(jnp.where(last, rising, top), reverse=True)


def _rates(steps: _Steps, found: Array) -> Array:
    """found / all for every threshold, from 0; NaN without any."""
    dtype = steps.scores.dtype
    found = jnp.concatenate([jnp.zeros(1, found.dtype), found])
    whole = jnp.broadcast_to(found[-1], found.shape)
    rate = quotient(found, whole, dtype, jnp.nan)
    return jnp.where(steps.broken, jnp.nan, rate)


def roc_curve(
    scores: Float[Array, "..."],
    labels: Shaped[Array, "..."],
    where: Bool[Array, "..."] | None = None,
) -> RocCurve:
    """(FP / N, TP / P) for every threshold.

    >>> curve = roc_curve(jnp.array([0.9, 0.6, 0.6, 0.1]), jnp.array([1, 0, 1, 0]))
    >>> curve.true_positive_rate.tolist(), curve.false_positive_rate.tolist()
    ([0.0, 0.5, 1.0, 1.0, 1.0], [0.0, 0.0, 0.5, 0.5, 1.0])

    Float32, CPU: within 2 ULP.
    """
    steps = _steps("roc_curve", scores, labels, where)
    top = jnp.full(1, jnp.inf, steps.scores.dtype)
    thresholds = jnp.concatenate([top, steps.scores])
    return RocCurve(_rates(steps, steps.wrong), _rates(steps, steps.right), thresholds)


def precision_recall_curve(
    scores: Float[Array, "..."],
    labels: Shaped[Array, "..."],
    where: Bool[Array, "..."] | None = None,
) -> PrecisionRecallCurve:
    """(TP / (TP + FP), TP / P) for every threshold, in scikit-learn's order.

    >>> curve = precision_recall_curve(jnp.array([0.9, 0.6, 0.1]), jnp.array([1, 0, 1]))
    >>> curve.recall.tolist()
    [1.0, 0.5, 0.5, 0.0]

    Float32, CPU: within 2 ULP.
    """
    steps = _steps("precision_recall_curve", scores, labels, where)
    precision = jnp.where(steps.broken, jnp.nan, _precision(steps))
    precision = jnp.concatenate([precision[::-1], jnp.ones(1, precision.dtype)])
    recall = _rates(steps, steps.right)[::-1]
    return PrecisionRecallCurve(precision, recall, steps.scores[::-1])


def _precision(steps: _Steps) -> Array:
    return quotient(steps.right, steps.right + steps.wrong, steps.scores.dtype)


def auc(x: Float[Array, " points"], y: Float[Array, " points"]) -> Float[Array, ""]:
    """½ |Σ (xᵢ₊₁ − xᵢ)(yᵢ₊₁ + yᵢ)|: the area under a curve with monotonic x.

    >>> auc(jnp.array([0.0, 0.5, 1.0]), jnp.array([0.0, 1.0, 1.0])).tolist()
    0.75

    Float32, CPU: within 2 ULP of the result where y >= 0.
    """
    _check.same_shape("auc", x=x, y=y)
    _check.rank_at_least("auc", "x", x, 1, "(points,)")
    x, y = wide(x), wide(y)
    return jnp.abs(jnp.sum((x[1:] - x[:-1]) * (y[1:] + y[:-1]))) / 2


def roc_auc(
    scores: Float[Array, "..."],
    labels: Shaped[Array, "..."],
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """P(score of a positive > score of a negative) + ½ P(=): the area under the ROC.

    NaN without positives or without negatives.

    >>> roc_auc(jnp.array([0.9, 0.6, 0.6, 0.1]), jnp.array([1, 0, 1, 0])).tolist()
    0.875

    Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747.

    Float32, CPU: within 1 ULP.
    """
    steps = _steps("roc_auc", scores, labels, where)
    area = area_under_roc(steps.right, steps.wrong, steps.scores.dtype)
    return jnp.where(steps.broken, jnp.nan, area)


def area_under_roc(right: Array, wrong: Array, dtype) -> Array:
    """Σ ΔFP (TP + TP before) / 2PN; counts rise with falling thresholds."""
    tp = jnp.concatenate([jnp.zeros(1, right.dtype), right])
    fp = jnp.concatenate([jnp.zeros(1, wrong.dtype), wrong])
    step, twice = (fp[1:] - fp[:-1]).astype(dtype), tp[1:].astype(dtype)
    twice = twice + tp[:-1].astype(dtype)
    positives, negatives = tp[-1].astype(dtype), fp[-1].astype(dtype)
    return quotient(jnp.sum(step * twice), 2 * positives * negatives, empty=jnp.nan)


def average_precision(
    scores: Float[Array, "..."],
    labels: Shaped[Array, "..."],
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """Σ (Rₙ − Rₙ₋₁) Pₙ over the thresholds: the area under precision against recall.

    No interpolation; the trapezoids are `auc(curve.recall, curve.precision)`. NaN
    without positives.

    >>> average_precision(jnp.array([0.9, 0.6, 0.1]), jnp.array([1, 0, 1])).tolist()
    0.83...

    Davis and Goadrich 2006, doi:10.1145/1143844.1143874.

    Float32, CPU: within 2 ULP.
    """
    steps = _steps("average_precision", scores, labels, where)
    area = area_of_precision(steps.right, steps.wrong, steps.scores.dtype)
    return jnp.where(steps.broken, jnp.nan, area)


def area_of_precision(right: Array, wrong: Array, dtype) -> Array:
    """Σ ΔTP · TP / (TP + FP) / P; counts rise with falling thresholds."""
    before = jnp.concatenate([jnp.zeros(1, right.dtype), right])
    step = (right - before[:-1]).astype(dtype)
    precision = quotient(right, right + wrong, dtype)
    positives = before[-1].astype(dtype)
    return quotient(jnp.sum(step * precision), positives, empty=jnp.nan)


def _best(wanted: Array, given: Array, least: float) -> Array:
    """The greatest of `wanted` where `given` is at least `least`; NaN if either is."""
    reached = jnp.where(given >= least, wanted, 0)
    broken = jnp.any(jnp.isnan(wanted) | jnp.isnan(given))
    return jnp.where(broken, jnp.nan, jnp.max(reached, initial=0))


def precision_at_recall(
    scores: Float[Array, "..."],
    labels: Shaped[Array, "..."],
    *,
    recall: float,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """The greatest precision of a threshold whose recall is at least `recall`.

    >>> scores, labels = jnp.array([0.9, 0.6, 0.1]), jnp.array([1, 0, 1])
    >>> precision_at_recall(scores, labels, recall=0.6).tolist()
    0.66...

    Float32, CPU: within 1 ULP.
    """
    _check.within("precision_at_recall", "recall", recall, 0, 1)
    curve = precision_recall_curve(scores, labels, where)
    return _best(curve.precision, curve.recall, recall)


def recall_at_precision(
    scores: Float[Array, "..."],
    labels: Shaped[Array, "..."],
    *,
    precision: float,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """The greatest recall of a threshold whose precision is at least `precision`.

    >>> scores, labels = jnp.array([0.9, 0.6, 0.1]), jnp.array([1, 0, 1])
    >>> recall_at_precision(scores, labels, precision=0.9).tolist()
    0.5

    Float32, CPU: within 2 ULP.
    """
    _check.within("recall_at_precision", "precision", precision, 0, 1)
    curve = precision_recall_curve(scores, labels, where)
    return _best(curve.recall, curve.precision, precision)


def _specificity(steps: _Steps) -> Array:
    """TN / N for every threshold: from counts, since 1 − FP / N rounds twice."""
    wrong = jnp.concatenate([jnp.zeros(1, steps.wrong.dtype), steps.wrong])
    whole = jnp.broadcast_to(wrong[-1], wrong.shape)
    rate = quotient(whole - wrong, whole, steps.scores.dtype, jnp.nan)
    return jnp.where(steps.broken, jnp.nan, rate)


def sensitivity_at_specificity(
    scores: Float[Array, "..."],
    labels: Shaped[Array, "..."],
    *,
    specificity: float,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """The greatest TP / P of a threshold whose TN / N is at least `specificity`.

    >>> scores, labels = jnp.array([0.9, 0.6, 0.4, 0.1]), jnp.array([1, 0, 1, 0])
    >>> sensitivity_at_specificity(scores, labels, specificity=0.5).tolist()
    1.0

    Float32, CPU: within 2 ULP.
    """
    who = "sensitivity_at_specificity"
    _check.within(who, "specificity", specificity, 0, 1)
    steps = _steps(who, scores, labels, where)
    return _best(_rates(steps, steps.right), _specificity(steps), specificity)


def specificity_at_sensitivity(
    scores: Float[Array, "..."],
    labels: Shaped[Array, "..."],
    *,
    sensitivity: float,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """The greatest TN / N of a threshold whose TP / P is at least `sensitivity`.

    >>> scores, labels = jnp.array([0.9, 0.6, 0.4, 0.1]), jnp.array([1, 0, 1, 0])
    >>> specificity_at_sensitivity(scores, labels, sensitivity=1.0).tolist()
    0.5

    Float32, CPU: within 1 ULP.
    """
    who = "specificity_at_sensitivity"
    _check.within(who, "sensitivity", sensitivity, 0, 1)
    steps = _steps(who, scores, labels, where)
    return _best(_specificity(steps), _rates(steps, steps.right), sensitivity)

"""Metrics: what is reported, as averages over the examples, in at least float32.

``where`` True = takes part. The average of no examples is NaN.
"""

import jax
import jax.numpy as jnp

from assay import _check
from assay._numerics import wide
from assay.typing import Array, Bool, Float, Int, Num


def accuracy(
    logits: Float[Array, "*batch classes"],
    labels: Int[Array, "*batch"],
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, ""]:
    """The share of examples whose largest logit is the label's.

    >>> accuracy(jnp.array([[0.1, 0.9], [0.8, 0.2]]), jnp.array([1, 1])).tolist()
    0.5
    """
    _check.integer("accuracy", labels=labels)
    guesses = jnp.argmax(logits, axis=-1)
    _check.same_shape("accuracy", **{"logits' examples": guesses, "labels": labels})
    right = guesses.astype(jnp.int32) == jnp.asarray(labels, jnp.int32)
    return _share("accuracy", right, where, logits)


def binary_accuracy(
    predictions: Float[Array, "..."],
    labels: Num[Array, "..."],
    *,
    threshold: float = 0.5,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """The share of entries with (prediction > threshold) = label, labels 0 and 1.

    >>> binary_accuracy(jnp.array([0.9, 0.4, 0.6, 0.2]), jnp.array([1, 0, 0, 0]))
    Array(0.75, dtype=float32)
    """
    who = "binary_accuracy"
    _check.same_shape(who, predictions=predictions, labels=labels)
    right = (jnp.asarray(predictions) > threshold) == (jnp.asarray(labels) != 0)
    return _share(who, right, where, predictions)


def categorical_accuracy(
    logits: Float[Array, "*batch classes"],
    labels: Num[Array, "*batch classes"],
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, ""]:
    """The share of examples whose largest logit stands where the largest label does.

    >>> one_hot = jnp.array([[0.0, 1.0], [1.0, 0.0]])
    >>> categorical_accuracy(jnp.array([[1.0, 2.0], [1.0, 2.0]]), one_hot).tolist()
    0.5
    """
    who = "categorical_accuracy"
    _check.same_shape(who, logits=logits, labels=labels)
    right = jnp.argmax(logits, axis=-1) == jnp.argmax(labels, axis=-1)
    return _share(who, right, where, logits)


def top_k_accuracy(
    logits: Float[Array, "*batch classes"],
    labels: Int[Array, "*batch"],
    *,
    k: int = 5,
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, ""]:
    """The share of examples whose label is among the k largest logits.

    >>> top_k_accuracy(jnp.array([[3.0, 2.0, 1.0]]), jnp.array([1]), k=2).tolist()
    1.0
    """
    who = "top_k_accuracy"
    _check.integer(who, labels=labels)
    _check.within(who, "k", k, 1, jnp.shape(logits)[-1])
    _, best = jax.lax.top_k(jnp.asarray(logits), k)
    _check.same_shape(who, **{"logits' examples": best[..., 0], "labels": labels})
    label = jnp.expand_dims(jnp.asarray(labels, jnp.int32), -1)
    right = jnp.any(best.astype(jnp.int32) == label, axis=-1)
    return _share(who, right, where, logits)


def mean_squared_error(
    predictions: Float[Array, "..."], targets: Float[Array, "..."]
) -> Float[Array, ""]:
    """mean (prediction − target)².

    >>> mean_squared_error(jnp.array([1.0, 3.0]), jnp.array([1.0, 1.0])).tolist()
    2.0
    """
    _check.same_shape("mean_squared_error", predictions=predictions, targets=targets)
    return jnp.mean(jnp.square(wide(predictions) - wide(targets)))


def root_mean_squared_error(
    predictions: Float[Array, "..."], targets: Float[Array, "..."]
) -> Float[Array, ""]:
    """√ mean (prediction − target)².

    >>> root_mean_squared_error(jnp.array([1.0, 3.0]), jnp.zeros(2)).round(3).tolist()
    2.23...
    """
    who = "root_mean_squared_error"
    _check.same_shape(who, predictions=predictions, targets=targets)
    return jnp.sqrt(jnp.mean(jnp.square(wide(predictions) - wide(targets))))


def mean_absolute_error(
    predictions: Float[Array, "..."], targets: Float[Array, "..."]
) -> Float[Array, ""]:
    """mean |prediction − target|.

    >>> mean_absolute_error(jnp.array([1.0, 4.0]), jnp.array([1.0, 1.0])).tolist()
    1.5
    """
    _check.same_shape("mean_absolute_error", predictions=predictions, targets=targets)
    return jnp.mean(jnp.abs(wide(predictions) - wide(targets)))


def mean_squared_log_error(
    predictions: Float[Array, "..."], targets: Float[Array, "..."]
) -> Float[Array, ""]:
    """mean (log(1 + prediction) − log(1 + target))², for numbers above −1.

    >>> mean_squared_log_error(jnp.array([1.0, 3.0]), jnp.array([1.0, 3.0])).tolist()
    0.0
    """
    who = "mean_squared_log_error"
    _check.same_shape(who, predictions=predictions, targets=targets)
    off = jnp.log1p(wide(predictions)) - jnp.log1p(wide(targets))
    return jnp.mean(jnp.square(off))


def r2_score(
    predictions: Float[Array, "..."], targets: Float[Array, "..."]
) -> Float[Array, ""]:
    """1 − Σ (target − prediction)² / Σ (target − mean)², averaged over outputs.

    Where the targets are one value the score is 1 if all are right, else 0.

    >>> r2_score(jnp.array([1.0, 3.0, 3.0]), jnp.array([1.0, 2.0, 3.0])).tolist()
    0.5
    """
    _check.same_shape("r2_score", predictions=predictions, targets=targets)
    _check.rank_at_least("r2_score", "targets", targets, 1, "(examples, *outputs)")
    p, t = wide(predictions), wide(targets)
    spread = t - jnp.broadcast_to(jnp.mean(t, axis=0, keepdims=True), t.shape)
    left, total = jnp.sum(jnp.square(t - p), 0), jnp.sum(jnp.square(spread), 0)
    varied = total > 0
    score = 1 - left / jnp.where(varied, total, jnp.ones_like(total))
    flat = (left == 0).astype(score.dtype)
    return jnp.mean(jnp.where(varied, score, flat))


def confusion_matrix(
    predictions: Int[Array, "*batch"], labels: Int[Array, "*batch"], *, classes: int
) -> Int[Array, "classes classes"]:
    """Cᵢⱼ: how many examples of class i (rows) were taken for class j (columns).

    A class outside [0, classes) raises where the numbers are known; under jit its
    pair is not counted.

    >>> confusion_matrix(
    ...     jnp.array([0, 1, 1]), jnp.array([0, 0, 1]), classes=2).tolist()
    [[1, 1], [0, 1]]
    """
    who = "confusion_matrix"
    _check.integer(who, predictions=predictions, labels=labels)
    _check.same_shape(who, predictions=predictions, labels=labels)
    _check.indices(who, "predictions", predictions, classes)
    _check.indices(who, "labels", labels, classes)
    columns = jnp.ravel(jnp.asarray(predictions, jnp.int32))
    rows = jnp.ravel(jnp.asarray(labels, jnp.int32))
    inside = (rows >= 0) & (rows < classes) & (columns >= 0) & (columns < classes)
    cell = jnp.where(inside, rows * classes + columns, classes**2)
    counts = jnp.zeros(classes**2, jnp.int32).at[cell].add(1, mode="drop")
    return counts.reshape(classes, classes)


def precision(
    predictions: Int[Array, "*batch"], labels: Int[Array, "*batch"], *, classes: int
) -> Float[Array, " classes"]:
    """Right / predicted, for each class; 0 for a class that was never predicted.

    >>> precision(jnp.array([0, 1, 1]), jnp.array([0, 0, 1]), classes=2).tolist()
    [1.0, 0.5]
    """
    right, predicted, _ = _counts(predictions, labels, classes)
    return _ratio(right, predicted)


def recall(
    predictions: Int[Array, "*batch"], labels: Int[Array, "*batch"], *, classes: int
) -> Float[Array, " classes"]:
    """Right / there, for each class; 0 for a class that has no examples.

    >>> recall(jnp.array([0, 1, 1]), jnp.array([0, 0, 1]), classes=2).tolist()
    [0.5, 1.0]
    """
    right, _, there = _counts(predictions, labels, classes)
    return _ratio(right, there)


def f1_score(
    predictions: Int[Array, "*batch"], labels: Int[Array, "*batch"], *, classes: int
) -> Float[Array, " classes"]:
    """2·right / (predicted + there), for each class; 0 where that is 0 / 0.

    The harmonic mean of `precision` and `recall`.

    >>> f1_score(jnp.array([0, 1, 1]), jnp.array([0, 0, 1]), classes=2).tolist()
    [0.66..., 0.66...]
    """
    right, predicted, there = _counts(predictions, labels, classes)
    return _ratio(2 * right, predicted + there)


def _counts(predictions, labels, classes) -> tuple[Array, Array, Array]:
    """(right, predicted, there) of each class."""
    matrix = confusion_matrix(predictions, labels, classes=classes)
    return jnp.diagonal(matrix), matrix.sum(0), matrix.sum(1)


def _ratio(part: Array, whole: Array) -> Array:
    """part / whole, 0 where the whole is 0."""
    dtype = jnp.result_type(float)
    return part.astype(dtype) / jnp.maximum(whole, 1).astype(dtype)


def _share(who: str, right: Array, where: Array | None, like: Array) -> Array:
    """The share of True among what takes part, in at least float32.

    A bfloat16 sum of ones stops at 256.
    """
    right = right.astype(wide(like).dtype)
    if where is None:
        return jnp.mean(right)
    _check.same_shape(who, examples=right, where=where)
    return jnp.mean(right, where=jnp.asarray(where, jnp.bool_))

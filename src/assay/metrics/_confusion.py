"""Who was taken for whom: the confusion matrix, counts class by class, and ratios.

A ratio is a function of `Counts`, and an average is a step between: `precision_of(c)`
is per class, `precision_of(micro(c))`, `macro(precision_of(c), c)` and
`weighted(precision_of(c), c)` are its averages. A ratio 0/0 is 0, as in scikit-learn.
"""

from typing import NamedTuple

import jax.numpy as jnp

from assay import _check
from assay.metrics._reduce import count, dtype_of, is_true, mean, quotient, taking_part
from assay.typing import Array, Axis, Bool, Float, Int, Num, Scalar, Shaped


class Counts(NamedTuple):
    """Positives and negatives, each label against the rest; all of one shape."""

    true_positives: Array
    false_positives: Array
    false_negatives: Array
    true_negatives: Array


def confusion_matrix(
    predictions: Int[Array, "*batch"],
    labels: Int[Array, "*batch"],
    *,
    classes: int,
    where: Bool[Array, "*batch"] | None = None,
) -> Int[Array, "classes classes"]:
    """Cᵢⱼ: how many examples of class i (rows) were taken for class j (columns).

    A class outside [0, classes) raises where the numbers are known; under jit, and
    under a mask, its pair is not counted.

    >>> confusion_matrix(
    ...     jnp.array([0, 1, 1]), jnp.array([0, 0, 1]), classes=2).tolist()
    [[1, 1], [0, 1]]

    Float32, CPU: within 0 ULP.
    """
    return _matrix("confusion_matrix", predictions, labels, classes, where)


def _matrix(who, predictions, labels, classes, where=None) -> Array:
    _check.integer(who, predictions=predictions, labels=labels)
    _check.same_shape(who, predictions=predictions, labels=labels)
    if where is None:
        _check.indices(who, "predictions", predictions, classes)
        _check.indices(who, "labels", labels, classes)
    keep = jnp.ravel(taking_part(who, where, labels=labels))
    columns = jnp.ravel(jnp.asarray(predictions, jnp.int32))
    rows = jnp.ravel(jnp.asarray(labels, jnp.int32))
    inside = (rows >= 0) & (rows < classes) & (columns >= 0) & (columns < classes)
    cell = jnp.where(inside & keep, rows * classes + columns, classes**2)
    counts = jnp.zeros(classes**2, jnp.int32).at[cell].add(1, mode="drop")
    return counts.reshape(classes, classes)


def class_counts(matrix: Num[Array, "classes classes"]) -> Counts:
    """TPₖ = Cₖₖ, FPₖ = Σᵢ Cᵢₖ − Cₖₖ, FNₖ = Σⱼ Cₖⱼ − Cₖₖ, TNₖ the rest.

    >>> class_counts(jnp.array([[1, 1], [0, 1]])).false_negatives.tolist()
    [1, 0]

    Float32, CPU: within 0 ULP.
    """
    matrix = _square("class_counts", matrix)
    right, there, predicted = jnp.diagonal(matrix), summed(matrix, 1), summed(matrix, 0)
    missed, wrong = there - right, predicted - right
    every = jnp.broadcast_to(summed(matrix), right.shape)
    return Counts(right, wrong, missed, every - right - missed - wrong)


def summed(counts: Array, axis: Axis = None) -> Array:
    """Σ counts, in their own dtype: under x64 NumPy's rule would widen int32."""
    return jnp.sum(counts, axis, dtype=counts.dtype)


def _square(who: str, matrix: Array) -> Array:
    """A confusion matrix as an array."""
    shape = jnp.shape(matrix)
    if len(shape) != 2 or shape[0] != shape[1]:
        _check.fail(who, "matrix must be (classes, classes)", f"matrix.shape={shape}")
    return jnp.asarray(matrix)


def binary_counts(
    predictions: Float[Array, "..."],
    labels: Shaped[Array, "..."],
    *,
    threshold: float = 0.5,
    axis: Axis = None,
    where: Bool[Array, "..."] | None = None,
) -> Counts:
    """TP, FP, FN and TN of prediction > threshold against labels 0 and 1, over `axis`.

    Several labels an example, (examples, labels): `axis=0` counts label by label.

    >>> c = binary_counts(jnp.array([0.9, 0.4, 0.6]), jnp.array([1, 1, 0]))
    >>> int(c.true_positives), int(c.false_positives), int(c.false_negatives)
    (1, 1, 1)

    Float32, CPU: within 0 ULP.
    """
    who = "binary_counts"
    _check.same_shape(who, predictions=predictions, labels=labels)
    _check.within(who, "threshold", threshold, 0, 1)
    keep = taking_part(who, where, predictions=predictions)
    said = jnp.asarray(predictions) > threshold
    true = is_true(labels)
    cells = (said & true, said & ~true, ~said & true, ~said & ~true)
    return Counts(*(count(cell & keep, axis) for cell in cells))


def micro(counts: Counts) -> Counts:
    """Σ TP, Σ FP, Σ FN, Σ TN: every decision counts once.

    >>> c = class_counts(jnp.array([[3, 1], [2, 4]]))
    >>> precision_of(micro(c)).tolist()
    0.699...

    Float32, CPU: within 0 ULP.
    """
    return Counts(*(summed(jnp.asarray(c)) for c in counts))


def macro(scores: Float[Array, " classes"], counts: Counts) -> Float[Array, ""]:
    """The mean score of the classes that occur: TP + FP + FN > 0; NaN if none does.

    >>> c = class_counts(jnp.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]]))
    >>> macro(recall_of(c), c).tolist()
    0.708...

    Float32, CPU: within 2 ULP.
    """
    _check.same_shape("macro", scores=scores, counts=counts.true_positives)
    occurs = counts.true_positives + counts.false_positives + counts.false_negatives
    return mean(jnp.asarray(scores), occurs > 0)


def weighted(scores: Float[Array, " classes"], counts: Counts) -> Float[Array, ""]:
    """Σ nₖ scoreₖ / Σ nₖ, nₖ = TPₖ + FNₖ examples of class k; NaN if there are none.

    >>> c = class_counts(jnp.array([[3, 1], [2, 4]]))
    >>> weighted(recall_of(c), c).tolist()
    0.699...

    Float32, CPU: within 2 ULP.
    """
    _check.same_shape("weighted", scores=scores, counts=counts.true_positives)
    there = (counts.true_positives + counts.false_negatives).astype(dtype_of(scores))
    return quotient(jnp.sum(there * scores), jnp.sum(there), empty=jnp.nan)


def precision_of(counts: Counts) -> Float[Array, "..."]:
    """TP / (TP + FP): right / predicted.

    >>> precision_of(class_counts(jnp.array([[1, 1], [0, 1]]))).tolist()
    [1.0, 0.5]

    Float32, CPU: within 1 ULP.
    """
    right = counts.true_positives
    return quotient(right, right + counts.false_positives)


def recall_of(counts: Counts) -> Float[Array, "..."]:
    """TP / (TP + FN): right / there; also called sensitivity.

    >>> recall_of(class_counts(jnp.array([[1, 1], [0, 1]]))).tolist()
    [0.5, 1.0]

    Float32, CPU: within 1 ULP.
    """
    right = counts.true_positives
    return quotient(right, right + counts.false_negatives)


def specificity_of(counts: Counts) -> Float[Array, "..."]:
    """TN / (TN + FP): the recall of the others.

    >>> specificity_of(class_counts(jnp.array([[1, 1], [0, 1]]))).tolist()
    [1.0, 0.5]

    Float32, CPU: within 1 ULP.
    """
    passed = counts.true_negatives
    return quotient(passed, passed + counts.false_positives)


def f_beta_of(counts: Counts, *, beta: Scalar = 1.0) -> Float[Array, "..."]:
    """(1 + β²) TP / ((1 + β²) TP + β² FN + FP): recall counts β times precision.

    β = 1 is F1, and the Dice score.

    >>> f_beta_of(class_counts(jnp.array([[1, 1], [0, 1]])), beta=2.0).round(3).tolist()
    [0.55..., 0.83...]

    van Rijsbergen 1979, Information Retrieval.

    Float32, CPU: within 1 ULP.
    """
    _check.within("f_beta_of", "beta", beta, 0, float("inf"))
    dtype = dtype_of(counts.true_positives)
    right, wrong, missed, _ = (c.astype(dtype) for c in counts)
    weight = jnp.asarray(beta, dtype) ** 2
    right = (1 + weight) * right
    return quotient(right, right + (weight * missed + wrong))


def dice_of(counts: Counts) -> Float[Array, "..."]:
    """2 TP / (2 TP + FP + FN): the overlap of two regions, as F1 is of two classes.

    >>> dice_of(class_counts(jnp.array([[1, 1], [0, 1]]))).tolist()
    [0.66..., 0.66...]

    Float32, CPU: within 1 ULP.
    """
    twice = 2 * counts.true_positives
    return quotient(twice, twice + counts.false_positives + counts.false_negatives)


def iou_of(counts: Counts) -> Float[Array, "..."]:
    """TP / (TP + FP + FN): intersection over union, the Jaccard index.

    >>> iou_of(class_counts(jnp.array([[1, 1], [0, 1]]))).tolist()
    [0.5, 0.5]

    Float32, CPU: within 1 ULP.
    """
    right = counts.true_positives
    return quotient(right, right + counts.false_positives + counts.false_negatives)


def precision(
    predictions: Int[Array, "*batch"],
    labels: Int[Array, "*batch"],
    *,
    classes: int,
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, " classes"]:
    """Right / predicted, for each class; 0 for a class that was never predicted.

    >>> precision(jnp.array([0, 1, 1]), jnp.array([0, 0, 1]), classes=2).tolist()
    [1.0, 0.5]

    Float32, CPU: within 1 ULP.
    """
    matrix = _matrix("precision", predictions, labels, classes, where)
    return precision_of(class_counts(matrix))


def recall(
    predictions: Int[Array, "*batch"],
    labels: Int[Array, "*batch"],
    *,
    classes: int,
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, " classes"]:
    """Right / there, for each class; 0 for a class that has no examples.

    >>> recall(jnp.array([0, 1, 1]), jnp.array([0, 0, 1]), classes=2).tolist()
    [0.5, 1.0]

    Float32, CPU: within 1 ULP.
    """
    matrix = _matrix("recall", predictions, labels, classes, where)
    return recall_of(class_counts(matrix))


def f1_score(
    predictions: Int[Array, "*batch"],
    labels: Int[Array, "*batch"],
    *,
    classes: int,
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, " classes"]:
    """2·right / (predicted + there), for each class; 0 where that is 0 / 0.

    The harmonic mean of `precision` and `recall`.

    >>> f1_score(jnp.array([0, 1, 1]), jnp.array([0, 0, 1]), classes=2).tolist()
    [0.66..., 0.66...]

    Float32, CPU: within 1 ULP.
    """
    matrix = _matrix("f1_score", predictions, labels, classes, where)
    return dice_of(class_counts(matrix))

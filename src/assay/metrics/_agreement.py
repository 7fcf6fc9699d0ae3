"""How far two labellings agree: scores of a whole confusion matrix.

A contingency table of clusters and classes is such a matrix too.
"""

import jax.numpy as jnp

from assay import _check
from assay.metrics._confusion import (
    _square,
    class_counts,
    iou_of,
    macro,
    recall_of,
    summed,
)
from assay.metrics._reduce import mean, quotient
from assay.typing import Array, Float, Num


def _shares(who: str, matrix: Array) -> tuple[Array, Array, Array]:
    """(C / n, Σⱼ C / n, Σᵢ C / n), the sums taken before the quotient."""
    matrix = _square(who, matrix)
    each = (matrix, summed(matrix, 1), summed(matrix, 0))
    n = summed(matrix)
    seen, there, said = (quotient(a, jnp.broadcast_to(n, a.shape)) for a in each)
    return seen, there, said


def balanced_accuracy(matrix: Num[Array, "classes classes"]) -> Float[Array, ""]:
    """The mean recall of the classes that have examples; NaN if none has.

    >>> balanced_accuracy(jnp.array([[3, 1], [2, 4]])).tolist()
    0.708...

    Float32, CPU: within 2 ULP.
    """
    matrix = _square("balanced_accuracy", matrix)
    return mean(recall_of(class_counts(matrix)), summed(matrix, 1) > 0)


def mean_iou(matrix: Num[Array, "classes classes"]) -> Float[Array, ""]:
    """The mean intersection over union of the classes that occur; NaN if none does.

    >>> mean_iou(jnp.array([[3, 1], [2, 4]])).tolist()
    0.53...

    Float32, CPU: within 2 ULP.
    """
    counts = class_counts(_square("mean_iou", matrix))
    return macro(iou_of(counts), counts)


def cohen_kappa(
    matrix: Num[Array, "classes classes"], *, power: float = 0.0
) -> Float[Array, ""]:
    """κ = 1 − Σ wᵢⱼ Cᵢⱼ / Σ wᵢⱼ Eᵢⱼ, E by chance, wᵢⱼ = |i − j|ᵖᵒʷᵉʳ off the diagonal.

    `power` 0 counts every confusion alike, 1 by distance (linear), 2 by its square
    (quadratic). NaN where chance is always right: one class only, or no examples.

    >>> cohen_kappa(jnp.array([[4, 0], [2, 2]])).tolist()
    0.5

    Cohen 1960, doi:10.1177/001316446002000104; weights: 1968, doi:10.1037/h0026256.

    Float32, CPU: within 2 ULP of 1.
    """
    _check.within("cohen_kappa", "power", power, 0, float("inf"))
    seen, there, said = _shares("cohen_kappa", matrix)
    i = jnp.arange(seen.shape[0], dtype=seen.dtype)
    apart = jnp.abs(i[:, None] - i[None, :])
    weight = jnp.where(apart == 0, 0, jnp.where(apart == 0, 1, apart) ** power)
    chance = there[:, None] * said[None, :]
    off, by_chance = jnp.sum(weight * seen), jnp.sum(weight * chance)
    return 1 - quotient(off, by_chance, empty=jnp.nan)


def matthews_correlation(matrix: Num[Array, "classes classes"]) -> Float[Array, ""]:
    """Σ (TP·TN − FN·FP) / √(Σ (TP + FN)(FP + TN) · Σ (TP + FP)(FN + TN)) over classes.

    The correlation of prediction and label; 0 where either is one class only.

    >>> matthews_correlation(jnp.array([[3, 1], [2, 4]])).round(4).tolist()
    0.408...

    Matthews 1975, doi:10.1016/0005-2795(75)90109-9; several classes: Gorodkin 2004,
    doi:10.1016/j.compbiolchem.2004.09.006.

    Float32, CPU: within 2 ULP of 1.
    """
    matrix = _square("matthews_correlation", matrix)
    n = jnp.broadcast_to(summed(matrix), matrix.shape[:1])
    tp, fp, fn, tn = (quotient(c, n) for c in class_counts(matrix))
    together = jnp.sum(tp * tn - fn * fp)
    there, said = jnp.sum((tp + fn) * (fp + tn)), jnp.sum((tp + fp) * (fn + tn))
    return quotient(together, jnp.sqrt(there) * jnp.sqrt(said))


def normalized_mutual_information(
    matrix: Num[Array, "classes classes"],
) -> Float[Array, ""]:
    """2 I(T; P) / (H(T) + H(P)) of two labellings, whatever their names.

    1 where both put all in one class; `confusion_matrix` makes the table.

    >>> normalized_mutual_information(jnp.array([[0, 5], [5, 0]])).tolist()
    1.0

    Strehl and Ghosh 2002, https://www.jmlr.org/papers/v3/strehl02a.html.

    Float32, CPU: within 2 ULP of 1.
    """
    matrix = _square("normalized_mutual_information", matrix)
    seen, said, there, apart = _cells(matrix)
    # p − r·c = p·(the rest) − (row without p)·(column without p): it cancels less.
    chance = (seen + there) * (seen + said)
    more = quotient(seen * apart - said * there, chance)
    shared = jnp.sum(seen * jnp.log1p(jnp.where(seen > 0, more, 0)))
    surprise = _entropy(summed(matrix, 1)) + _entropy(summed(matrix, 0))
    return quotient(2 * jnp.maximum(shared, 0), surprise, empty=1)


def _entropy(counts: Array) -> Array:
    """−Σ p log p, p = count / n."""
    n = jnp.broadcast_to(summed(counts), counts.shape)
    p, others = quotient(counts, n), quotient(n - counts, n)
    many, few = jnp.log1p(-jnp.minimum(others, 0.5)), jnp.log(jnp.where(p > 0, p, 1))
    return -jnp.sum(p * jnp.where(p > 0.5, many, few))


def _cells(matrix: Array) -> tuple[Array, ...]:
    """Of each cell the share of examples in it, its column, its row, and elsewhere."""
    n = summed(matrix)
    there = jnp.broadcast_to(summed(matrix, 1)[:, None], matrix.shape) - matrix
    said = jnp.broadcast_to(summed(matrix, 0)[None, :], matrix.shape) - matrix
    cells = matrix, said, there, n - matrix - there - said
    return tuple(quotient(a, jnp.broadcast_to(n, a.shape)) for a in cells)


def adjusted_rand_index(matrix: Num[Array, "classes classes"]) -> Float[Array, ""]:
    """2 (TP·TN − FN·FP) / ((TP + FN)(FN + TN) + (TP + FP)(FP + TN)) over all pairs.

    A pair is positive if both are in one class: 0 is chance, 1 the same partition.

    >>> adjusted_rand_index(jnp.array([[0, 5], [5, 0]])).tolist()
    1.0

    Hubert and Arabie 1985, doi:10.1007/BF01908075.

    Float32, CPU: within 2 ULP of 1.
    """
    matrix = _square("adjusted_rand_index", matrix)
    seen, said, there, apart = _cells(matrix)
    # An example is no pair with itself.
    n = jnp.broadcast_to(summed(matrix), matrix.shape)
    again = quotient(jnp.maximum(matrix - 1, 0), n)
    tp, fp, fn, tn = (jnp.sum(seen * b) for b in (again, said, there, apart))
    pairs = (tp + fn) * (fn + tn) + (tp + fp) * (fp + tn)
    return quotient(2 * (tp * tn - fn * fp), pairs, empty=1)

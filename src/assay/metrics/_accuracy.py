"""Shares of right examples. ``where`` True = takes part; of no examples it is NaN."""

import jax
import jax.numpy as jnp

from assay import _check
from assay.metrics._reduce import is_true, share
from assay.typing import Array, Bool, Float, Int, Num, Shaped


def accuracy(
    logits: Float[Array, "*batch classes"],
    labels: Int[Array, "*batch"],
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, ""]:
    """The share of examples whose largest logit is the label's.

    >>> accuracy(jnp.array([[0.1, 0.9], [0.8, 0.2]]), jnp.array([1, 1])).tolist()
    0.5

    Float32, CPU: within 1 ULP.
    """
    return share("accuracy", _is_right("accuracy", logits, labels), where, logits)


def _is_right(who: str, logits: Array, labels: Array) -> Array:
    """Whether the largest logit is the label's."""
    _check.integer(who, labels=labels)
    guesses = jnp.argmax(jnp.asarray(logits), axis=-1)
    _check.same_shape(who, **{"logits' examples": guesses, "labels": labels})
    return guesses.astype(jnp.int32) == jnp.asarray(labels, jnp.int32)


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

    Float32, CPU: within 1 ULP.
    """
    who = "binary_accuracy"
    _check.same_shape(who, predictions=predictions, labels=labels)
    _check.within(who, "threshold", threshold, 0, 1)
    right = (jnp.asarray(predictions) > threshold) == is_true(labels)
    return share(who, right, where, predictions)


def categorical_accuracy(
    logits: Float[Array, "*batch classes"],
    labels: Num[Array, "*batch classes"],
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, ""]:
    """The share of examples whose largest logit stands where the largest label does.

    >>> one_hot = jnp.array([[0.0, 1.0], [1.0, 0.0]])
    >>> categorical_accuracy(jnp.array([[1.0, 2.0], [1.0, 2.0]]), one_hot).tolist()
    0.5

    Float32, CPU: within 1 ULP.
    """
    who = "categorical_accuracy"
    _check.same_shape(who, logits=logits, labels=labels)
    right = jnp.argmax(logits, axis=-1) == jnp.argmax(labels, axis=-1)
    return share(who, right, where, logits)


def in_top_k(
    logits: Float[Array, "*batch classes"], labels: Int[Array, "*batch"], *, k: int = 5
) -> Bool[Array, "*batch"]:
    """Whether the label is among the k largest logits, example by example.

    `running_share(in_top_k)` counts them over batches.

    >>> in_top_k(jnp.array([[3.0, 2.0, 1.0]]), jnp.array([1]), k=2).tolist()
    [True]

    Float32, CPU: within 0 ULP.
    """
    return _in_top_k("in_top_k", logits, labels, k)


def _in_top_k(who: str, logits: Array, labels: Array, k: int) -> Array:
    _check.integer(who, labels=labels)
    _check.within(who, "k", k, 1, jnp.shape(logits)[-1])
    _, best = jax.lax.top_k(jnp.asarray(logits), k)
    _check.same_shape(who, **{"logits' examples": best[..., 0], "labels": labels})
    label = jnp.expand_dims(jnp.asarray(labels, jnp.int32), -1)
    return jnp.any(best.astype(jnp.int32) == label, axis=-1)


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

    Float32, CPU: within 1 ULP.
    """
    who = "top_k_accuracy"
    return share(who, _in_top_k(who, logits, labels, k), where, logits)


def exact_match(
    predictions: Shaped[Array, "*batch entries"],
    labels: Shaped[Array, "*batch entries"],
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, ""]:
    """The share of examples whose every entry is the label's: subset accuracy.

    >>> exact_match(jnp.array([[1, 0], [1, 1]]), jnp.array([[1, 0], [0, 1]])).tolist()
    0.5

    Float32, CPU: within 2 ULP.
    """
    who = "exact_match"
    _check.same_shape(who, predictions=predictions, labels=labels)
    right = jnp.all(jnp.asarray(predictions) == jnp.asarray(labels), -1)
    return share(who, right, where, predictions)


def hamming_loss(
    predictions: Shaped[Array, "..."],
    labels: Shaped[Array, "..."],
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """The share of entries that are not the label's.

    >>> hamming_loss(jnp.array([[1, 0], [1, 1]]), jnp.array([[1, 0], [0, 1]])).tolist()
    0.25

    Float32, CPU: within 1 ULP.
    """
    who = "hamming_loss"
    _check.same_shape(who, predictions=predictions, labels=labels)
    wrong = jnp.asarray(predictions) != jnp.asarray(labels)
    return share(who, wrong, where, predictions)

"""Classification by angles: margins between the cosines of embeddings and classes."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.losses._integer_labels import softmax_cross_entropy_with_integer_labels
from assay.typing import Array, Float, Int, Scalar


def _at_label(who: str, cosines: Any, labels: Any) -> tuple[Array, Array]:
    """(cosines, where the label is)."""
    _check.floating(who, cosines=cosines)
    _check.integer(who, labels=labels)
    c, labels = _numerics.wide(cosines), jnp.asarray(labels)
    if labels.shape != c.shape[:-1]:
        got = f"labels.shape={labels.shape} and cosines.shape={c.shape}"
        _check.fail(who, "labels must have the shape of cosines without classes", got)
    classes = jax.lax.broadcasted_iota(labels.dtype, c.shape, c.ndim - 1)
    return c, classes == jnp.expand_dims(labels, -1)


def _turned(c: Array, margin: float) -> Array:
    """cos(arccos c + margin); the infinite slope of the sine at c = ±1 counts 0."""
    squared = (1 - c) * (1 + c)
    inside = squared > 0
    sine = jnp.where(inside, jnp.sqrt(jnp.where(inside, squared, 1)), 0)
    return c * math.cos(margin) - sine * math.sin(margin)


def arcface_loss(
    cosines: Float[Array, "*batch classes"],
    labels: Int[Array, "*batch"],
    *,
    margin: float = 0.5,
    scale: Scalar = 64.0,
) -> Float[Array, "*batch"]:
    """−log softmax(scale · c)[label], with cos(θ + margin) for cos θ at the label.

    >>> cosines = jnp.array([[0.5, 0.5]])
    >>> arcface_loss(cosines, jnp.array([0]), margin=0.0, scale=1.0).tolist()
    [0.693...]

    Deng et al. 2019, arXiv:1801.07698.

    Float32, CPU: within 2 ULP of the scale.
    """
    c, own = _at_label("arcface_loss", cosines, labels)
    turned = jnp.where(own, _turned(c, margin), c)
    logits = jnp.asarray(scale, c.dtype) * turned
    y = softmax_cross_entropy_with_integer_labels(logits, labels)
    return _numerics.narrow(y, cosines)


def cosface_loss(
    cosines: Float[Array, "*batch classes"],
    labels: Int[Array, "*batch"],
    *,
    margin: Scalar = 0.35,
    scale: Scalar = 64.0,
) -> Float[Array, "*batch"]:
    """−log softmax(scale · c)[label], with cos θ − margin for cos θ at the label.

    >>> cosines = jnp.array([[0.5, 0.5]])
    >>> cosface_loss(cosines, jnp.array([0]), margin=0.0, scale=1.0).tolist()
    [0.693...]

    Wang et al. 2018, arXiv:1801.09414.

    Float32, CPU: within 2 ULP of the scale.
    """
    c, own = _at_label("cosface_loss", cosines, labels)
    moved = jnp.where(own, c - jnp.asarray(margin, c.dtype), c)
    logits = jnp.asarray(scale, c.dtype) * moved
    y = softmax_cross_entropy_with_integer_labels(logits, labels)
    return _numerics.narrow(y, cosines)

"""What is added to a cross-entropy: smoothed labels, the uniform cost, z-loss."""

import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations import logsumexp
from assay.losses._mask import _mask
from assay.losses._softmax import softmax_cross_entropy
from assay.typing import Array, Axis, Bool, Float, Scalar


def smooth_labels(
    labels: Float[Array, "*shape"],
    alpha: Scalar,
    *,
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*shape"]:
    """(1 − alpha) · label + alpha / n, n the number of classes where `where` is True.

    >>> smooth_labels(jnp.array([1.0, 0.0, 0.0, 0.0]), 0.5).tolist()
    [0.625, 0.125, 0.125, 0.125]

    Szegedy et al. 2015, arXiv:1512.00567.

    Float32, CPU: within 2 ULP.
    """
    _check.floating("smooth_labels", labels=labels)
    _check.within("smooth_labels", "alpha", alpha, 0, 1)
    y = _numerics.wide(labels)
    alpha = jnp.asarray(alpha, y.dtype)
    taking_part = jnp.broadcast_to(
        jnp.asarray(True if where is None else where), y.shape
    )
    n = jnp.sum(taking_part, axis, keepdims=True, dtype=y.dtype)
    smooth = (1 - alpha) * y + alpha / jnp.broadcast_to(jnp.maximum(n, 1), y.shape)
    return _numerics.narrow(smooth, labels)


def uniform_cross_entropy(
    logits: Float[Array, "*batch n"],
    weights: Float[Array, " n"] | None = None,
    *,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """−Σ weight · log softmax(logits) / n: the cost of labels that are all 1/n.

    Labels that are numbers are smoothed with it, without one-hot rows:
    `(1 - a) * cost + a * uniform_cross_entropy(logits)`.

    >>> uniform_cross_entropy(jnp.zeros((1, 4))).tolist()
    [1.386...]

    Szegedy et al. 2015, arXiv:1512.00567; torch weighs it with `weights` by class.

    Float32, CPU: within 4 ULP.
    """
    _check.floating("uniform_cross_entropy", logits=logits)
    x = _numerics.wide(logits)
    taking_part = _mask(where, x, -1)
    n = jnp.maximum(jnp.sum(taking_part, -1, keepdims=True, dtype=x.dtype), 1)
    weights = jnp.asarray(1 if weights is None else weights, x.dtype)
    weights = weights.reshape((1,) * (x.ndim - weights.ndim) + weights.shape)
    labels = jnp.broadcast_to(weights / n, x.shape)
    y = softmax_cross_entropy(x, labels, where=None if where is None else taking_part)
    return _numerics.narrow(y, logits)


def z_loss(
    logits: Float[Array, "*shape"],
    *,
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """(log Σ e^logit)² over `axis`, where `where` is True; 0 for a row without any.

    Added to a cross-entropy, 1e-4 of it keeps the logits from drifting.

    >>> z_loss(jnp.zeros((1, 2))).tolist()
    [0.480...]

    Chowdhery et al. 2022, arXiv:2204.02311.

    Float32, CPU: within 8 ULP.
    """
    _check.floating("z_loss", logits=logits)
    x = _numerics.wide(logits)
    taking_part = _mask(where, x, axis)
    y = logsumexp(jnp.where(taking_part, x, -jnp.inf), axis)
    y = jnp.where(jnp.any(taking_part, axis), y, 0)
    return _numerics.narrow(y * y, logits)

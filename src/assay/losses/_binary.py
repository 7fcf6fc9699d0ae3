"""Losses of two classes: cross-entropies, hinge, perceptron."""

from typing import Any

import jax
import jax.numpy as jnp

from assay import _numerics
from assay.activations import relu, sigmoid, softplus
from assay.losses._pair import _pair
from assay.typing import Array, Float, Num


@jax.custom_jvp
def _binary_cross_entropy_of_logits(x, labels):
    costs = softplus(-x), softplus(x)
    return _numerics.mass(labels, costs[0]) + _numerics.mass(1 - labels, costs[1])


@_binary_cross_entropy_of_logits.defjvp
def _(primals, tangents):
    (x, labels), (tx, tl) = primals, tangents
    slope = (1 - labels) * sigmoid(x) - labels * sigmoid(-x)
    bend = jnp.where(jnp.isinf(x), 0, -x)
    return _binary_cross_entropy_of_logits(x, labels), slope * tx + bend * tl


def sigmoid_binary_cross_entropy(
    logits: Float[Array, "*shape"], labels: Num[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """−label · log σ(logit) − (1 − label) · log σ(−logit).

    >>> sigmoid_binary_cross_entropy(jnp.array([0.0, 90.0]), jnp.array([1, 0])).tolist()
    [0.693..., 90.0]

    Float32, CPU: within 4 ULP.
    """
    who = "sigmoid_binary_cross_entropy"
    x, labels = _pair(who, logits=logits, labels=labels)
    return _numerics.narrow(_binary_cross_entropy_of_logits(x, labels), logits)


@jax.custom_jvp
def _binary_cross_entropy(p, labels):
    costs = -jnp.log(p), -jnp.log1p(-p)
    return _numerics.mass(labels, costs[0]) + _numerics.mass(1 - labels, costs[1])


def _quotient(weight, p):
    """weight / p, and 0 / 0 = 0."""
    return weight / jnp.where((weight == 0) & (p == 0), 1, p)


@_binary_cross_entropy.defjvp
def _(primals, tangents):
    (p, labels), (tp, tl) = primals, tangents
    slope = _quotient(1 - labels, 1 - p) - _quotient(labels, p)
    odds = jnp.log1p(-p) - jnp.log(p)
    bend = jnp.where(jnp.isinf(odds), 0, odds)
    return _binary_cross_entropy(p, labels), slope * tp + bend * tl


def binary_cross_entropy(
    probabilities: Float[Array, "*shape"], labels: Num[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """−label · log p − (1 − label) · log(1 − p), unclipped; 0 · log 0 = 0.

    Prefer `sigmoid_binary_cross_entropy`: near p = 1 the probability has lost what the
    logit knew.

    >>> binary_cross_entropy(jnp.array([0.5, 1.0]), jnp.array([1, 1])).tolist()
    [0.693..., 0.0]

    Float32, CPU: within 4 ULP.
    """
    who = "binary_cross_entropy"
    p, labels = _pair(who, probabilities=probabilities, labels=labels)
    return _numerics.narrow(_binary_cross_entropy(p, labels), probabilities)


def _margin(who: str, outputs: Any, targets: Any) -> Array:
    x, t = _pair(who, predictor_outputs=outputs, targets=targets)
    return x * t


def perceptron_loss(
    predictor_outputs: Float[Array, "*shape"], targets: Num[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """max(0, −target · output) for targets of -1 and 1. The derivative at 0 is 0.

    >>> perceptron_loss(jnp.array([2.0, -3.0]), jnp.array([1, 1])).tolist()
    [0.0, 3.0]

    Rosenblatt 1958, doi:10.1037/h0042519.

    Float32, CPU: within 0 ULP; derivatives 0.
    """
    margin = _margin("perceptron_loss", predictor_outputs, targets)
    return _numerics.narrow(relu(-margin), predictor_outputs)


def hinge_loss(
    predictor_outputs: Float[Array, "*shape"], targets: Num[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """max(0, 1 − target · output) for targets of -1 and 1.

    >>> hinge_loss(jnp.array([2.0, -3.0]), jnp.array([1, 1])).tolist()
    [0.0, 4.0]

    Cortes and Vapnik 1995, doi:10.1007/BF00994018.

    Float32, CPU: within 0.5 ULP; derivatives 0.
    """
    margin = _margin("hinge_loss", predictor_outputs, targets)
    return _numerics.narrow(relu(1 - margin), predictor_outputs)

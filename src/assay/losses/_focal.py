"""The focal loss of two classes."""

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations import sigmoid
from assay.losses._binary import sigmoid_binary_cross_entropy
from assay.losses._pair import _pair
from assay.typing import Array, Float, Num, Scalar


def _missing(x, labels):
    """1 − pₜ = (1 − label) σ(x) + label σ(−x)."""
    return (1 - labels) * sigmoid(x) + labels * sigmoid(-x)


@jax.custom_jvp
def _focus(x, labels, gamma):
    """(1 − pₜ)^γ."""
    return _missing(x, labels) ** gamma


@_focus.defjvp
def _(primals, tangents):
    x, labels, gamma = primals
    base, slope = jax.jvp(_missing, (x, labels), tangents[:2])
    y = _focus(x, labels, gamma)
    some = base > 0
    # As a power of its own, not y / base: then γ = 1 has a slope at 0, and γ = 2 two.
    steep = gamma * _focus(jnp.where(some, x, 0), labels, gamma - 1)
    steep = jnp.where(some | (gamma == 1), steep, 0)
    log = jnp.where(some, jnp.log(jnp.where(some, base, 1)), 0)
    return y, steep * slope + y * log * tangents[2]


def sigmoid_focal_loss(
    logits: Float[Array, "*shape"],
    labels: Num[Array, "*shape"],
    *,
    alpha: Scalar | None = None,
    gamma: Scalar = 2.0,
) -> Float[Array, "*shape"]:
    """αₜ (1 − pₜ)^gamma · cross-entropy; pₜ, αₜ: of the label, for labels in [0, 1].

    pₜ = label · p + (1 − label)(1 − p), p = σ(logit), and αₜ in the same way.

    >>> sigmoid_focal_loss(jnp.array([0.0, 3.0]), jnp.array([1.0, 1.0])).tolist()
    [0.173..., 0.0001...]

    Lin et al. 2017, arXiv:1708.02002.

    Float32, CPU: within 8 ULP.
    """
    _check.within("sigmoid_focal_loss", "alpha", alpha, 0, 1)
    x, labels = _pair("sigmoid_focal_loss", logits=logits, labels=labels)
    gamma = jnp.broadcast_to(jnp.asarray(gamma, x.dtype), x.shape)
    y = sigmoid_binary_cross_entropy(x, labels) * _focus(x, labels, gamma)
    if alpha is not None:
        alpha = jnp.asarray(alpha, x.dtype)
        y = y * (alpha * labels + (1 - alpha) * (1 - labels))
    return _numerics.narrow(y, logits)

"""What is small counts as nothing: threshold, hard_shrink, soft_shrink."""

import jax.numpy as jnp

from assay import _check
from assay._numerics import compiled, rounded_once
from assay.activations._flat import flat, through
from assay.typing import Array, Float, Scalar


@compiled
@rounded_once
def threshold(
    x: Float[Array, "*shape"], threshold: Scalar, value: Scalar
) -> Float[Array, "*shape"]:
    """x if x > threshold, else value. The derivative at the threshold is 0.

    >>> threshold(jnp.array([0.5, 2.0]), 1.0, -7.0).tolist()
    [-7.0, 2.0]

    Float32, CPU: within 0 ULP.
    """
    low, value = (_like(x, c) for c in (threshold, value))
    return jnp.where(x <= low, value, through(x))


def hard_shrink(
    x: Float[Array, "*shape"], threshold: Scalar = 0.5
) -> Float[Array, "*shape"]:
    """x if |x| > threshold, else 0. The derivative at ±threshold is 0.

    >>> hard_shrink(jnp.array([-2.0, 0.25, 2.0])).tolist()
    [-2.0, 0.0, 2.0]

    Donoho and Johnstone 1994, doi:10.1093/biomet/81.3.425.

    Float32, CPU: within 0 ULP; derivatives 0 and 0.
    """
    _check.within("hard_shrink", "threshold", threshold, 0, jnp.inf)
    return _hard_shrink(x, threshold)


@compiled
@rounded_once
def _hard_shrink(x, threshold):
    return jnp.where(jnp.abs(x) <= _like(x, threshold), 0, through(x))


def soft_shrink(
    x: Float[Array, "*shape"], threshold: Scalar = 0.5
) -> Float[Array, "*shape"]:
    """sign(x) · max(|x| − threshold, 0). The derivative at ±threshold is 0.

    It is the proximal operator of threshold · |x|.

    >>> soft_shrink(jnp.array([-2.0, 0.25, 2.0])).tolist()
    [-1.5, 0.0, 1.5]

    Donoho 1995, doi:10.1109/18.382009.

    Float32, CPU: within 0.5 ULP; derivatives 0 and 0.
    """
    _check.within("soft_shrink", "threshold", threshold, 0, jnp.inf)
    return _soft_shrink(x, threshold)


@compiled
@rounded_once
def _soft_shrink(x, threshold):
    threshold = _like(x, threshold)
    below = jnp.where(x < -threshold, x + threshold, flat(x))
    return jnp.where(x > threshold, x - threshold, below)


def _like(x, c):
    """A number for every entry of x."""
    return jnp.broadcast_to(jnp.asarray(c, x.dtype), x.shape)

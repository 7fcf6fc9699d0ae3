"""Identity, thresholds, and the functions with a corner at 0."""

import jax.numpy as jnp

from assay import _numerics
from assay._numerics import derivative, rounded_once
from assay.typing import Array, Float, Scalar, Shaped


def identity(x: Shaped[Array, "*shape"]) -> Shaped[Array, "*shape"]:
    """x.

    >>> identity(jnp.array([-1.0, 2.0])).tolist()
    [-1.0, 2.0]
    """
    return jnp.asarray(x)


linear = identity


def step(
    x: Float[Array, "*shape"], threshold: Scalar = 0.0, *, at_threshold: float = 1.0
) -> Float[Array, "*shape"]:
    """1 if x > threshold, 0 if x < threshold, `at_threshold` where they are equal.

    Both conventions are in use: `at_threshold=1` fires at x ≥ θ, 0 at x > θ. The
    derivative is 0 everywhere.

    >>> step(jnp.array([-1.0, 0.0, 2.0])).tolist()
    [0.0, 1.0, 1.0]
    >>> step(jnp.array([-1.0, 0.0, 2.0]), at_threshold=0.0).tolist()
    [0.0, 0.0, 1.0]

    McCulloch and Pitts 1943; Rosenblatt 1958.
    """
    x = jnp.asarray(x)
    side = sign(x - jnp.asarray(threshold, x.dtype))
    met = jnp.where(side == 0, jnp.asarray(at_threshold, x.dtype), side)
    return jnp.where(side < 0, jnp.zeros_like(x), met)


def sign(x: Shaped[Array, "*shape"]) -> Shaped[Array, "*shape"]:
    """-1, 0 or 1: the sign of x. The derivative is 0 everywhere.

    >>> sign(jnp.array([-3.0, 0.0, 2.0])).tolist()
    [-1.0, 0.0, 1.0]
    """
    return jnp.sign(jnp.asarray(x))


def _relu_slope(x):
    return step(x, at_threshold=0.0)


@rounded_once
@derivative(_relu_slope)
def _relu(x):
    return jnp.maximum(x, 0)


def relu(x: Shaped[Array, "*shape"]) -> Shaped[Array, "*shape"]:
    """max(x, 0). The derivative at 0 is 0.

    >>> relu(jnp.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]

    Nair and Hinton 2010, ICML.
    """
    x = jnp.asarray(x)
    return _relu(x) if jnp.issubdtype(x.dtype, jnp.floating) else jnp.maximum(x, 0)


@rounded_once
def leaky_relu(
    x: Float[Array, "*shape"], negative_slope: Scalar = 0.01
) -> Float[Array, "*shape"]:
    """x if x ≥ 0, else negative_slope · x. The derivative at 0 is 1.

    >>> leaky_relu(jnp.array([-1.0, 2.0])).tolist()
    [-0.0099..., 2.0]

    Maas et al. 2013, ICML.
    """
    slope = jnp.broadcast_to(jnp.asarray(negative_slope, x.dtype), x.shape)
    # As a factor, not as a branch: so that the derivative at NaN is NaN too.
    return x * jnp.where(jnp.isnan(x), jnp.nan, jnp.where(x >= 0, 1, slope))


def prelu(
    x: Float[Array, "*shape"], weight: Float[Array, "..."] | float
) -> Float[Array, "*shape"]:
    """x if x ≥ 0, else weight · x, with a learned weight: one, or one per last axis.

    >>> prelu(jnp.array([[-1.0, -2.0]]), jnp.array([0.5, 0.25])).tolist()
    [[-0.5, -0.5]]

    He et al. 2015, arXiv:1502.01852.
    """
    return leaky_relu(x, weight)


@rounded_once
def elu(x: Float[Array, "*shape"], alpha: Scalar = 1.0) -> Float[Array, "*shape"]:
    """x if x > 0, else alpha · (eˣ − 1).

    >>> elu(jnp.array([-100.0, 2.0])).tolist()
    [-1.0, 2.0]

    Clevert et al. 2015, arXiv:1511.07289.
    """
    alpha = jnp.broadcast_to(jnp.asarray(alpha, x.dtype), x.shape)
    below = _numerics.expm1_of_negative(jnp.where(x > 0, 0, x))
    return jnp.where(x > 0, x, alpha * below)

"""Exponential below 0: elu, celu, selu."""

import math

import jax.numpy as jnp

from assay import _check
from assay._numerics import compiled, derivative, expm1_of_negative, rounded_once
from assay.typing import Array, Float, Scalar


@compiled
@rounded_once
def elu(x: Float[Array, "*shape"], alpha: Scalar = 1.0) -> Float[Array, "*shape"]:
    """x if x > 0, else alpha · (eˣ − 1). The derivative at 0 is alpha.

    >>> elu(jnp.array([-100.0, 2.0])).tolist()
    [-1.0, 2.0]

    Clevert et al. 2015, arXiv:1511.07289.

    Float32, CPU: within 2 ULP; derivatives 2 and 2.
    """
    alpha = jnp.broadcast_to(jnp.asarray(alpha, x.dtype), x.shape)
    below = expm1_of_negative(jnp.where(x > 0, 0, x))
    return jnp.where(x > 0, x, alpha * below)


def celu(x: Float[Array, "*shape"], alpha: Scalar = 1.0) -> Float[Array, "*shape"]:
    """x if x > 0, else alpha · (e^(x/alpha) − 1). The derivative at 0 is 1.

    >>> celu(jnp.array([-100.0, 2.0]), 0.5).tolist()
    [-0.5, 2.0]

    Barron 2017, arXiv:1704.07483.

    Float32, CPU: within 2 ULP; derivatives 2 and 2.
    """
    if isinstance(alpha, (int, float)) and not alpha > 0:
        _check.fail("celu", "alpha must be positive", alpha)
    return _celu(x, alpha)


@compiled
@rounded_once
def _celu(x, alpha):
    alpha = jnp.broadcast_to(jnp.asarray(alpha, x.dtype), x.shape)
    below = expm1_of_negative(jnp.where(x > 0, 0, x) / alpha)
    return jnp.where(x > 0, x, alpha * below)


# The fixed point of mean 0 and variance 1, as jax.nn has it.
_ALPHA = 1.6732632423543772848170429916717
_SCALE = 1.0507009873554804934193349852946


@derivative(lambda x: _steep(x))
def _steep(x):
    """λα eˣ for x ≤ 0, where eˣ itself may be subnormal and this a normal number."""
    far = x < -64
    e = _SCALE * _ALPHA * jnp.exp(jnp.where(far, x + 64, x))
    return jnp.where(far, e * math.exp(-64), e)


@derivative(_steep)
def _selu_below(x):
    return _SCALE * _ALPHA * expm1_of_negative(x)


@compiled
@rounded_once
def selu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """λ · (x if x > 0, else α (eˣ − 1)), λ = 1.0507…, α = 1.6732….

    The derivative at 0 is λα.

    >>> selu(jnp.array([-100.0, 2.0])).tolist()
    [-1.7580..., 2.1014...]

    Klambauer et al. 2017, arXiv:1706.02515.

    Float32, CPU: within 3 ULP; derivatives 3 and 3.
    """
    return jnp.where(x > 0, _SCALE * x, _selu_below(jnp.where(x > 0, 0, x)))

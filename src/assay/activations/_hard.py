"""Smooth activations drawn with a ruler."""

import jax.numpy as jnp

from assay._numerics import compiled, derivative, rounded_once
from assay.activations._flat import flat, inside
from assay.typing import Array, Float


@compiled
@rounded_once
@derivative(lambda x: inside(x, -3, 3, 1 / 6))
def hard_sigmoid(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """min(max(x + 3, 0), 6) / 6. The derivative at −3 and at 3 is 0.

    >>> hard_sigmoid(jnp.array([-4.0, 0.0, 4.0])).tolist()
    [0.0, 0.5, 1.0]

    Howard et al. 2019, arXiv:1905.02244.

    Float32, CPU: within 1.5 ULP; derivatives 0.5 and 0.
    """
    return jnp.minimum(jnp.maximum(x + 3, 0), 6) / 6


def _dhard_silu(x):
    middle = jnp.where(x > -3, (2 * x + 3) / 6, flat(x))
    return jnp.where(x >= 3, 1, middle)


@compiled
@rounded_once
@derivative(_dhard_silu)
def hard_silu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """x · min(max(x + 3, 0), 6) / 6. The derivative at −3 is 0, at 3 it is 1.

    >>> hard_silu(jnp.array([-4.0, 1.5, 4.0])).tolist()
    [-0.0, 1.125, 4.0]

    Howard et al. 2019, arXiv:1905.02244.

    Float32, CPU: within 2.5 ULP; derivatives 1.5 and 0.5.
    """
    gate = jnp.minimum(jnp.maximum(x + 3, 0), 6) / 6
    return jnp.maximum(x, -3) * gate  # -∞ times 0 would be NaN


hard_swish = hard_silu


@compiled
@rounded_once
@derivative(lambda x: jnp.where(jnp.abs(x) <= 1, 1, flat(x)))
def hard_tanh(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """min(max(x, −1), 1). The derivative at −1 and at 1 is 1.

    >>> hard_tanh(jnp.array([-4.0, 0.5, 4.0])).tolist()
    [-1.0, 0.5, 1.0]

    Collobert 2004, thesis, Université Paris 6.

    Float32, CPU: within 0 ULP; derivatives 0 and 0.
    """
    return jnp.minimum(jnp.maximum(x, -1), 1)


def _dhard_mish(x):
    middle = jnp.where(x > -2, x + 1, flat(x))
    return jnp.where(x >= 0, 1, middle)


@compiled
@rounded_once
@derivative(_dhard_mish)
def hard_mish(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """x · min(max(x + 2, 0), 2) / 2. The derivative at −2 is 0.

    >>> hard_mish(jnp.array([-3.0, -1.0, 4.0])).tolist()
    [-0.0, -0.5, 4.0]

    Float32, CPU: within 1.5 ULP; derivatives 0.5 and 0.
    """
    gate = jnp.minimum(jnp.maximum(x + 2, 0), 2) / 2
    return jnp.maximum(x, -2) * gate  # -∞ times 0 would be NaN

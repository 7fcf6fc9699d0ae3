"""Logarithms of 1 and a little, by polynomials; scripts/activation_polynomials.py."""

import jax.numpy as jnp

from assay._numerics._precision import is_double
from assay._numerics._words import polynomial
from assay.typing import Array

_LOG1P = (
    0.999999994656,
    -0.499998926481,
    0.333297104989,
    -0.249516162629,
    0.196632742572,
    -0.152696670744,
    0.105436237954,
    -0.0563736128301,
    0.019542527261,
    -0.00317605701843,
)


def log1p_of_share(e: Array) -> Array:
    """log(1 + e) for e in [0, 1]: no quotient, no logarithm."""
    return jnp.log1p(e) if is_double(e) else e * polynomial(e, _LOG1P)

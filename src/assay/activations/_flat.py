"""What functions in pieces share: NaN goes in, NaN comes out, of the derivative too.

`jnp.where` and `jnp.maximum` choose some piece for NaN, and with it that piece's slope.
"""

import jax.numpy as jnp

from assay._numerics import derivative
from assay.typing import Array, Scalar


@derivative(lambda x: flat(x))
def flat(x: Array) -> Array:
    """0, and every derivative of it; NaN at NaN."""
    return jnp.where(jnp.isnan(x), x, jnp.zeros_like(x))


@derivative(lambda x: 1 + flat(x))
def through(x: Array) -> Array:
    """x, whose derivative at NaN is NaN."""
    return x


def inside(x: Array, low: Scalar, high: Scalar, slope: Scalar) -> Array:
    """`slope` for low < x < high, 0 elsewhere, and flat."""
    return jnp.where((x > low) & (x < high), slope, flat(x))

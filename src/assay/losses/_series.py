"""Functions that cancel near 0, as series there: as many terms as the dtype holds."""

import math

import jax.numpy as jnp

from assay import _numerics
from assay.typing import Array


def _series(x: Array, terms: tuple[float, ...], single: int) -> Array:
    """Σ cₖ xᵏ, of the first `single` terms but in float64."""
    return _numerics.polynomial(x, terms if _numerics.is_double(x) else terms[:single])


_FACTORIALS = tuple(1 / math.factorial(k) for k in range(1, 27))
_ODD = tuple(2 / (2 * k + 3) for k in range(24))


def expm1_over(x: Array) -> Array:
    """(eˣ − 1) / x, 1 at 0."""
    near = jnp.abs(x) <= 0.7
    far = jnp.where(near, 1, x)
    close = _series(jnp.where(near, x, 0), _FACTORIALS, 10)
    return jnp.where(near, close, (jnp.exp(far) - 1) / far)


def above_line(x: Array) -> Array:
    """(eˣ − 1 − x) / x², ½ at 0."""
    near = jnp.abs(x) < 1
    far = jnp.where(near, 1, x)
    close = _series(jnp.where(near, x, 0), _FACTORIALS[1:], 14)
    return jnp.where(near, close, (jnp.exp(far) - 1 - far) / far / far)


def artanh_above_line(s: Array) -> Array:
    """2 (artanh s − s) / s³ for |s| < 0.45."""
    return _series(s * s, _ODD, 14)

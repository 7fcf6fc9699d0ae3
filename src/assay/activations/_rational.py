"""Functions without an exponential: soft_sign, squareplus."""

import jax.numpy as jnp

from assay import _check, _numerics
from assay._numerics import compiled, derivative, derivatives, rounded_once
from assay.typing import Array, Float, Scalar

_TINY = float(jnp.finfo(jnp.float32).tiny)


def _bounded(x):
    """x within the finite numbers; NaN stays."""
    top = float(jnp.finfo(x.dtype).max)
    return _numerics.at_most(_numerics.at_least(x, -top), top)


def _shrunk(x):
    """1 / (1 + |x|)."""
    return 1 / (1 + jnp.abs(x))


@derivative(lambda x: 6 * _shrunk(x) ** 4)
def _ddsoft_sign(x):
    r = _shrunk(x)
    return -2 * jnp.sign(x) * r * r * r


@derivative(_ddsoft_sign)
def _dsoft_sign(x):
    """1 / (1 + |x|)²."""
    r = _shrunk(x)
    return r * r


@compiled
@rounded_once
@derivative(_dsoft_sign)
def soft_sign(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """x / (1 + |x|).

    >>> soft_sign(jnp.array([-1.0, 0.0, jnp.inf])).tolist()
    [-0.5, 0.0, 1.0]

    Turian et al. 2009, doi:10.1145/1620853.1620921.

    Float32, CPU: within 2 ULP; derivatives 4 and 6.
    """
    x = _bounded(x)
    return x / (1 + jnp.abs(x))


def _cube(x, b):
    r = _inverse_root(x, b)
    return r * r * r


@derivatives(
    lambda x, b: -(_bounded(x) * _inverse_root(x, b)) * _inverse_root(x, b) ** 2,
    lambda x, b: -_cube(x, b) / 2,
)
def _inverse_root(x, b):
    """1 / √(x² + b)."""
    size = jnp.abs(x)
    near = jnp.where(size > 1e18, 0, x)
    return 1 / jnp.where(size > 1e18, size, jnp.sqrt(near * near + b))


@derivatives(
    lambda x, b: b / 2 * _inverse_root(x, b) * _inverse_root(x, b) ** 2,
    lambda x, b: -_bounded(x) * _cube(x, b) / 4,
)
def _dsquareplus(x, b):
    """(1 + x / √(x² + b)) / 2."""
    square = x * x + b
    under = square + jnp.abs(x) * jnp.sqrt(square)
    return _numerics.rest_above(x, b / 2, _numerics.at_least(under, _TINY))


@derivatives(_dsquareplus, lambda x, b: _inverse_root(x, b) / 4)
def _squareplus(x, b):
    """max(x, 0) + (√(x² + b) − |x|)/2, the latter a quotient: nothing cancels."""
    size = jnp.abs(x)
    far = size > 1e18  # there the square may overflow, and the root is |x|
    near = jnp.where(far, 0, x)
    under = jnp.where(far, size, jnp.sqrt(near * near + b)) + size
    return jnp.where(x > 0, x, 0) + b / 2 / _numerics.at_least(under, _TINY)


@compiled
@rounded_once
def _with_bend(x, b):
    b = jnp.broadcast_to(jnp.asarray(b, x.dtype), x.shape)
    return _squareplus(x, b)


def squareplus(
    x: Float[Array, "*shape"], b: Scalar | Float[Array, "..."] = 4.0
) -> Float[Array, "*shape"]:
    """(x + √(x² + b)) / 2.

    >>> squareplus(jnp.array([0.0, -1.5])).tolist()
    [1.0, 0.5]

    Barron 2021, arXiv:2112.11687.

    Float32, CPU: within 3 ULP; derivatives 3 and 8.
    """
    _check.within("squareplus", "b", b, 0, float("inf"))
    return _with_bend(x, b)

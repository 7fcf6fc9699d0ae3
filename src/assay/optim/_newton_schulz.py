"""A matrix made orthogonal by products alone: Newton-Schulz, and where it starts."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim import _norms
from assay.typing import Array, DType, Scalar

JORDAN = (3.4445, -4.775, 2.0315)
DION = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)
PRESETS = {"standard": JORDAN, "dion": DION}


def table(who: str, coefficients: Any) -> list[tuple]:
    """The coefficients (a, b, c) of one step for all, or of every step."""
    first = coefficients[0]
    many = isinstance(first, (tuple, list)) or getattr(first, "ndim", 0) == 1
    rows = [tuple(row) for row in (coefficients if many else [coefficients])]
    if any(len(row) != 3 for row in rows):
        _check.fail(who, "ns_coeffs must be rows of three numbers", coefficients)
    return [tuple(arithmetic.number(c) for c in row) for row in rows]


def orthogonal(
    x: Array,
    rows: list[tuple],
    steps: int,
    start: Callable,
    eps: Scalar,
    eps_clamp: bool,
    dtype: DType,
) -> Array:
    """X ← a X + b (XXᵀ)X + c (XXᵀ)²X from the start of `x` (m, n), `steps` times.

    With several rows of coefficients there are as many steps.
    """
    if x.size == 0:
        return x
    turned = x.shape[0] > x.shape[1]
    y = x.T if turned else x
    # A power of two first, so that no square overflows or vanishes.
    inverse = _norms.norm(y).inverse
    least = arithmetic.like(arithmetic.number(eps), y) * inverse
    below = (lambda n, e: jnp.maximum(n, e)) if eps_clamp else (lambda n, e: n + e)
    y = start(y * inverse, least, inverse, below).astype(dtype or y.dtype)

    def step(row, y):
        # Products and sums in >= float32, rounded where the next product reads them.
        square = _product(y, y.T)
        a, b, c = (arithmetic.like(k, square) for k in row)
        narrow = square.astype(y.dtype)
        odd = b * narrow.astype(square.dtype) + c * _product(narrow, narrow)
        new = a * y.astype(square.dtype) + _product(odd.astype(y.dtype), y)
        return new.astype(y.dtype)

    if len(rows) == 1:
        y = jax.lax.fori_loop(0, steps, lambda i, y: step(rows[0], y), y)
    else:
        for row in rows:
            y = step(row, y)
    y = y.astype(x.dtype)
    return y.T if turned else y


def _product(a: Array, b: Array) -> Array:
    """a b in >= float32, in full precision on every machine."""
    exact, dtype = jax.lax.Precision.HIGHEST, arithmetic.wide(a, b)
    return jnp.matmul(a, b, precision=exact, preferred_element_type=dtype)


def _frobenius(y, least, inverse, below):
    """y/(‖y‖ + eps): the squares of the singular values sum to 1."""
    del inverse
    return _over(y, below(arithmetic.safe_sqrt(jnp.sum(y * y)), least))


def _spectral(y, least, inverse, below):
    """y/(σ + eps), σ the largest singular value; its derivative is u vᵀ."""
    del inverse
    u, _, v = jnp.linalg.svd(jax.lax.stop_gradient(y), full_matrices=False)
    return _over(y, below(jnp.sum(u[:, 0] * _product(y, v[0])), least))


def _aol(y, least, inverse, below):
    """Each row over the root of the sum of |yyᵀ| in it."""
    del below
    sums = jnp.abs(_product(y, y.T)).sum(1, keepdims=True)
    return _over(y, jnp.sqrt(_at_least(sums, least * inverse)))


def _schatten(y, least, inverse, below):
    """y over the fourth root of the sum of fourth powers of the singular values."""
    del below
    size = arithmetic.safe_sqrt(jnp.sum(_product(y, y.T) ** 2))
    return _over(y, jnp.sqrt(_at_least(size, least * inverse)))


def _at_least(x, floor):
    """max(x, floor), and 1 where both are 0."""
    x = jnp.maximum(x, floor)
    return jnp.where(x == 0, 1, x)


def _over(y, size):
    """y / size, 0 where the size is 0."""
    return y / jnp.where(size == 0, 1, size)


# Name in Optax -> (matrix in units, eps/unit, 1/unit, how eps is used) -> start.
STARTS = {
    "frobenius": _frobenius,
    "spectral": _spectral,
    "aol": _aol,
    "schatten": _schatten,
}

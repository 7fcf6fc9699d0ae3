"""Rows of mean 0 and variance 1, right at large means and large scales."""

import jax
import jax.numpy as jnp

from assay import _check
from assay._numerics import compiled, rounded_once
from assay.typing import Array, Axis, Bool, Float, Scalar


def standardize(
    x: Float[Array, "*shape"],
    axis: Axis = -1,
    mean: Float[Array, "..."] | None = None,
    variance: Float[Array, "..."] | None = None,
    epsilon: Scalar = 1e-5,
    where: Bool[Array, "..."] | None = None,
    *,
    algorithm: str = "fast",
) -> Float[Array, "*shape"]:
    """(x − mean) / √(variance + epsilon), by default those of x over `axis`.

    Only entries where `where` is True count for mean and variance; a row without one
    is 0. A row of one value is 0, and rows of a mean 1e4 times their spread and of
    1e38 are right: `algorithm` is jax.nn's, and both of its names give this one.

    >>> standardize(jnp.array([1e6, 1e6 + 2])).round(3).tolist()
    [-1.0, 1.0]

    Float32, CPU: within 4 ULP of the row's largest entry.
    """
    _check.choice("standardize", "algorithm", algorithm, ("fast", "stable"))
    return _standardize(x, axis, mean, variance, epsilon, where)


@compiled(static=["axis"])
@rounded_once
def _standardize(x, axis, mean, variance, epsilon, where):
    kept = jnp.broadcast_to(True if where is None else jnp.asarray(where), x.shape)
    known = kept | jnp.isfinite(x)  # what is masked and no number may not leak
    x = jnp.where(known, x, 0)
    unit = _unit(x, kept, axis) if variance is None else 1
    count = jnp.maximum(jnp.sum(kept, axis, keepdims=True, dtype=x.dtype), 1)

    def average(z):
        return jnp.sum(jnp.where(kept, z, 0), axis, keepdims=True) / count

    z = x * unit
    z = z - (average(z) if mean is None else _like(mean, x) * unit)
    if mean is None:
        z = z - average(z)  # what the first mean was off: its ULP may be the spread
    variance = average(z * z) if variance is None else _like(variance, x)
    power = variance + jnp.asarray(epsilon, x.dtype) * unit * unit
    y = z * (1 / jnp.sqrt(jnp.where(power == 0, 1, power)))
    y = jnp.where(jnp.any(kept, axis, keepdims=True), y, 0)
    return jnp.where(known, y, jnp.nan)


def _like(c, x):
    return jnp.broadcast_to(jnp.asarray(c, x.dtype), x.shape)


def _unit(x, kept, axis):
    """A power of two; 1 but for rows whose squares overflow, or differences vanish."""
    info = jnp.finfo(x.dtype)
    size = jnp.abs(jax.lax.stop_gradient(x))
    top = jnp.max(size, axis, keepdims=True, initial=0, where=kept)
    high = 2.0 ** (info.maxexp * 3 // 8)
    huge = (top > high) & jnp.isfinite(top)
    near = jax.lax.reduce_precision(top / 4, info.nexp, 0) * 2.0 ** -(info.nmant + 5)
    tiny = (top < 1 / high) & (top > 0)
    return jnp.where(huge, 1 / jnp.where(huge, near, 1), jnp.where(tiny, 2.0**40, 1.0))

"""Sums of exponentials along an axis, without the largest of them."""

import jax
import jax.numpy as jnp

from assay._numerics._words import difference
from assay.typing import Array, Axis


def from_top(x: Array, axis: Axis) -> tuple[Array, Array, Array]:
    """x − max x over `axis`, the error of that difference, and where it is 0."""
    top = jnp.broadcast_to(jnp.max(x, axis, keepdims=True, initial=-jnp.inf), x.shape)
    return *difference(x, top), x == top


def beside_top(x: Array, axis: Axis) -> Array:
    """Σ e^(x − max x) − 1 by row: without one maximum, as log1p wants it."""
    d, error, at_top = from_top(x, axis)
    e = jnp.where(at_top, 0, jnp.exp(d) * (1 + error))
    ties = jnp.sum(at_top, axis, keepdims=True, dtype=x.dtype) - 1
    # The barrier keeps what follows from being computed once an entry, not once a row.
    return jax.lax.optimization_barrier(jnp.sum(e, axis, keepdims=True) + ties)


def mass(weight: Array, value: Array) -> Array:
    """weight · value, where no weight of an infinite value counts nothing."""
    return jnp.where(weight == 0, 0, weight * value)

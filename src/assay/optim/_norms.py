"""Norms in units that cannot overflow, and cutting an update to one."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.typing import Array, PyTree, Scalar


class Norm(NamedTuple):
    """‖x‖ = unit · n, where neither overflows even if their product does."""

    unit: Array  # a power of two near the largest entry
    n: Array  # >= float32

    @property
    def inverse(self) -> Array:
        """1/unit, exact. Multiply by it: x/unit/n is compiled to x/(unit · n)."""
        return 1 / self.unit


def unit(top: Array) -> Array:
    """A power of two near `top`, so that scaling by it rounds nothing.

    Bounded, so that its inverse and the squares stay normal numbers.
    """
    exponent = jnp.frexp(jax.lax.stop_gradient(top))[1]
    return jnp.ldexp(jnp.ones_like(top), jnp.clip(exponent, -100, 100))


def norm(tree: PyTree) -> Norm:
    """√Σx² over all entries of all leaves."""
    leaves = [arithmetic.widen(x) for x in jax.tree.leaves(tree)]
    dtype = arithmetic.wide(*leaves)
    zero = largest = jnp.zeros([], dtype)
    for x in leaves:
        top = jnp.max(jnp.abs(x), initial=0).astype(dtype)
        largest = jnp.maximum(largest, jax.lax.stop_gradient(top))
    one = unit(largest)
    squares = [jnp.sum((x / one.astype(x.dtype)) ** 2).astype(dtype) for x in leaves]
    return Norm(one, arithmetic.safe_sqrt(sum(squares, start=zero)))


def rms(x: Array) -> Norm:
    """√mean(x²) of one leaf; 0 if it is empty."""
    size = norm(x)
    return size._replace(n=size.n / max(jnp.size(x), 1) ** 0.5)


def along(x: Array, axis: int | tuple[int, ...] | None) -> Norm:
    """√Σx² over the axes, which stay with size 1."""
    one = unit(jnp.max(jnp.abs(x), axis, keepdims=True, initial=0))
    squares = jnp.sum((x / one) ** 2, axis, keepdims=True)
    return Norm(one, arithmetic.safe_sqrt(squares))


def at_least(size: Norm, floor: Scalar) -> Norm:
    """max(‖x‖, floor)."""
    floor = arithmetic.like(arithmetic.number(floor), size.n)
    # In units of 1 where the floor is taken: floor / unit could overflow.
    low = size.n * size.unit <= floor
    return Norm(jnp.where(low, 1, size.unit), jnp.where(low, floor, size.n))


def cut(g: Array, size: Norm, limit: Scalar) -> Array:
    """g where ‖g‖ <= limit, else g · limit/‖g‖; nan where ‖g‖ is not finite.

    A step that cannot be trusted is not hidden.
    """
    limit = arithmetic.like(arithmetic.number(limit), size.n)
    small = size.n <= limit * size.inverse
    # limit/‖g‖ may be subnormal: by the norm in units first, then by the unit.
    factor = (limit / jnp.where(small, 1, size.n)).astype(g.dtype)
    shrunk = g * size.inverse.astype(g.dtype) * factor
    return jnp.where(jnp.isfinite(size.n), jnp.where(small, g, shrunk), jnp.nan)

"""Clipping by value and by global norm, right up to the largest finite number."""

import jax
import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim._transform import Transform, stateless
from assay.typing import Array, PyTree, Scalar


def clip(max_delta: Scalar) -> Transform:
    """min(max(g, −max_delta), max_delta), entry by entry.

    >>> tx = clip(1.0)
    >>> tx.update(jnp.array([-3.0, 0.5]), tx.init(None))[0].tolist()
    [-1.0, 0.5]
    """
    limit = arithmetic.number(max_delta)

    def leaf(g):
        bound = arithmetic.like(limit, g)
        return jnp.clip(g, -bound, bound)

    return stateless(lambda updates, params: arithmetic.each(leaf, updates))


def global_norm(updates: PyTree) -> Array:
    """√(Σ g²) over all leaves, scaled so that no square overflows or vanishes.

    At least float32 whatever the leaves; its derivative at 0 is 0.

    >>> norm = global_norm({"a": jnp.array([3e30]), "b": jnp.array(4e30)})
    >>> f"{norm:.5g}"
    '5e+30'
    """
    unit, norm = _scaled_norm(updates)
    return unit * norm


def clip_by_global_norm(max_norm: Scalar) -> Transform:
    """g if ‖g‖ <= max_norm, else g · max_norm / ‖g‖; ‖g‖ over all leaves.

    Right even where ‖g‖ itself overflows. Zeros stay zeros. One entry that is not
    finite makes every entry nan: a step that cannot be trusted is not hidden.

    >>> tx = clip_by_global_norm(1.0)
    >>> [round(u, 6) for u in tx.update(jnp.array([3e38, 4e37]), ())[0].tolist()]
    [0.991228, 0.132164]

    Pascanu, Mikolov and Bengio 2013, arXiv:1211.5063.
    """
    max_norm = arithmetic.number(max_norm)

    def clipped(updates, params):
        del params
        unit, norm = _scaled_norm(updates)
        limit = arithmetic.like(max_norm, norm) / unit
        small, finite = norm <= limit, jnp.isfinite(norm)
        # max_norm / ‖g‖ may be subnormal: divide by the norm in units, then by unit.
        factor = arithmetic.like(max_norm, norm) / jnp.where(small, 1, norm)

        def leaf(g):
            one = unit.astype(g.dtype)
            shrunk = jnp.where(small, g, (g / one) * factor.astype(g.dtype))
            return jnp.where(finite, shrunk, jnp.nan)

        return arithmetic.each(leaf, updates)

    return stateless(clipped)


def _scaled_norm(updates: PyTree) -> tuple[Array, Array]:
    """(unit, n), ‖updates‖ = unit · n; unit a power of two near the largest entry."""
    leaves = [arithmetic.widen(g) for g in jax.tree.leaves(updates)]
    dtype = arithmetic.wide(*leaves)
    zero = jnp.zeros([], dtype)
    largest = zero
    for g in leaves:
        top = jnp.max(jnp.abs(g), initial=0).astype(dtype)
        largest = jnp.maximum(largest, jax.lax.stop_gradient(top))
    # A power of two, so that scaling rounds nothing; bounded, so that its inverse and
    # the squares stay normal numbers.
    exponent = jnp.clip(jnp.frexp(largest)[1], -100, 100)
    unit = jnp.ldexp(jnp.ones([], dtype), exponent)
    squares = [jnp.sum((g / unit.astype(g.dtype)) ** 2).astype(dtype) for g in leaves]
    return unit, arithmetic.safe_sqrt(sum(squares, start=zero))

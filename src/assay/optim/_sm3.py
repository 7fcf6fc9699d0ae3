"""SM3: Adagrad with one number a row and a column instead of one an entry."""

from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim import _leaves
from assay.optim._grouped import leafwise
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.typing import Array, PyTree, Scalar, ScalarOrSchedule


class ScaleBySM3State(NamedTuple):
    """The state of `scale_by_sm3`."""

    mu: PyTree  # for every leaf one vector an axis, the largest of a there, >= float32
    nu: PyTree  # mean of the directions, like params, >= float32


def scale_by_sm3(b1: Scalar = 0.9, b2: Scalar = 1.0, eps: Scalar = 1e-8) -> Transform:
    """m ← b1 · m + (1 − b1) · g/√(a + eps); a = g² + min of what is kept of old a.

    Of a the greatest of each row and column is kept; an entry's old a is the least of
    those that it lies in. 0/0 is 0. With b2 < 1: a = (1 − b2) · g² + b2 · min.

    >>> tx = scale_by_sm3(b1=0.0)
    >>> g = jnp.array([[3.0, 4.0], [0.0, 0.0]])
    >>> u, state = tx.update(g, tx.init(g))
    >>> [[round(x, 6) for x in row] for row in u.tolist()], state.mu[0].tolist()
    ([[1.0, 1.0], [0.0, 0.0]], [16.0, 0.0])

    Anil et al. 2019, arXiv:1901.11150.
    """
    who = "scale_by_sm3"
    b1, b2, eps = arithmetic.number(b1), arithmetic.number(b2), arithmetic.number(eps)
    fresh = _where_one(b2)

    def cover(p):
        _check.floating(who, params=p)
        p = arithmetic.widen(p)
        axes = range(max(p.ndim, 1))
        return tuple(jnp.zeros_like(_largest(p, axis)) for axis in axes)

    def init(params):
        nu = arithmetic.full_like(who, params, 0.0)
        return ScaleBySM3State(jax.tree.map(cover, params), nu)

    def leaf(g, kept, m):
        dtype = arithmetic.wide(g, m)
        wide = jnp.asarray(g).astype(dtype)
        old = reduce(jnp.minimum, [_spread(v, a, wide) for a, v in enumerate(kept)])
        square = arithmetic.like(fresh, wide) * wide * wide
        a = square + arithmetic.like(b2, wide) * old
        some = a > 0
        root = jnp.sqrt(jnp.where(some, a + arithmetic.like(eps, a), 1))
        up = jnp.where(some, wide / root, 0)
        m = m.astype(dtype)
        m = m + arithmetic.like(arithmetic.complement(b1), m) * (up - m)
        kept = tuple(_largest(a, k).astype(v.dtype) for k, v in enumerate(kept))
        return m.astype(jnp.result_type(g)), kept, m

    def update(updates, state, params=None, **extra):
        del params, extra
        args = (updates, state.mu, state.nu)
        updates, mu, nu = _leaves.spread(who, leaf, 3, *args)
        return updates, ScaleBySM3State(mu, arithmetic.cast_like(nu, state.nu))

    return leafwise("scale_by_sm3", Transform(init, update))


def sm3(learning_rate: ScalarOrSchedule, momentum: Scalar = 0.9) -> Transform:
    """SM3: `scale_by_sm3`, then a step downhill.

    >>> tx = sm3(0.1, momentum=0.0)
    >>> g = jnp.array([3.0, -4.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [-0.1, 0.1]
    """
    return chain(scale_by_sm3(momentum), scale_by_learning_rate(learning_rate))


def _where_one(b2: Scalar) -> Scalar:
    """The weight of g²: 1 − b2, but 1 where b2 is 1 (a sum, no mean)."""
    if isinstance(b2, (int, float)):
        return 1.0 if b2 == 1 else 1 - b2
    return jnp.where(b2 == 1, 1, 1 - b2)


def _largest(a: Array, axis: int) -> Array:
    """The greatest entry at each place of the axis; all of a vector, or of a number."""
    others = tuple(k for k in range(a.ndim) if k != axis)
    return jnp.max(a, axis=others, initial=0) if others else a


def _spread(v: Array, axis: int, like: Array) -> Array:
    """The vector along its axis, broadcast to the leaf."""
    if like.ndim < 2:
        return v.astype(like.dtype)
    return jax.lax.broadcast_in_dim(v.astype(like.dtype), like.shape, (axis,))

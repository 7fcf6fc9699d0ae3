"""Moments, counters and norms for those who write an optimizer of their own."""

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim import _norms
from assay.typing import Array, Axis, PyTree, Scalar


def update_moment(
    updates: PyTree, moments: PyTree, decay: Scalar, order: int
) -> PyTree:
    """decay · m + (1 − decay) · g^order, computed in >= float32, in the dtype of m.

    >>> update_moment(jnp.array([2.0]), jnp.array([1.0]), decay=0.5, order=2).tolist()
    [2.5]
    """
    who = "update_moment"
    if order == 1:
        new = arithmetic.ema(who, updates, moments, decay)
    elif order == 2:
        new = arithmetic.ema_square(who, updates, moments, decay)
    else:
        w = arithmetic.complement(decay)

        def leaf(g, m):
            return m + arithmetic.like(w, g) * (g**order - m)

        new = arithmetic.accumulate(who, leaf, updates, moments)
    return arithmetic.cast_like(new, moments)


def update_moment_per_elem_norm(
    updates: PyTree, moments: PyTree, decay: Scalar, order: int
) -> PyTree:
    """decay · m + (1 − decay) · |g|^order for complex g; `update_moment` for real g.

    >>> g, m = jnp.array([3.0 + 4.0j]), jnp.array([1.0])
    >>> update_moment_per_elem_norm(g, m, decay=0.5, order=2).tolist()
    [13.0]
    """

    def size(g):
        return jnp.abs(g) if jnp.iscomplexobj(g) else g

    return update_moment(jax.tree.map(size, updates), moments, decay, order)


def update_infinity_moment(
    updates: PyTree, moments: PyTree, decay: Scalar, eps: Scalar
) -> PyTree:
    """max(|g| + eps, decay · m), computed in >= float32, in the dtype of m.

    >>> g, m = jnp.array([2.0]), jnp.array([8.0])
    >>> update_infinity_moment(g, m, decay=0.5, eps=0.0).tolist()
    [4.0]
    """
    b, eps = arithmetic.number(decay), arithmetic.number(eps)

    def leaf(g, m):
        fresh = jnp.abs(g) + arithmetic.like(eps, g)
        return jnp.maximum(fresh, arithmetic.decayed(m, b))

    new = arithmetic.accumulate("update_infinity_moment", leaf, updates, moments)
    return arithmetic.cast_like(new, moments)


def bias_correction(moment: PyTree, decay: Scalar, count: Scalar) -> PyTree:
    """m / (1 − decay^count), without cancellation where decay is near 1.

    >>> bias_correction(jnp.array([0.75]), decay=0.5, count=2).tolist()
    [1.0]
    """
    done = jnp.asarray(count)

    def leaf(m):
        return m / arithmetic.correction(decay, done, m.dtype)

    return arithmetic.each(leaf, moment)


def safe_increment(count: Scalar) -> Array:
    """min(count + 1, the largest number of its dtype).

    >>> int(safe_increment(jnp.int32(2**31 - 1))) == 2**31 - 1
    True
    """
    count = jnp.asarray(count)
    if jnp.issubdtype(count.dtype, jnp.integer):
        return arithmetic.increment(count)
    top = jnp.finfo(count.dtype).max
    return jnp.where(count < top, count + 1, top)


safe_int32_increment = safe_increment  # Optax's older name


def safe_norm(
    x: Array,
    min_norm: Scalar,
    ord: int | float | str | None = None,
    axis: Axis = None,
    keepdims: bool = False,
) -> Array:
    """max(‖x‖, min_norm), with derivative 0 where min_norm is the larger.

    At least float32, scaled so that no square overflows or vanishes.

    >>> f"{safe_norm(jnp.array([3e30, 4e30]), 0.0):.5g}"
    '5e+30'
    """
    _check.floating("safe_norm", x=x)
    x = arithmetic.widen(x)
    unit = jnp.ones([], x.dtype) if ord == 0 else _norms.unit(_top(x, axis))
    low = arithmetic.like(arithmetic.number(min_norm), x)

    def norm(y, keep):
        return jnp.linalg.norm(y, ord=ord, axis=axis, keepdims=keep)

    small = jax.lax.stop_gradient(norm(x / unit, True) * unit <= low)
    value = norm(jnp.where(small, 1, x / unit), True) * unit
    value = jnp.where(small, low, value)
    return value if keepdims else jnp.squeeze(value, axis)


def safe_root_mean_squares(x: Array, min_rms: Scalar) -> Array:
    """max(√(mean |x|²), min_rms), with derivative 0 where min_rms is the larger.

    >>> float(safe_root_mean_squares(jnp.array([3.0, 4.0, 0.0, 0.0]), 1.0))
    2.5
    """
    x = jnp.asarray(x)
    x = arithmetic.widen(jnp.abs(x) if jnp.iscomplexobj(x) else x)
    unit = _norms.unit(_top(x, None))
    low = arithmetic.like(arithmetic.number(min_rms), x)
    mean = jnp.mean((x / unit) ** 2)
    rms = arithmetic.safe_sqrt(mean) * jnp.squeeze(unit)
    return jnp.where(rms <= low, low, rms)


def _top(x, axis):
    """The largest entry along the axes, which stay with size 1."""
    return jnp.max(jnp.abs(x), axis, keepdims=True, initial=0)

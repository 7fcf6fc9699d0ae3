"""What metrics share: masks, counts, quotients, and means in at least float32.

Counts are int32 sums: a float32 sum of ones stops at 2²⁴, a bfloat16 one at 256.
"""

from typing import Any

import jax
import jax.numpy as jnp

from assay import _check
from assay._numerics import rounded, wide, widest
from assay.typing import Array, Axis, DType, Scalar


def dtype_of(*arrays: Any) -> DType:
    """The dtype of the result: the widest floating one given, at least float32."""
    dtypes = [jnp.result_type(a) for a in arrays]
    known = [d for d in dtypes if jnp.issubdtype(d, jnp.floating)]
    widest = max(known, key=lambda d: jnp.finfo(d).bits, default=jnp.result_type(float))
    return widest if jnp.finfo(widest).bits >= 32 else jnp.dtype(jnp.float32)


def taking_part(who: str, where: Any, **like: Any) -> Array:
    """`where` in the shape of the array that is named; True everywhere for None."""
    (shape,) = [jnp.shape(a) for a in like.values()]
    if where is None:
        return jnp.ones(shape, jnp.bool_)
    _check.same_shape(who, **like, where=where)
    return jnp.asarray(where, jnp.bool_)


def spread(where: Any, like: Any) -> Any:
    """`where` of examples repeated over the further axes of an array of them."""
    shape = jnp.shape(like)
    if where is None or jnp.shape(where) != shape[: jnp.ndim(where)]:
        return where
    where = jnp.asarray(where, jnp.bool_)
    ones = (1,) * (len(shape) - where.ndim)
    return jnp.broadcast_to(where.reshape(where.shape + ones), shape)


def pair(who: str, where: Any, **arrays: Any) -> tuple[Array, Array, Array]:
    """Two arrays of one shape, in at least float32, and what takes part.

    What does not is 0 in both, so that a NaN there is in no derivative either.
    """
    _check.same_shape(who, **arrays)
    first, second = widest(*map(jnp.asarray, arrays.values()))
    keep = taking_part(who, where, **{next(iter(arrays)): first})
    return jnp.where(keep, first, 0), jnp.where(keep, second, 0), keep


def is_true(labels: Any) -> Array:
    """Labels 0 and 1, of any dtype, as truth."""
    return jnp.asarray(labels).astype(jnp.bool_)


def count(x: Array, axis: Axis = None) -> Array:
    """How many are True."""
    return jnp.sum(x, axis, dtype=jnp.int32)


def total(x: Array, keep: Array, axis: Axis = None) -> Array:
    """Σ x of what takes part; what does not may be NaN."""
    return jnp.sum(jnp.where(keep, x, 0), axis)


def quotient(
    part: Array, whole: Array, dtype: DType = None, empty: Scalar = 0
) -> Array:
    """part / whole; `empty` where the whole is 0."""
    dtype = dtype_of(part, whole) if dtype is None else dtype
    part, whole = part.astype(dtype), whole.astype(dtype)
    return jnp.where(whole == 0, empty, part / jnp.where(whole == 0, 1, whole))


def share(who: str, right: Array, where: Any, like: Any) -> Array:
    """The share of True among what takes part; NaN of nothing."""
    keep = taking_part(who, where, examples=right)
    return quotient(count(right & keep), count(keep), dtype_of(like), jnp.nan)


def mean(x: Array, keep: Array, axis: Axis = None) -> Array:
    """The mean of what takes part, in at least float32; NaN of nothing."""
    x = wide(x)
    return quotient(total(x, keep, axis), count(keep, axis), x.dtype, jnp.nan)


def centred(x: Array, keep: Array, axis: Axis = None) -> Array:
    """x − mean, 0 where nothing takes part; twice, so that a large mean costs nothing.

    The first mean is off by its rounding, which is left in the differences. It is
    rounded where XLA sees it, or two copies of x − Σx · (1/n) are contracted otherwise.
    """
    n = jnp.maximum(jnp.sum(keep, axis, keepdims=True, dtype=x.dtype), 1)

    def middle(x):
        mean = jnp.sum(jnp.where(keep, x, 0), axis, keepdims=True) / n
        return jnp.broadcast_to(mean, x.shape)

    x = jnp.where(keep, x - rounded(jax.lax.stop_gradient(middle(x))), 0)
    return jnp.where(keep, x - middle(x), 0)

"""Means and variances that stay right at large means and large scales."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.layers._precision import spread, wide
from assay.typing import Array, Axis, Bool, Float, Int, Scalar

TINY = 1e-37  # float32 has it as a normal number
AxisName = str | Sequence[str] | None


class Moments(NamedTuple):
    """Mean and variance of what was counted, and how many there were."""

    mean: Float[Array, "..."]
    var: Float[Array, "..."]  # biased: divided by the count
    count: Int[Array, "..."]


class Over(NamedTuple):
    """Which entries have one mean: those along `axes`, on all devices of a name."""

    axes: tuple[int, ...]
    mask: Array | None = None  # True = takes part, of the shape of x
    axis_name: AxisName = None

    def kept(self, z: Array) -> Array:
        """z, and 0 where the mask is False."""
        return z if self.mask is None else jnp.where(self.mask, z, 0)

    def total(self, z: Array) -> Array:
        """Σ z, one number a row."""
        total = jnp.sum(z, self.axes, keepdims=True)
        return total if self.axis_name is None else jax.lax.psum(total, self.axis_name)

    def top(self, z: Array) -> Array:
        """max z, of which nobody takes a derivative."""
        return self.largest(jnp.max(z, self.axes, keepdims=True, initial=-jnp.inf))

    def largest(self, row: Array) -> Array:
        """The largest of all devices' rows."""
        row = jax.lax.stop_gradient(row)
        return row if self.axis_name is None else jax.lax.pmax(row, self.axis_name)

    def count(self, z: Array) -> Array | int:
        """How many entries a row has."""
        if self.mask is not None:
            return self.total(self.mask.astype(jnp.int32))
        n = math.prod(z.shape[a] for a in self.axes)
        return n if self.axis_name is None else jax.lax.psum(n, self.axis_name)


def moments(
    x: Float[Array, "..."],
    *,
    axis: Axis = -1,
    mask: Bool[Array, "..."] | None = None,
    axis_name: AxisName = None,
) -> Moments:
    """mean = Σ x / n, var = Σ (x − mean)² / n over `axis`, and n.

    Of the entries where `mask`, of the shape of x, is True, on all devices of
    `axis_name` (of `jax.shard_map`, or of `jax.vmap`). A row without an entry has
    mean and variance 0. torch's `var_mean` divides by n − 1: that is var · n / (n − 1).

    >>> moments(jnp.array([1.0, 3.0, 99.0]), mask=jnp.array([True, True, False]))
    Moments(mean=Array(2...), var=Array(1...), count=Array(2, dtype=int32))

    Chan et al. 1983, doi:10.1080/00031305.1983.10483115.
    """
    _check.floating("moments", x=x)
    x = jnp.asarray(x)
    if mask is not None:
        _check.same_shape("moments", x=x, mask=mask)
        mask = jnp.asarray(mask)
    over = Over(named_axes("moments", axis, x.ndim), mask, axis_name)
    _, found = standardized(x, over, 1.0)
    return in_dtype(jax.tree.map(lambda m: jnp.squeeze(m, over.axes), found), x.dtype)


def merge_moments(a: Moments, b: Moments) -> Moments:
    """The moments of both together: (nₐ·meanₐ + n_b·mean_b) / (nₐ + n_b), and var.

    Begin with zeros, and scan: so the statistics of all the data are found, to make
    `batch_norm_inference` standardize inputs, or to calibrate batch norm anew after
    training. The count stops at 2³¹ − 1, the weights of the means do not.

    >>> a, b = moments(jnp.array([1.0, 3.0])), moments(jnp.array([5.0]))
    >>> print(*merge_moments(a, b))
    3.0 2.666... 3

    Chan et al. 1983, doi:10.1080/00031305.1983.10483115.
    """
    _check.same_shape("merge_moments", **{"a.mean": a.mean, "b.mean": b.mean})
    dtype = jnp.result_type(a.mean)
    m, v, p, w = (jnp.asarray(z, wide(dtype)) for z in (a.mean, a.var, b.mean, b.var))
    own, other = (jnp.asarray(c).astype(m.dtype) for c in (a.count, b.count))
    share = other / jnp.maximum(own + other, 1)
    far = p - m
    var = (1 - share) * v + share * w + (1 - share) * share * jnp.square(far)
    room = jnp.iinfo(jnp.int32).max - jnp.asarray(a.count)
    count = jnp.asarray(a.count) + jnp.minimum(jnp.asarray(b.count), room)
    return in_dtype(Moments(m + share * far, var, count), dtype)


def in_dtype(found: Moments, dtype: Any) -> Moments:
    """Mean and variance rounded to `dtype`."""
    return Moments(found.mean.astype(dtype), found.var.astype(dtype), found.count)


def named_axes(who: str, axis: Axis, ndim: int) -> tuple[int, ...]:
    """The axes as positive numbers in increasing order; None means all."""
    named = range(ndim) if axis is None else axis
    named = (named,) if isinstance(named, int) else tuple(named)
    if any(not -ndim <= a < ndim for a in named):
        _check.fail(who, f"axis must name axes of x (rank {ndim})", axis)
    return tuple(sorted({a % ndim for a in named}))


def standardized(x: Array, over: Over, eps: Scalar) -> tuple[Array, Moments]:
    """((x − mean) / √(var + eps), moments) in at least float32, and 0 off the mask.

    Two passes, after a shift by one of the entries: what is summed is as small as the
    spread, so a large mean costs no digits, and a row of one value gives exactly 0.
    """
    z = over.kept(x.astype(wide(x.dtype)))  # masked out may be what is no number
    unit = unit_of(x, z, over)  # a power of two, so scaling by it is exact
    z = z * unit
    count = over.count(z)
    known = isinstance(count, int)
    n = max(1, count) if known else jnp.maximum(count, 1).astype(z.dtype)
    start = one_of(z, over)
    z = over.kept(z - start)
    rest = over.total(z) / n
    z = over.kept(z - rest)
    var = over.total(jnp.square(z)) / n
    counts = jnp.broadcast_to(jnp.asarray(count, jnp.int32), var.shape)
    up = 1 / unit  # not var / unit / unit, which XLA makes var / unit²: 0 / 0
    found = Moments((start + rest) * up, var * up * up, counts)
    return z * one_over_root(var, eps), found


def is_positive(eps: Scalar) -> bool:
    """Whether eps is known to be more than 0."""
    return isinstance(eps, (int, float)) and eps >= TINY


def one_over_root(power: Array, eps: Scalar, *, positive: bool = False) -> Array:
    """1 / √(power + eps), and 1 where that is 1 / 0; `positive`: eps is more than 0."""
    positive = positive or is_positive(eps)
    power = power + jnp.asarray(eps, power.dtype)
    if not positive:  # the comparison costs time
        power = jnp.where(power == 0, 1, power)
    # Not rsqrt, whose derivative passes through power^(-3/2): that has half the range.
    return 1 / jnp.sqrt(power)


def scaled_down(x: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """(x · unit, unit) in at least float32, the squares of the first being finite."""
    z = x.astype(wide(x.dtype))
    unit = unit_of(x, z, Over(axes))
    return z * unit, unit


def affine(
    who: str, y: Array, scale: Array | None, bias: Array | None, axes: tuple = (-1,)
) -> Array:
    """y · scale + bias, one number per feature; None leaves it out."""
    if scale is not None:
        y = y * spread(who, "scale", scale, y, axes)
    return y if bias is None else y + spread(who, "bias", bias, y, axes)


def one_of(z: Array, over: Over) -> Array:
    """The first entry of the row; under a mask the largest that takes part."""
    row = [1 if a in over.axes else s for a, s in enumerate(z.shape)]
    if 0 in z.shape:
        start = jnp.zeros(row, z.dtype)
    elif over.mask is None:
        ends = [1 if a in over.axes else s for a, s in enumerate(z.shape)]
        start = jax.lax.slice(z, [0] * z.ndim, ends)
    else:
        start = over.top(jnp.where(over.mask, z, -jnp.inf))
        start = jnp.where(jnp.isfinite(start), start, 0)
    return over.largest(start)


def unit_of(x: Array, z: Array, over: Over) -> Array:
    """1; for rows from 2⁴⁸ (float32), whose square could overflow, 2³⁰ / their size.

    A power of two. In such rows eps is below the rounding, before and after.
    """
    if x.dtype == jnp.float16:  # whose largest number is 65504
        row = [1 if a in over.axes else s for a, s in enumerate(x.shape)]
        return jnp.ones(row, z.dtype)
    facts = jnp.finfo(z.dtype)
    top = over.top(jnp.abs(z))
    huge = (top > 2.0 ** (int(facts.maxexp) * 3 // 8)) & jnp.isfinite(top)
    # A quarter: what is rounded up to a power of two must not overflow, nor 1 / it.
    size = jax.lax.reduce_precision(top / 4, facts.nexp, 0)
    return 1 / jnp.where(huge, size * 2.0 ** -(facts.nmant + 5), jnp.ones_like(size))

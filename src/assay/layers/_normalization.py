"""Batch and layer normalization that stay right at large means and large scales."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.layers._precision import spread, wide
from assay.typing import Array, Axis, Float, Scalar


class BatchStats(NamedTuple):
    """The running statistics of batch normalization, one number per feature."""

    mean: Float[Array, " c"]
    var: Float[Array, " c"]  # biased: divided by n, as Flax and Keras keep it


def batch_norm(
    x: Float[Array, "*batch c"],
    scale: Float[Array, " c"] | None,
    bias: Float[Array, " c"] | None,
    stats: BatchStats,
    *,
    momentum: Scalar = 0.99,
    eps: Scalar = 1e-5,
) -> tuple[Float[Array, "*batch c"], BatchStats]:
    """(x − mean) / √(var + eps) · scale + bias, over all axes but the last.

    Returns y and the running statistics momentum·old + (1 − momentum)·new. The
    defaults are Flax's. An empty batch leaves the statistics as they are.

    >>> stats = BatchStats(jnp.zeros(1), jnp.ones(1))
    >>> y, stats = batch_norm(
    ...     jnp.array([[1.0], [3.0]]), jnp.ones(1), jnp.zeros(1), stats)
    >>> print(y.round(3).ravel(), stats.mean.round(3))
    [-1.  1.] [0.02]

    Ioffe and Szegedy 2015, arXiv:1502.03167.
    """
    _check.floating("batch_norm", x=x)
    _check.within("batch_norm", "momentum", momentum, 0, 1)
    x = jnp.asarray(x)
    y, mean, var = _standardized(x, tuple(range(x.ndim - 1)), eps)
    y = _affine("batch_norm", y, scale, bias).astype(x.dtype)
    if x.size == 0:
        return y, stats
    new = BatchStats(mean.reshape(x.shape[-1:]), var.reshape(x.shape[-1:]))
    return y, jax.tree.map(lambda s, b: _running(s, b, momentum), stats, new)


def batch_norm_inference(
    x: Float[Array, "*batch c"],
    scale: Float[Array, " c"] | None,
    bias: Float[Array, " c"] | None,
    stats: BatchStats,
    *,
    eps: Scalar = 1e-5,
) -> Float[Array, "*batch c"]:
    """(x − stats.mean) / √(stats.var + eps) · scale + bias.

    >>> stats = BatchStats(jnp.array([2.0]), jnp.array([4.0]))
    >>> x = jnp.array([[4.0]])
    >>> batch_norm_inference(x, jnp.ones(1), jnp.zeros(1), stats).round(3).tolist()
    [[1.0]]
    """
    who = "batch_norm_inference"
    _check.floating(who, x=x)
    z = jnp.asarray(x, wide(jnp.result_type(x)))
    spread_over = jnp.asarray(stats.var, z.dtype) + jnp.asarray(eps, z.dtype)
    z = z - spread(who, "stats.mean", stats.mean, z)
    z = z * spread(who, "stats.var", jax.lax.rsqrt(spread_over), z)
    return _affine(who, z, scale, bias).astype(jnp.result_type(x))


def layer_norm(
    x: Float[Array, "..."],
    scale: Float[Array, "..."] | None,
    bias: Float[Array, "..."] | None,
    *,
    axis: Axis = -1,
    eps: Scalar = 1e-6,
) -> Float[Array, "..."]:
    """(x − mean) / √(var + eps) · scale + bias, over `axis` of each example.

    `scale` and `bias` have the sizes of the axes named. A row of one value gives
    `bias`; rows of a mean 1e4 times their spread, and of 1e20, are right.

    >>> layer_norm(jnp.array([1.0, 3.0]), jnp.ones(2), jnp.zeros(2)).round(3).tolist()
    [-1.0, 1.0]

    Ba et al. 2016, arXiv:1607.06450.
    """
    _check.floating("layer_norm", x=x)
    x = jnp.asarray(x)
    axes = _axes(axis, x.ndim)
    y, _, _ = _standardized(x, axes, eps)
    return _affine("layer_norm", y, scale, bias, axes).astype(x.dtype)


def _axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """The axes as positive numbers in increasing order; None means all."""
    named = range(ndim) if axis is None else axis
    named = (named,) if isinstance(named, int) else tuple(named)
    if any(not -ndim <= a < ndim for a in named):
        _check.fail("layer_norm", f"axis must name axes of x (rank {ndim})", axis)
    return tuple(sorted({a % ndim for a in named}))


def _standardized(x: Array, axes: tuple, eps: Scalar) -> tuple[Array, Array, Array]:
    """((x − mean) / √(var + eps), mean, var) in at least float32.

    Two passes, after a shift by the first entry: what is summed is as small as the
    spread, so a large mean costs no digits, and a row of one value gives exactly 0.
    """
    z = x.astype(wide(x.dtype))
    unit = _unit(x, z, axes)  # a power of two, so scaling by it is exact
    z = z * unit
    n = max(1, math.prod(x.shape[a] for a in axes))
    starts, one = [0] * x.ndim, [min(1, s) for s in x.shape]
    ends = [one[a] if a in axes else s for a, s in enumerate(x.shape)]
    first = jax.lax.stop_gradient(jax.lax.slice(z, starts, ends))
    z = z - first
    rest = jnp.sum(z, axes, keepdims=True) / n
    z = z - rest
    var = jnp.sum(jnp.square(z), axes, keepdims=True) / n
    # Not rsqrt, whose derivative passes through var^(-3/2): that has half the range.
    y = z * (1 / jnp.sqrt(var + jnp.asarray(eps, z.dtype)))
    return y, (first + rest) / unit, var / unit / unit


def _unit(x: Array, z: Array, axes: tuple) -> Array:
    """1; for rows from 2⁴⁸ (float32), whose square could overflow, 2³⁰ / their size.

    A power of two. In such rows eps is below the rounding, before and after.
    """
    kept = [1 if a in axes else s for a, s in enumerate(x.shape)]
    if x.dtype == jnp.float16:  # whose largest number is 65504
        return jnp.ones(kept, z.dtype)
    facts = jnp.finfo(z.dtype)
    top = jax.lax.stop_gradient(jnp.max(jnp.abs(z), axes, keepdims=True, initial=0))
    huge = (top > 2.0 ** (int(facts.maxexp) * 3 // 8)) & jnp.isfinite(top)
    # A quarter: what is rounded up to a power of two must not overflow, nor 1 / it.
    size = jax.lax.reduce_precision(top / 4, facts.nexp, 0)
    return 1 / jnp.where(huge, size * 2.0 ** -(facts.nmant + 5), jnp.ones_like(size))


def _affine(
    who: str, y: Array, scale: Array | None, bias: Array | None, axes: tuple = (-1,)
) -> Array:
    """y · scale + bias, one number per feature; None leaves it out."""
    if scale is not None:
        y = y * spread(who, "scale", scale, y, axes)
    return y if bias is None else y + spread(who, "bias", bias, y, axes)


def _running(old: Array, new: Array, momentum: Scalar) -> Array:
    """momentum·old + (1 − momentum)·new in the dtype of `old`."""
    old, kept = jnp.asarray(old), jnp.asarray(momentum, new.dtype)
    if old.shape != new.shape:
        must = f"stats must have one number per feature, shape {new.shape}"
        _check.fail("batch_norm", must, old.shape)
    return (kept * old.astype(new.dtype) + (1 - kept) * new).astype(old.dtype)

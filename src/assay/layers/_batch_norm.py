"""Batch normalization, its running statistics, and masked and many-device batches."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.layers._normalized import laid, normalized
from assay.layers._precision import spread, wide
from assay.layers._statistics import (
    AxisName,
    Moments,
    Over,
    affine,
    in_dtype,
    standardized,
)
from assay.typing import Array, Bool, Float, Scalar


class BatchStats(NamedTuple):
    """The running statistics of batch normalization, one number per feature."""

    mean: Float[Array, " c"]
    var: Float[Array, " c"]  # biased (divided by n) as Flax and Keras keep it


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

    Returns y and the running statistics momentum·old + (1 − momentum)·new, as
    `update_batch_stats` keeps them: an empty batch, and one that is not finite, leave
    them as they are. The defaults are Flax's. For masks, many devices and torch's
    variance see `batch_norm_moments`.

    >>> stats = BatchStats(jnp.zeros(1), jnp.ones(1))
    >>> y, stats = batch_norm(
    ...     jnp.array([[1.0], [3.0]]), jnp.ones(1), jnp.zeros(1), stats)
    >>> print(y.round(3).ravel(), stats.mean.round(3))
    [-1.  1.] [0.02]

    Ioffe and Szegedy 2015, arXiv:1502.03167.
    """
    _check.within("batch_norm", "momentum", momentum, 0, 1)
    y, batch = _batch_norm("batch_norm", x, scale, bias, Over(_all_but_last(x)), eps)
    return y, _updated("batch_norm", stats, batch, momentum)


def batch_norm_moments(
    x: Float[Array, "*batch c"],
    scale: Float[Array, " c"] | None,
    bias: Float[Array, " c"] | None,
    *,
    mask: Bool[Array, "*batch"] | None = None,
    axis_name: AxisName = None,
    eps: Scalar = 1e-5,
) -> tuple[Float[Array, "*batch c"], Moments]:
    """(x − mean) / √(var + eps) · scale + bias, and the batch's mean, variance, count.

    Where `mask` is False, x does not count, and y is 0. The mean is that of all
    devices of `axis_name` (of `jax.shard_map`, or of `jax.vmap`). With
    `update_batch_stats` after it this is `batch_norm`, and torch's and Flax's. Mean and
    variance are of the dtype of `scale`, without one at least float32.

    >>> x, mask = jnp.array([[1.0], [3.0], [jnp.nan]]), jnp.array([True, True, False])
    >>> y, batch = batch_norm_moments(x, None, None, mask=mask)
    >>> y.round(3).ravel().tolist(), batch.mean.tolist()
    ([-1.0, 1.0, 0.0], [2.0])

    Ioffe and Szegedy 2015, arXiv:1502.03167.
    """
    who = "batch_norm_moments"
    if mask is not None:
        if jnp.shape(mask) != jnp.shape(x)[:-1]:
            must = f"mask must have the batch axes of x, {jnp.shape(x)[:-1]}"
            _check.fail(who, must, f"mask.shape={jnp.shape(mask)}")
        mask = jnp.broadcast_to(jnp.asarray(mask)[..., None], jnp.shape(x))
    over = Over(_all_but_last(x), mask, axis_name)
    y, batch = _batch_norm(who, x, scale, bias, over, eps)
    dtype = batch.mean.dtype if scale is None else jnp.result_type(scale)
    return over.kept(y), in_dtype(batch, dtype)


def update_batch_stats(
    stats: BatchStats,
    batch: Moments,
    *,
    momentum: Scalar = 0.99,
    variance: str = "biased",
) -> BatchStats:
    """momentum·old + (1 − momentum)·new, of mean and variance.

    `variance`: "biased" keeps Σ(x − mean)² / n, as Flax and Keras do, "unbiased"
    divides by n − 1, as torch does, whose momentum is 1 − ours. A feature whose batch
    is empty (of one value, for "unbiased") or not finite keeps what it has; one whose
    running statistics are not finite takes the batch's.

    >>> batch = Moments(jnp.array([2.0]), jnp.array([1.0]), jnp.array([2]))
    >>> stats = BatchStats(jnp.zeros(1), jnp.zeros(1))
    >>> update_batch_stats(stats, batch, momentum=0.5, variance="unbiased")
    BatchStats(mean=Array([1.], dtype=float32), var=Array([1.], dtype=float32))

    Ioffe and Szegedy 2015, arXiv:1502.03167.
    """
    who = "update_batch_stats"
    _check.choice(who, "variance", variance, ("biased", "unbiased"))
    _check.within(who, "momentum", momentum, 0, 1)
    if variance == "unbiased":
        n = batch.count.astype(batch.var.dtype)
        var = batch.var * (n / jnp.maximum(n - 1, 1))
        count = jnp.where(batch.count > 1, batch.count, 0)
        batch = Moments(batch.mean, var, count)
    return _updated(who, stats, batch, momentum)


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
    _check.rank_at_least(who, "x", x, 1, "(*batch, features)")
    z = jnp.asarray(x, wide(jnp.result_type(x)))
    spread_over = jnp.asarray(stats.var, z.dtype) + jnp.asarray(eps, z.dtype)
    z = z - spread(who, "stats.mean", stats.mean, z)
    z = z * spread(who, "stats.var", jax.lax.rsqrt(spread_over), z)
    return affine(who, z, scale, bias).astype(jnp.result_type(x))


def _all_but_last(x: Array) -> tuple[int, ...]:
    return tuple(range(jnp.ndim(x) - 1))


def _batch_norm(
    who: str,
    x: Array,
    scale: Array | None,
    bias: Array | None,
    over: Over,
    eps: Scalar,
) -> tuple[Array, Moments]:
    """y, and the moments in at least float32, one number per feature."""
    _check.floating(who, x=x)
    _check.rank_at_least(who, "x", x, 1, "(*batch, features)")
    x = jnp.asarray(x)
    if over.mask is None and over.axis_name is None:
        scale = laid(who, "scale", scale, x, (x.ndim - 1,))
        bias = laid(who, "bias", bias, x, (x.ndim - 1,))
        y, batch = normalized(x, scale, bias, over.axes, eps)
    else:
        y, batch = standardized(x, over, eps)
        y = affine(who, y, scale, bias)
    return y.astype(x.dtype), Moments(*(m.reshape(x.shape[-1:]) for m in batch))


def _updated(
    who: str, stats: BatchStats, batch: Moments, momentum: Scalar
) -> BatchStats:
    """What `update_batch_stats` says, in the dtypes of `stats`."""
    old = BatchStats(*map(jnp.asarray, stats))
    for values in old:
        if values.shape != batch.mean.shape:
            must = f"stats must have one number per feature, shape {batch.mean.shape}"
            _check.fail(who, must, values.shape)
    pairs = list(zip(old, batch, strict=False))
    new = [b.astype(o.dtype) for o, b in pairs]
    good = _finite(new) & (batch.count > 0)
    known = _finite(old)
    kept = jnp.asarray(momentum, batch.mean.dtype)
    mixed = [
        (kept * o.astype(b.dtype) + (1 - kept) * b).astype(o.dtype) for o, b in pairs
    ]
    fresh = [jnp.where(known, m, n) for m, n in zip(mixed, new, strict=True)]
    return BatchStats(*(jnp.where(good, f, o) for f, o in zip(fresh, old, strict=True)))


def _finite(pair: list[Array] | BatchStats) -> Array:
    mean, var = pair
    return jnp.isfinite(mean) & jnp.isfinite(var)

"""Standardize, scale and shift, with a forward and a reverse pass of their own.

The fewest passes over x: forward two for the statistics and one for the result, in
reverse two for the sums and one for the result, without an array kept between them.
"""

import math
from collections.abc import Callable
from functools import cache

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from assay import _check
from assay.autodiff import with_backward
from assay.layers._precision import wide
from assay.layers._statistics import (
    Moments,
    Over,
    is_positive,
    one_of,
    one_over_root,
    standardized,
    unit_of,
)
from assay.typing import Array, Scalar


def normalized(
    x: Array,
    scale: Array | None,
    bias: Array | None,
    axes: tuple[int, ...],
    eps: Scalar,
) -> tuple[Array, Moments]:
    """(`standardized` · scale + bias, moments) in at least float32.

    `scale` and `bias` have the rank of x, with 1 where they do not vary.
    """
    dtype, known = wide(x.dtype), scale if bias is None else bias
    shape = (1,) * x.ndim if known is None else known.shape
    scale = jnp.ones(shape, dtype) if scale is None else scale
    bias = jnp.zeros(shape, dtype) if bias is None else bias
    f = _normalized(axes, is_positive(eps))
    y, mean, var = f(x, scale, bias, jnp.asarray(eps, dtype))
    n = math.prod(x.shape[a] for a in axes)
    return y, Moments(mean, var, jnp.full(var.shape, n, jnp.int32))


def laid(
    who: str, name: str, values: Array | None, like: Array, axes: tuple[int, ...]
) -> Array | None:
    """The values of `axes`, 1 for the other axes of `like`; a wrong shape raises."""
    if values is None:
        return None
    sizes = tuple(like.shape[a] for a in axes)
    if jnp.shape(values) != sizes:
        must = f"{name} must have the sizes of the features, {sizes}"
        _check.fail(who, must, f"{name}.shape={jnp.shape(values)}")
    kept = [s if a in axes else 1 for a, s in enumerate(like.shape)]
    return jnp.asarray(values, wide(like.dtype)).reshape(kept)


@cache  # one function for each, so that eager calls compile once
def _normalized(axes: tuple[int, ...], positive: bool) -> Callable:
    """(x, scale, bias, eps) -> (y, mean, var)."""

    def plain(x, scale, bias, eps):
        y, found = standardized(x, Over(axes), eps)
        return y * scale + bias, found.mean, found.var

    def forward(x, scale, bias, eps):
        start, rest, var, unit = _facts(axes)(x)
        inv = one_over_root(var, eps, positive=positive)
        y = _z(x, start, rest, unit, inv) * scale + bias
        up = 1 / unit
        return (y, (start + rest) * up, var * up * up), (start, rest, unit, inv)

    def backward(args, rows, cts):
        x, scale, *_ = args
        *_, unit, inv = rows
        g, dmean, dvar = cts
        z, n = _z(x, *rows), max(1, math.prod(x.shape[a] for a in axes))
        dbias, dscale = g, g * z
        if all(scale.shape[a] == 1 for a in axes):  # the sums serve twice
            dbias, dscale = (jnp.sum(d, axes, keepdims=True) for d in (dbias, dscale))
            shift, slope = dbias * scale / n, dscale * scale / n
        else:
            shift = jnp.sum(g * scale, axes, keepdims=True) / n
            slope = jnp.sum(g * scale * z, axes, keepdims=True) / n
        size = unit * inv  # of the largest rows 0
        wider = jnp.where(size > 0, dvar * (2 / n) / jnp.where(size > 0, size, 1), 0)
        dx = size * scale * g + (wider - size * slope) * z + (dmean / n - size * shift)
        deps = jnp.sum(slope * inv * inv) * (-n / 2)
        return dx.astype(x.dtype), _like(dscale, scale), _like(dbias, scale), deps

    return with_backward(plain, forward, backward)


def _z(x: Array, start: Array, rest: Array, unit: Array, inv: Array) -> Array:
    """x standardized, once its rows are known."""
    return ((x.astype(inv.dtype) * unit - start) - rest) * inv


def _like(x: Array, like: Array) -> Array:
    """The sum of x over the axes along which `like` does not vary."""
    pairs = enumerate(zip(x.shape, like.shape, strict=True))
    return jnp.sum(x, [a for a, (s, to) in pairs if s != to], keepdims=True)


@cache
def _facts(axes: tuple[int, ...]) -> Callable:
    """x -> (start, rest, var, unit) of its rows, as `standardized` has them."""

    def rows(z):
        n = max(1, math.prod(z.shape[a] for a in axes))
        start = one_of(z, Over(axes))
        rest = jnp.sum(z - start, axes, keepdims=True) / n
        off = (z - start) - rest
        return start, rest, jnp.sum(off * off, axes, keepdims=True) / n

    def scaled(x, *_):
        z = x.astype(wide(x.dtype))
        unit = unit_of(x, z, Over(axes))
        return *rows(z * unit), unit

    def as_they_are(_, start, rest, var):
        return start, rest, var, jnp.ones_like(var)

    def cpu(x):
        found = rows(x.astype(wide(x.dtype)))
        top = 2.0 ** (int(jnp.finfo(found[2].dtype).maxexp) * 3 // 4)
        # Cheaper than to look for huge entries: those make a huge variance, or NaN.
        return jax.lax.cond(jnp.all(found[2] < top), as_they_are, scaled, x, *found)

    @custom_vmap
    def facts(x):
        return jax.lax.platform_dependent(x, cpu=cpu, default=scaled)

    @facts.def_vmap
    def _(size, batched, x):  # one question for the whole batch, not one an example
        return _facts(tuple(a + 1 for a in axes))(x), (True,) * 4

    return facts

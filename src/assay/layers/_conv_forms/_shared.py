"""What several forms of convolution share."""

from collections.abc import Callable
from functools import reduce
from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from assay import _geometry


def always(w: _geometry.Window, groups: int, x_shape, kernel_shape) -> bool:
    return True


class Form(NamedTuple):
    """One way to compute a convolution."""

    value: Callable
    pull: Callable
    fits: Callable = always  # (w, groups, x.shape, kernel.shape) -> it can, and may


def bias_pull(bias: Any, rows):
    # A product with ones: a sum would make XLA write the cotangent once more.
    return None if bias is None else rows @ jnp.ones(rows.shape[1], rows.dtype)


def spread(x, spatial, strides, starts):
    for axis, (n, s, at) in enumerate(zip(spatial, strides, starts, strict=True), 1):
        x = place(x, axis, n, at, s) if s > 1 else x
    return x


def batch_last(x):
    """(n, …, c) to (c, …, n), and back: its own inverse."""
    return jnp.swapaxes(x, 0, -1)


def size(shape) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def total(parts):
    return reduce(jnp.add, parts)


def zeros(shape, like):
    """Zeros that vary over the devices over which `like` varies."""
    axes = tuple(jax.typeof(like).manual_axis_type.varying)
    zeros = jnp.zeros(shape, like.dtype)
    return lax.pcast(zeros, axes, to="varying") if axes else zeros


def padded(w: _geometry.Window, x):
    """x (n, *spatial, c) among the zeros of the window; fewer places where below 0."""
    ends = [(0, 0, 0), *((*pad, 0) for pad in w.pads), (0, 0, 0)]
    return lax.pad(x, jnp.zeros((), x.dtype), ends)


def place(x, axis, size, start, stride):
    """Zeros of length `size` along `axis`, with x at start, start + stride, …"""
    axis = axis % x.ndim
    reach = (x.shape[axis] - 1) * stride + 1
    config = [(0, 0, 0)] * x.ndim
    config[axis] = (start, size - start - reach, stride - 1)
    return lax.pad(x, jnp.zeros((), x.dtype), config)


def shifts(x, axis, k, stride, dilation):
    axis = axis % x.ndim
    out = (x.shape[axis] - (k - 1) * dilation - 1) // stride + 1
    for i in range(k):
        start = i * dilation
        yield lax.slice_in_dim(x, start, start + (out - 1) * stride + 1, stride, axis)


def tap_slices(w: _geometry.Window, x):
    """Each tap's position and what it reads: (n, *out, c)."""
    reach = _geometry.extent(w.size, w.dilation)
    sizes = zip(x.shape[1:-1], reach, w.strides, strict=True)
    out = [(n - r) // s + 1 for n, r, s in sizes]
    for at in product(*map(range, w.size)):
        start = [i * d for i, d in zip(at, w.dilation, strict=True)]
        ends = zip(start, out, w.strides, strict=True)
        end = [b + (m - 1) * s + 1 for b, m, s in ends]
        low, high = (0, *start, 0), (x.shape[0], *end, x.shape[-1])
        yield at, lax.slice(x, low, high, (1, *w.strides, 1))


def back_pads(w: _geometry.Window, spatial, out):
    """(low, high, between) an axis: the cotangent as the turned kernel must see it."""
    reach = _geometry.extent(w.size, w.dilation)
    config = []
    for n, m, r, s, (low, _) in zip(
        spatial, out, reach, w.strides, w.pads, strict=True
    ):
        before = r - 1 - low
        config.append((before, n + r - 1 - before - ((m - 1) * s + 1), s - 1))
    return config


def divisor(n: int, most: int) -> int:
    """The largest divisor of n that is at most `most`."""
    return next(d for d in range(max(min(n, most), 1), 0, -1) if n % d == 0)

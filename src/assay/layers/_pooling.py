"""Pooling in 1-d, 2-d and 3-d: the length of the window says which.

`x` is (*batch, *spatial, channels); `strides` default to the window; `padding` as
for `conv`. The largest of a window takes the whole gradient, the first where
several are equal (as torch; `jnp.max` would share it).
"""

from collections.abc import Callable, Sequence
from functools import cache, reduce
from itertools import product
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from assay import _check, _geometry
from assay.autodiff import with_backward
from assay.layers import _precision
from assay.typing import Array, Float, Num

Window = Sequence[int]

FEW = 16  # channels up to which, on CPU, the batch is the axis that vectorizes


def max_pool(
    x: Num[Array, "*batch_and_space c"],
    window: Window,
    *,
    strides: _geometry.PerAxis | None = None,
    padding: _geometry.Padding = "VALID",
) -> Num[Array, "*batch_and_space_out c"]:
    """y[t] = maxₖ x[s·t + k]; padding never wins.

    >>> max_pool(jnp.array([[1.0], [3.0], [2.0], [0.0]]), (2,))[:, 0]
    Array([3., 2.], dtype=float32)
    """
    w, rank = _window("max_pool", x, window, strides, padding)
    y = _max(w)(_one_batch(x, rank))
    return y.reshape(*x.shape[: -rank - 1], *y.shape[1:])


def avg_pool(
    x: Float[Array, "*batch_and_space c"],
    window: Window,
    *,
    strides: _geometry.PerAxis | None = None,
    padding: _geometry.Padding = "VALID",
    count_include_pad: bool = True,
) -> Float[Array, "*batch_and_space_out c"]:
    """y[t] = meanₖ x[s·t + k], over the padding's zeros too unless told not to.

    >>> avg_pool(jnp.array([[1.0], [3.0], [2.0], [0.0]]), (2,))[:, 0]
    Array([2., 1.], dtype=float32)
    >>> avg_pool(jnp.ones((3, 1)), (2,), padding="SAME", count_include_pad=False)[:, 0]
    Array([1., 1.], dtype=float32)
    """
    _check.floating("avg_pool", x=x)
    w, rank = _window("avg_pool", x, window, strides, padding)
    flat = _one_batch(x, rank)
    wide = _precision.wide(flat.dtype)
    y = _sum(w, flat.astype(wide))
    counts = np.full((), w.taps())
    if not count_include_pad:
        counts = _geometry.valid_counts(flat.shape[1:-1], w)[..., None]
    y = y / jnp.broadcast_to(jnp.asarray(counts, wide), y.shape)
    return y.astype(flat.dtype).reshape(*x.shape[: -rank - 1], *y.shape[1:])


def global_max_pool(
    x: Num[Array, "*batch_and_space c"], *, spatial: int = 2
) -> Num[Array, "*batch c"]:
    """y = max over the `spatial` axes before the last.

    >>> global_max_pool(jnp.arange(6.0).reshape(3, 2), spatial=1)
    Array([4., 5.], dtype=float32)
    """
    rows = _rows("global_max_pool", x, spatial)
    first = jnp.argmax(rows, axis=-2, keepdims=True)
    return jnp.take_along_axis(rows, first, axis=-2)[..., 0, :]


def global_avg_pool(
    x: Float[Array, "*batch_and_space c"], *, spatial: int = 2
) -> Float[Array, "*batch c"]:
    """y = mean over the `spatial` axes before the last.

    >>> global_avg_pool(jnp.arange(6.0).reshape(3, 2), spatial=1)
    Array([2., 3.], dtype=float32)

    Lin et al. 2013, Network in network, arXiv:1312.4400.
    """
    _check.floating("global_avg_pool", x=x)
    rows = _rows("global_avg_pool", x, spatial)
    wide = _precision.wide(rows.dtype)
    return rows.mean(-2, dtype=wide).astype(rows.dtype)


def _rows(who: str, x, spatial: int):
    """(*batch, places, channels)."""
    layout = f"(*batch, {spatial} spatial, channels)"
    _check.rank_at_least(who, "x", x, spatial + 1, layout)
    shape = jnp.shape(x)
    places = prod(shape[-spatial - 1 : -1])
    if not places:
        _check.fail(who, "x must have at least one place", f"x.shape={shape}")
    return jnp.reshape(x, (*shape[: -spatial - 1], places, shape[-1]))


def _window(who: str, x, window, strides, padding):
    size = tuple(window) if isinstance(window, Sequence) else ()
    if len(size) not in (1, 2, 3):
        must = "window must be a tuple of 1 to 3 numbers, one a spatial axis"
        _check.fail(who, must, repr(window))
    rank = len(size)
    layout = f"(*batch, {rank} spatial, channels)"
    _check.rank_at_least(who, "x", x, rank + 1, layout)
    spatial = jnp.shape(x)[-rank - 1 : -1]
    strides = size if strides is None else strides
    w = _geometry.window(who, spatial, size, strides=strides, padding=padding)
    _geometry.output_sizes(who, spatial, w)
    if any(max(p) >= k for p, k in zip(w.pads, w.size, strict=True)):
        must = "padding must be smaller than the window, which else sees nothing"
        _check.fail(who, must, w.pads)
    return w, rank


def _one_batch(x, rank: int):
    shape = jnp.shape(x)
    return jnp.reshape(x, (prod(shape[: -rank - 1]), *shape[-rank - 1 :]))


@cache  # one function a window, so that eager calls compile once
def _max(w: _geometry.Window) -> Callable:
    """x (n, *spatial, c) -> the largest of every window."""

    def plain(x):
        best, *others = _taps(w, _padded(w, x, _lowest(x.dtype)))
        for tap in others:
            best = jnp.where((tap > best) | jnp.isnan(tap), tap, best)
        return best

    def largest(x):
        # Not the running maximum of the slices: XLA would fuse that into whatever
        # reads the result, and compute it anew for each reader.
        steps = _everywhere(w)
        return lax.reduce_window(x, _lowest(x.dtype), lax.max, *steps)

    def forward(x):
        def batch_last(x):
            return jnp.swapaxes(largest(jnp.swapaxes(x, 0, -1)), 0, -1)

        cpu = batch_last if x.shape[-1] <= FEW else largest
        y = lax.platform_dependent(x, cpu=cpu, default=largest)
        return y, y

    def backward(args, y, g):
        def default(x, y, g):
            return jax.vjp(largest, x)[1](g)

        def cpu(x, y, g):
            return (_max_pull(w, x, y, g),)

        return lax.platform_dependent(*args, y, g, cpu=cpu, default=default)

    # Large windows would be as many slices: they keep XLA's gradient.
    return with_backward(plain, forward, backward) if w.taps() <= 64 else largest


def _max_pull(w: _geometry.Window, x, y, g):
    """Each window's cotangent, at the first place that holds its maximum."""
    few = x.shape[-1] <= FEW
    if few:
        x, y, g = (jnp.swapaxes(a, 0, -1) for a in (x, y, g))
    free, parts = None, []
    for tap in _taps(w, _padded(w, x, _lowest(x.dtype))):
        hit = ~(tap < y)  # equal, or not a number
        parts.append(jnp.where(hit if free is None else hit & free, g, 0))
        free = ~hit if free is None else free & ~hit
    dx = _interleave(w, parts, x.shape) if w.tiles() else _scatter(w, parts, x.shape)
    return jnp.swapaxes(dx, 0, -1) if few else dx


def _sum(w: _geometry.Window, x):
    """x (n, *spatial, c) -> the sum of every window."""
    return lax.reduce_window(x, np.zeros((), x.dtype), lax.add, *_everywhere(w))


def _everywhere(w: _geometry.Window):
    """The window of `lax.reduce_window`: all axes, batch and channels too."""
    return (1, *w.size, 1), (1, *w.strides, 1), ((0, 0), *w.pads, (0, 0))


def _lowest(dtype):
    if jnp.issubdtype(dtype, jnp.floating):
        return np.array(-np.inf, dtype)
    return np.array(jnp.iinfo(dtype).min, dtype)


def _padded(w: _geometry.Window, x, value):
    config = [(0, 0, 0), *((*pad, 0) for pad in w.pads), (0, 0, 0)]
    return lax.pad(x, jnp.asarray(value, x.dtype), config)


def _taps(w: _geometry.Window, x) -> list:
    """What each position of the window reads, in row-major order."""
    sizes = zip(x.shape[1:-1], w.size, w.strides, strict=True)
    out = [(n - k) // s + 1 for n, k, s in sizes]
    parts = []
    for at in product(*map(range, w.size)):
        ends = zip(at, out, w.strides, strict=True)
        end = [i + (m - 1) * s + 1 for i, m, s in ends]
        low, high = (0, *at, 0), (x.shape[0], *end, x.shape[-1])
        parts.append(lax.slice(x, low, high, (1, *w.strides, 1)))
    return parts


def _interleave(w: _geometry.Window, parts: list, shape):
    """The inverse of `_taps` for windows that tile; what is left over gets zeros."""
    for axis in reversed(range(len(w.size))):
        k, grouped = w.size[axis], []
        for i in range(0, len(parts), k):
            part = jnp.stack(parts[i : i + k], axis + 2)
            size = part.shape[axis + 1] * k
            joined = (*part.shape[: axis + 1], size, *part.shape[axis + 3 :])
            grouped.append(part.reshape(joined))
        parts = grouped
    rest = [(0, n - m) for n, m in zip(shape, parts[0].shape, strict=True)]
    return jnp.pad(parts[0], rest)


def _scatter(w: _geometry.Window, parts: list, shape):
    """The transpose of `_taps`: each part added back where it was read."""
    placed = []
    for at, part in zip(product(*map(range, w.size)), parts, strict=True):
        config = [(0, 0, 0)]
        for i, m, s, n, (low, _) in zip(
            at, part.shape[1:-1], w.strides, shape[1:-1], w.pads, strict=True
        ):
            config.append((i - low, n + low - i - ((m - 1) * s + 1), s - 1))
        zero = jnp.zeros((), part.dtype)
        placed.append(lax.pad(part, zero, [*config, (0, 0, 0)]))
    return reduce(jnp.add, placed)

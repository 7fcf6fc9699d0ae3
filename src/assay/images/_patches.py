"""Windows of an image as rows of numbers, and an image as the sum of such rows."""

from collections.abc import Sequence
from functools import reduce
from math import prod

import jax.numpy as jnp
from jax import lax

from assay import _check, _geometry, _numerics
from assay.typing import Array, Num


def unfold(
    x: Num[Array, "*batch_and_space c"],
    window: Sequence[int],
    *,
    strides: _geometry.PerAxis = 1,
    padding: _geometry.Padding = "VALID",
    dilation: _geometry.PerAxis = 1,
) -> Num[Array, "*batch_and_out p"]:
    """y[i, (k, c)] = x[s·i + d·k, c]: what each window sees, p = |window| · c numbers.

    `padding` as for `layers.conv`, with zeros; for other borders `pad` first. The
    places of the window stand before the channels, so that `unfold(x, window) @
    kernel.reshape(p, o)` is `layers.conv(x, kernel)`; torch has the channels first.
    With strides = window: the patches of a vision transformer.

    >>> unfold(jnp.arange(4.0)[:, None], (2,))
    Array([[0., 1.],
           [1., 2.],
           [2., 3.]], dtype=float32)
    """
    d, shape = len(window), jnp.shape(x)
    _check.rank_at_least("unfold", "x", x, d + 1, f"(*batch, {d} spatial, channels)")
    batch, sizes, c = shape[: -d - 1], shape[-d - 1 : -1], shape[-1]
    w = _window("unfold", sizes, window, strides, padding, dilation)
    out = _geometry.output_sizes("unfold", sizes, w)
    y = jnp.reshape(x, (prod(batch), *sizes, c))
    around = [(0, 0, 0), *((*pair, 0) for pair in w.pads), (0, 0, 0)]
    y = lax.pad(y, jnp.zeros((), y.dtype), around)
    # One axis after the other: slices as many as k₁ + k₂, not k₁ · k₂.
    for a in reversed(range(d)):
        y = _apart(y, a + 1, out[a], w.size[a], w.strides[a], w.dilation[a])
    places, within = range(1, 2 * d, 2), range(2, 2 * d + 1, 2)
    y = jnp.transpose(y, (0, *places, *within, 2 * d + 1))
    return y.reshape(*batch, *out, prod(w.size) * c)


def fold(
    y: Num[Array, "*batch_and_out p"],
    size: Sequence[int],
    window: Sequence[int],
    *,
    strides: _geometry.PerAxis = 1,
    padding: _geometry.Padding = "VALID",
    dilation: _geometry.PerAxis = 1,
) -> Num[Array, "*batch_and_size c"]:
    """x[j, c] = Σ y[i, (k, c)] over s·i + d·k = j: every row added where it was seen.

    The transpose of `unfold` of an image of `size`: where windows do not overlap, its
    inverse; elsewhere `fold(unfold(x)) / fold(unfold(1))` is x.

    >>> fold(jnp.ones((3, 2)), (4,), (2,)).ravel()
    Array([1., 2., 2., 1.], dtype=float32)
    """
    d, shape = len(window), jnp.shape(y)
    _check.rank_at_least("fold", "y", y, d + 1, f"(*batch, {d} places, numbers)")
    w = _window("fold", size, window, strides, padding, dilation)
    out = _geometry.output_sizes("fold", size, w)
    if shape[-d - 1 : -1] != out or shape[-1] % prod(w.size):
        must = f"y must be (*batch, *{out}, {prod(w.size)} · channels)"
        _check.fail("fold", must, f"y.shape={shape}")
    batch, c = shape[: -d - 1], shape[-1] // prod(w.size)
    x = _wide(jnp.reshape(y, (prod(batch), *out, *w.size, c)))
    pairs = [axis for a in range(d) for axis in (1 + a, 1 + d + a)]
    x = jnp.transpose(x, (0, *pairs, 2 * d + 1))
    for a in range(d):
        n = size[a] + sum(w.pads[a])
        x = _added(x, a + 1, n, w.strides[a], w.dilation[a])
    inside = [slice(low, low + n) for n, (low, _) in zip(size, w.pads, strict=True)]
    x = x[(slice(None), *inside)].astype(jnp.result_type(y))
    return x.reshape(*batch, *size, c)


def _window(who: str, sizes, window, strides, padding, dilation) -> _geometry.Window:
    d = len(window)
    if d not in (1, 2, 3) or len(sizes) != d:
        must = "window must have 1, 2 or 3 sizes, one for each spatial axis"
        _check.fail(who, must, f"window={tuple(window)}, sizes={tuple(sizes)}")
    return _geometry.window(
        who, sizes, window, strides=strides, padding=padding, dilation=dilation
    )


def _apart(x, axis: int, out: int, size: int, stride: int, dilation: int):
    """The axis as (out, size): what each position of each window sees."""
    if stride == size and dilation == 1:
        x = lax.slice_in_dim(x, 0, out * size, axis=axis)
        return x.reshape(*x.shape[:axis], out, size, *x.shape[axis + 1 :])
    reach = (out - 1) * stride + 1
    starts = [k * dilation for k in range(size)]
    taps = [lax.slice_in_dim(x, i, i + reach, stride, axis) for i in starts]
    return jnp.stack(taps, axis + 1)


def _added(x, axis: int, n: int, stride: int, dilation: int):
    """The transpose of `_apart`: the axes (out, size) summed into n places."""
    out, size = x.shape[axis : axis + 2]
    tiles = stride == size and dilation == 1
    if tiles:
        joined = x.reshape(*x.shape[:axis], out * size, *x.shape[axis + 2 :])
        return _placed(joined, axis, 0, n, 1)
    taps = [jnp.take(x, k, axis + 1) for k in range(size)]
    placed = [_placed(t, axis, k * dilation, n, stride) for k, t in enumerate(taps)]
    return reduce(jnp.add, placed)


def _placed(x, axis: int, start: int, n: int, stride: int):
    """x at every `stride`-th of n places, zeros elsewhere."""
    config = [(0, 0, 0)] * x.ndim
    end = start + (x.shape[axis] - 1) * stride + 1
    config[axis] = (start, n - end, stride - 1)
    return lax.pad(x, jnp.zeros((), x.dtype), config)


def _wide(x):
    """Half precision is summed in float32; whole numbers stay."""
    return _numerics.wide(x) if jnp.issubdtype(x.dtype, jnp.floating) else x

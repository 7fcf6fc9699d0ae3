"""The ways to compute a convolution, with one signature, and which one runs where.

Every form has ``value(w, x, kernel, bias) -> y`` and ``pull(w, x, kernel, bias, g) ->
cotangents`` with x (n, *spatial, c), kernel (*window, c / groups, o) and `w` the
window. XLA's own convolution is the definition, and runs on GPU and TPU with its own
gradients. On CPU it is slow for few channels, for groups, as a 1×1, and three to
fourteen times slower still inside `lax.scan`, so `_choose` picks another form there.
"""

from collections.abc import Callable
from functools import cache, partial, reduce
from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from assay import _geometry
from assay.autodiff import with_backward


class Form(NamedTuple):
    """One way to compute a convolution."""

    value: Callable
    pull: Callable


@cache  # one function a window, so that eager calls compile once
def convolution(w: _geometry.Window, groups: int) -> Callable:
    """(x, kernel, bias) -> y with a gradient as fast as the value."""
    plain = partial(_lax_value, w)

    def forward(x, kernel, bias):
        form = _choose(w, groups, x.shape, kernel.shape)
        args = (x, kernel, bias)
        if form is LAX:
            return plain(*args), ()
        cpu = partial(form.value, w)
        return lax.platform_dependent(*args, cpu=cpu, default=plain), ()

    def backward(args, _, g):
        x, kernel, bias = args
        form = _choose(w, groups, x.shape, kernel.shape)
        if form is LAX:
            return _lax_pull(w, x, kernel, bias, g)
        default, cpu = partial(_lax_pull, w), partial(form.pull, w)
        return lax.platform_dependent(x, kernel, bias, g, cpu=cpu, default=default)

    return with_backward(plain, forward, backward)


def _choose(w: _geometry.Window, groups: int, x_shape, kernel_shape) -> Form:
    """The form for a CPU, measured on 2 cores with AVX-512."""
    c, o = x_shape[-1], kernel_shape[-1]
    if 0 in x_shape:
        return LAX  # nothing to compute
    if groups == c > 1 and w.taps() <= 64:
        return TAPS
    if groups > 1:
        return GROUPS if groups <= 32 else LAX
    if w.taps() == 1 and not any(map(any, w.pads)):
        return MATMUL
    outputs = _geometry.output_sizes("conv", x_shape[1:-1], w)
    columns = x_shape[0] * w.taps() * c
    for n in outputs:
        columns *= n
    # Few channels: LeNet's layers are 1.5 to 3.5 times faster, 64 channels 2 to 4
    # times slower. Beyond 64 MiB of columns the memory is what costs.
    few, still = c <= 16 and o <= 32, all(s == 1 for s in w.strides)
    return COLUMNS if few and still and columns <= 2**24 else LAX


# --- XLA's convolution: the definition ---


def _lax_value(w: _geometry.Window, x, kernel, bias):
    space = "DHW"[3 - len(w.size) :]
    y = lax.conv_general_dilated(
        x,
        kernel,
        w.strides,
        w.pads,
        rhs_dilation=w.dilation,
        dimension_numbers=(f"N{space}C", f"{space}IO", f"N{space}C"),
        feature_group_count=x.shape[-1] // kernel.shape[-2],
        precision=lax.Precision.DEFAULT,
    )
    return y if bias is None else y + jnp.broadcast_to(bias, y.shape)


def _lax_pull(w: _geometry.Window, x, kernel, bias, g):
    return jax.vjp(partial(_lax_value, w), x, kernel, bias)[1](g)


LAX = Form(_lax_value, _lax_pull)

# --- 1×1: a matrix product ---


def _strided(w: _geometry.Window, x):
    return x[(slice(None), *(slice(None, None, s) for s in w.strides))]


def _matmul_value(w: _geometry.Window, x, kernel, bias):
    x = _strided(w, x)
    y = x.reshape(-1, x.shape[-1]) @ kernel.reshape(kernel.shape[-2:])
    y = y if bias is None else y + jnp.broadcast_to(bias, y.shape)
    return y.reshape(*x.shape[:-1], kernel.shape[-1])


def _matmul_pull(w: _geometry.Window, x, kernel, bias, g):
    rows = g.reshape(-1, g.shape[-1])
    seen = _strided(w, x)
    dx = (rows @ kernel.reshape(kernel.shape[-2:]).T).reshape(seen.shape)
    dx = _spread(dx, x.shape[1:-1], w.strides, (0,) * len(w.size))
    dkernel = (seen.reshape(-1, x.shape[-1]).T @ rows).reshape(kernel.shape)
    return dx, dkernel, _bias_pull(bias, rows.T)


MATMUL = Form(_matmul_value, _matmul_pull)

# --- few channels: columns, with the batch as the last axis ---


def _columns(w: _geometry.Window, x):
    """(*window, c, *out, n) of shifted slices of the padded x (c, *spatial, n).

    One axis at a time: k slices each, where all at once would read (and, fused by
    XLA, compute) the input once for every tap.
    """
    x = jnp.pad(x, ((0, 0), *w.pads, (0, 0)))
    rank = len(w.size)
    for axis in reversed(range(rank)):
        at = axis - rank - 1  # from the right, as new axes come on the left
        x = jnp.stack(
            list(_shifts(x, at, w.size[axis], w.strides[axis], w.dilation[axis]))
        )
    return x


def _shifts(x, axis, k, stride, dilation):
    axis = axis % x.ndim
    out = (x.shape[axis] - (k - 1) * dilation - 1) // stride + 1
    for i in range(k):
        start = i * dilation
        yield lax.slice_in_dim(x, start, start + (out - 1) * stride + 1, stride, axis)


def _columns_value(w: _geometry.Window, x, kernel, bias):
    columns = _columns(w, _batch_last(x))
    o = kernel.shape[-1]
    out = columns.shape[len(w.size) + 1 :]
    y = (kernel.reshape(-1, o).T @ columns.reshape(-1, _size(out))).reshape(o, *out)
    if bias is not None:
        y = y + jnp.broadcast_to(jnp.expand_dims(bias, range(1, y.ndim)), y.shape)
    return _batch_last(y)


def _columns_pull(w: _geometry.Window, x, kernel, bias, g):
    columns = _columns(w, _batch_last(x))
    o = kernel.shape[-1]
    rows = _batch_last(g).reshape(o, -1)
    dkernel = columns.reshape(_size(kernel.shape[:-1]), -1) @ rows.T
    dcolumns = (kernel.reshape(-1, o) @ rows).reshape(columns.shape)
    dx = _batch_last(_fold(w, dcolumns, x.shape[1:-1]))
    return dx, dkernel.reshape(kernel.shape), _bias_pull(bias, rows)


def _fold(w: _geometry.Window, columns, spatial):
    """The transpose of `_columns`: every column is added back where it was read.

    The first axis is a loop. Its result is a buffer, so XLA cannot fuse the sum
    into what follows and compute it anew for every reader.
    """
    rank = len(w.size)
    padded = [n + low + high for n, (low, high) in zip(spatial, w.pads, strict=True)]
    k, stride, dilation = w.size[0], w.strides[0], w.dilation[0]

    def row(i):
        part = lax.dynamic_index_in_dim(columns, i, 0, keepdims=False)
        for axis in range(1, rank):
            part = _unshift(part, axis - rank - 1, padded[axis], w, axis)
        return part

    out = columns.shape[rank + 1]
    if stride > 1 or k == 1:
        x = _total(
            _place(row(i), -rank - 1, padded[0], i * dilation, stride) for i in range(k)
        )
    else:

        def add(i, x):
            start = i * dilation
            now = lax.dynamic_slice_in_dim(x, start, out, 1)
            return lax.dynamic_update_slice_in_dim(x, now + row(i), start, 1)

        x = lax.fori_loop(1, k, add, _place(row(0), -rank - 1, padded[0], 0, 1))
    crop = [(0, 0, 0), *((-low, -high, 0) for low, high in w.pads), (0, 0, 0)]
    return lax.pad(x, jnp.zeros((), x.dtype), crop)


def _unshift(part, at, size, w: _geometry.Window, axis):
    """Adds up the leading axis, each entry at its place along the axis `at`."""
    stride, dilation = w.strides[axis], w.dilation[axis]
    return _total(
        _place(part[i], at, size, i * dilation, stride) for i in range(w.size[axis])
    )


def _place(x, axis, size, start, stride):
    """Zeros of length `size` along `axis`, with x at start, start + stride, …"""
    axis = axis % x.ndim
    reach = (x.shape[axis] - 1) * stride + 1
    config = [(0, 0, 0)] * x.ndim
    config[axis] = (start, size - start - reach, stride - 1)
    return lax.pad(x, jnp.zeros((), x.dtype), config)


COLUMNS = Form(_columns_value, _columns_pull)

# --- depthwise: one multiply-add a tap ---


def _taps_value(w: _geometry.Window, x, kernel, bias):
    x = _multiplied(x, kernel)
    weights = kernel.reshape(*w.size, -1)
    padded = jnp.pad(x, ((0, 0), *w.pads, (0, 0)))
    y = _total(
        part * jnp.broadcast_to(weights[at], part.shape)
        for at, part in _tap_slices(w, padded)
    )
    return y if bias is None else y + jnp.broadcast_to(bias, y.shape)


def _tap_slices(w: _geometry.Window, padded):
    """Each tap's position and what it reads: (n, *out, c)."""
    reach = _geometry.extent(w.size, w.dilation)
    sizes = zip(padded.shape[1:-1], reach, w.strides, strict=True)
    out = [(n - r) // s + 1 for n, r, s in sizes]
    for at in product(*map(range, w.size)):
        start = [i * d for i, d in zip(at, w.dilation, strict=True)]
        ends = zip(start, out, w.strides, strict=True)
        end = [b + (m - 1) * s + 1 for b, m, s in ends]
        low, high = (0, *start, 0), (padded.shape[0], *end, padded.shape[-1])
        yield at, lax.slice(padded, low, high, (1, *w.strides, 1))


def _taps_pull(w: _geometry.Window, x, kernel, bias, g):
    weights = kernel.reshape(*w.size, -1)
    c, m = x.shape[-1], kernel.shape[-1] // x.shape[-1]
    dx = _taps_back(w, weights, g, x.shape[1:-1])
    dx = dx.reshape(*x.shape, m).sum(-1) if m > 1 else dx
    dkernel = _taps_kernel(
        w, jnp.pad(_multiplied(x, kernel), ((0, 0), *w.pads, (0, 0))), g
    )
    return dx, dkernel.reshape(kernel.shape), _bias_pull(bias, g.reshape(-1, c * m).T)


def _multiplied(x, kernel):
    """Every channel as often as it has filters."""
    m = kernel.shape[-1] // x.shape[-1]
    return jnp.repeat(x, m, axis=-1) if m > 1 else x


def _taps_back(w: _geometry.Window, weights, g, spatial):
    """The same sum, the kernel flipped, over the cotangent spread by the strides."""
    reach = _geometry.extent(w.size, w.dilation)
    config = []
    for n, m, r, s, (low, _) in zip(
        spatial, g.shape[1:-1], reach, w.strides, w.pads, strict=True
    ):
        before = r - 1 - low
        config.append((before, n + r - 1 - before - ((m - 1) * s + 1), s - 1))
    wide = lax.pad(g, jnp.zeros((), g.dtype), [(0, 0, 0), *config, (0, 0, 0)])
    back = _geometry.Window(w.size, (1,) * len(w.size), w.pads, w.dilation)
    flipped = jnp.flip(weights, range(len(w.size)))
    return _total(
        part * jnp.broadcast_to(flipped[at], part.shape)
        for at, part in _tap_slices(back, wide)
    )


def _taps_kernel(w: _geometry.Window, padded, g):
    """Σ over images and places of input · cotangent, for each tap and channel.

    One image at a time, summed over the first spatial axis only: what is left,
    (places, channels), is the axis that vectorizes.
    """

    def add(n, total):
        image = lax.dynamic_slice_in_dim(padded, n, 1, 0)
        ct = lax.dynamic_slice_in_dim(g, n, 1, 0)
        taps = [(part * ct).sum((0, 1)) for _, part in _tap_slices(w, image)]
        return total + jnp.stack(taps)

    total = _zeros((w.taps(), *g.shape[2:]), g)
    total = lax.fori_loop(0, g.shape[0], add, total)
    return total.sum(range(1, total.ndim - 1)) if total.ndim > 2 else total


TAPS = Form(_taps_value, _taps_pull)

# --- groups: as many dense convolutions ---


def _parts(x, kernel, bias):
    groups = x.shape[-1] // kernel.shape[-2]
    biases = [None] * groups if bias is None else jnp.split(bias, groups)
    split = partial(jnp.split, indices_or_sections=groups, axis=-1)
    return list(zip(split(x), split(kernel), biases, strict=True))


def _groups_value(w: _geometry.Window, x, kernel, bias):
    parts = _parts(x, kernel, bias)
    form = _choose(w, 1, parts[0][0].shape, parts[0][1].shape)
    return jnp.concatenate([form.value(w, *part) for part in parts], -1)


def _groups_pull(w: _geometry.Window, x, kernel, bias, g):
    parts = _parts(x, kernel, bias)
    form = _choose(w, 1, parts[0][0].shape, parts[0][1].shape)
    cts = jnp.split(g, len(parts), axis=-1)
    pulled = [form.pull(w, *p, ct) for p, ct in zip(parts, cts, strict=True)]
    dx, dkernel, dbias = zip(*pulled, strict=True)
    join = partial(jnp.concatenate, axis=-1)
    return join(dx), join(dkernel), None if bias is None else join(dbias)


GROUPS = Form(_groups_value, _groups_pull)


def _bias_pull(bias: Any, rows):
    # A product with ones: a sum would make XLA write the cotangent once more.
    return None if bias is None else rows @ jnp.ones(rows.shape[1], rows.dtype)


def _spread(x, spatial, strides, starts):
    for axis, (n, s, at) in enumerate(zip(spatial, strides, starts, strict=True), 1):
        x = _place(x, axis, n, at, s) if s > 1 else x
    return x


def _batch_last(x):
    """(n, …, c) to (c, …, n), and back: its own inverse."""
    return jnp.swapaxes(x, 0, -1)


def _size(shape) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def _total(parts):
    return reduce(jnp.add, parts)


def _zeros(shape, like):
    """Zeros that vary over the devices over which `like` varies."""
    axes = tuple(jax.typeof(like).manual_axis_type.varying)
    zeros = jnp.zeros(shape, like.dtype)
    return lax.pcast(zeros, axes, to="varying") if axes else zeros

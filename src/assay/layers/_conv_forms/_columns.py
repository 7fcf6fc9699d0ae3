"""Few channels: columns, with the batch as the last axis."""

import jax.numpy as jnp
from jax import lax

from assay import _geometry
from assay.layers._conv_forms import _shared


def _columns(w: _geometry.Window, x):
    """(*window, c, *out, n) of shifted slices of the padded x (c, *spatial, n).

    One axis at a time: k slices each, where all at once would read (and, fused by
    XLA, compute) the input once for every tap.
    """
    x = _shared.padded(w, x)
    rank = len(w.size)
    for axis in reversed(range(rank)):
        at = axis - rank - 1  # from the right, as new axes come on the left
        x = jnp.stack(
            list(_shared.shifts(x, at, w.size[axis], w.strides[axis], w.dilation[axis]))
        )
    return x


def _value(w: _geometry.Window, x, kernel, bias):
    columns = _columns(w, _shared.batch_last(x))
    o = kernel.shape[-1]
    out = columns.shape[len(w.size) + 1 :]
    y = (kernel.reshape(-1, o).T @ columns.reshape(-1, _shared.size(out))).reshape(
        o, *out
    )
    if bias is not None:
        y = y + jnp.broadcast_to(jnp.expand_dims(bias, range(1, y.ndim)), y.shape)
    return _shared.batch_last(y)


def _pull(w: _geometry.Window, x, kernel, bias, g):
    columns = _columns(w, _shared.batch_last(x))
    o = kernel.shape[-1]
    rows = _shared.batch_last(g).reshape(o, -1)
    dkernel = columns.reshape(_shared.size(kernel.shape[:-1]), -1) @ rows.T
    dcolumns = (kernel.reshape(-1, o) @ rows).reshape(columns.shape)
    dx = _shared.batch_last(_fold(w, dcolumns, x.shape[1:-1]))
    return dx, dkernel.reshape(kernel.shape), _shared.bias_pull(bias, rows)


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
        x = _shared.total(
            _shared.place(row(i), -rank - 1, padded[0], i * dilation, stride)
            for i in range(k)
        )
    else:

        def add(i, x):
            start = i * dilation
            now = lax.dynamic_slice_in_dim(x, start, out, 1)
            return lax.dynamic_update_slice_in_dim(x, now + row(i), start, 1)

        x = lax.fori_loop(1, k, add, _shared.place(row(0), -rank - 1, padded[0], 0, 1))
    crop = [(0, 0, 0), *((-low, -high, 0) for low, high in w.pads), (0, 0, 0)]
    return lax.pad(x, jnp.zeros((), x.dtype), crop)


def _unshift(part, at, size, w: _geometry.Window, axis):
    """Adds up the leading axis, each entry at its place along the axis `at`."""
    stride, dilation = w.strides[axis], w.dilation[axis]
    return _shared.total(
        _shared.place(part[i], at, size, i * dilation, stride)
        for i in range(w.size[axis])
    )


def _fits(w: _geometry.Window, groups: int, x_shape, kernel_shape) -> bool:
    """Up to 64 MiB of columns: beyond, the memory is what costs."""
    out = _geometry.output_sizes("conv", x_shape[1:-1], w)
    columns = x_shape[0] * w.taps() * x_shape[-1] * _shared.size(out)
    return groups == 1 < w.taps() and columns <= 2**24


COLUMNS = _shared.Form(_value, _pull, _fits)

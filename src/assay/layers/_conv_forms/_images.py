"""Dense, one image at a time: its columns stay in the cache, products do the rest.

XLA's kernel gradient runs at a tenth of the speed of a product, and its convolutions
are slower still inside `lax.scan`, where these loops are not.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from assay import _geometry
from assay.layers._conv_forms import _lax, _shared

CACHE = 2**19  # numbers: the columns of one step, 2 MiB


class _Steps(NamedTuple):
    """How many images and how many rows of each a step takes."""

    images: int
    rows: int


def _steps(n: int, out, width: int) -> _Steps:
    """As much as the cache holds, in steps of one size."""
    one = _shared.size(out) * width
    if one <= CACHE:
        return _Steps(_shared.divisor(n, CACHE // max(one, 1)), out[0])
    return _Steps(1, _shared.divisor(out[0], max(CACHE * out[0] // one, 1)))


def _columns(w: _geometry.Window, padded):
    """(places, taps · c): what every output sees, side by side."""
    parts = [part for _, part in _shared.tap_slices(w, padded)]
    columns = jnp.concatenate(parts, -1)
    return columns.reshape(-1, columns.shape[-1])


def _pad(x, config):
    config = [(0, 0, 0), *config, (0, 0, 0)]
    return lax.pad(x, jnp.zeros((), x.dtype), config)


def _walk(w: _geometry.Window, x, config, out, body, start):
    """body(columns, first image, first row, state) -> state, over all of x.

    `config` pads x: (low, high, between) a spatial axis.
    """
    k, reach = w.strides[0], _geometry.extent(w.size, w.dilation)[0]
    steps = _steps(x.shape[0], out, w.taps() * x.shape[-1])

    def images(i, state):
        first = i * steps.images
        padded = _pad(lax.dynamic_slice_in_dim(x, first, steps.images, 0), config)
        if steps.rows == out[0]:
            return body(_columns(w, padded), first, 0, state)

        def rows(j, state):
            tall = (steps.rows - 1) * k + reach
            part = lax.dynamic_slice_in_dim(padded, j * steps.rows * k, tall, 1)
            return body(_columns(w, part), first, j * steps.rows, state)

        return lax.fori_loop(0, out[0] // steps.rows, rows, state)

    return lax.fori_loop(0, x.shape[0] // steps.images, images, start), steps


def _block(x, first, row, steps: _Steps):
    """The part of x (n, h, …) that a step speaks about."""
    at = (first, row, *(0,) * (x.ndim - 2))
    return lax.dynamic_slice(x, at, (*steps, *x.shape[2:]))


def _put(y, block, first, row):
    return lax.dynamic_update_slice(y, block, (first, row, *(0,) * (y.ndim - 2)))


def _value(w: _geometry.Window, x, kernel, bias):
    out = _geometry.output_sizes("conv", x.shape[1:-1], w)
    weights = kernel.reshape(-1, kernel.shape[-1])
    steps = _steps(x.shape[0], out, weights.shape[0])

    def body(columns, first, row, y):
        part = columns @ weights
        if bias is not None:
            part = part + jnp.broadcast_to(bias, part.shape)
        part = part.reshape(*steps, *y.shape[2:])
        return _put(y, part, first, row)

    y = _shared.zeros((x.shape[0], *out, kernel.shape[-1]), x)
    return _walk(w, x, [(*p, 0) for p in w.pads], out, body, y)[0]


def _pull(w: _geometry.Window, x, kernel, bias, g):
    """One matrix of columns, of the cotangent, for both: dx and the kernel's.

    dx is the convolution of the cotangent with the kernel turned round, and the
    kernel's gradient the product of x with the same columns.
    """
    c, o = kernel.shape[-2:]
    every, space = range(len(w.size)), x.shape[1:-1]
    back = _geometry.Window(w.size, (1,) * len(w.size), w.pads, w.dilation)
    turned = jnp.flip(kernel, every).swapaxes(-1, -2).reshape(-1, c)
    steps = _steps(x.shape[0], space, turned.shape[0])

    def body(columns, first, row, state):
        dx, dkernel = state
        rows = _block(x, first, row, steps)
        part = (columns @ turned).reshape(rows.shape)
        return _put(dx, part, first, row), dkernel + rows.reshape(-1, c).T @ columns

    start = _shared.zeros(x.shape, g), _shared.zeros((c, turned.shape[0]), g)
    config = _shared.back_pads(w, space, g.shape[1:-1])
    (dx, dkernel), _ = _walk(back, g, config, space, body, start)
    dkernel = jnp.moveaxis(dkernel.reshape(c, *w.size, o), 0, -2)
    rows = g.reshape(-1, o).T
    return dx, jnp.flip(dkernel, every), _shared.bias_pull(bias, rows)


def _mixed_pull(w: _geometry.Window, x, kernel, bias, g):
    """dx by XLA, the kernel's gradient from the columns of x."""
    dx = jax.vjp(lambda x: _lax.LAX.value(w, x, kernel, None), x)[1](g)[0]
    out, o = g.shape[1:-1], kernel.shape[-1]
    steps = _steps(x.shape[0], out, _shared.size(kernel.shape[:-1]))

    def body(columns, first, row, dkernel):
        return dkernel + _block(g, first, row, steps).reshape(-1, o).T @ columns

    start = _shared.zeros((o, _shared.size(kernel.shape[:-1])), g)
    config = [(*p, 0) for p in w.pads]
    dkernel = _walk(w, x, config, out, body, start)[0].T.reshape(kernel.shape)
    return dx, dkernel, _shared.bias_pull(bias, g.reshape(-1, o).T)


def _fits(w: _geometry.Window, groups: int, x_shape, kernel_shape) -> bool:
    # A loop of 10,000 steps would be the cost, and 1024 taps take minutes to compile.
    return groups == 1 < w.taps() <= 256 and x_shape[0] <= 4096


IMAGES = _shared.Form(_value, _pull, _fits)
MIXED = _shared.Form(_lax.LAX.value, _mixed_pull, _fits)

"""Depthwise: one multiply-add a tap."""

import jax.numpy as jnp
from jax import lax

from assay import _geometry
from assay.layers._conv_forms import _shared


def _value(w: _geometry.Window, x, kernel, bias):
    weights = kernel.reshape(*w.size, -1)
    padded = _shared.padded(w, multiplied(x, kernel))
    y = _shared.total(
        part * jnp.broadcast_to(weights[at], part.shape)
        for at, part in _shared.tap_slices(w, padded)
    )
    return y if bias is None else y + jnp.broadcast_to(bias, y.shape)


def _pull(w: _geometry.Window, x, kernel, bias, g):
    weights = kernel.reshape(*w.size, -1)
    c, m = x.shape[-1], kernel.shape[-1] // x.shape[-1]
    dx = back(w, weights, g, x.shape[1:-1])
    dx = dx.reshape(*x.shape, m).sum(-1) if m > 1 else dx
    dkernel = _kernel_pull(w, _shared.padded(w, multiplied(x, kernel)), g)
    dbias = _shared.bias_pull(bias, g.reshape(-1, c * m).T)
    return dx, dkernel.reshape(kernel.shape), dbias


def multiplied(x, kernel):
    """Every channel as often as it has filters."""
    m = kernel.shape[-1] // x.shape[-1]
    return jnp.repeat(x, m, axis=-1) if m > 1 else x


def back(w: _geometry.Window, weights, g, spatial):
    """The same sum, the kernel flipped, over the cotangent spread by the strides."""
    config = _shared.back_pads(w, spatial, g.shape[1:-1])
    wide = lax.pad(g, jnp.zeros((), g.dtype), [(0, 0, 0), *config, (0, 0, 0)])
    one = _geometry.Window(w.size, (1,) * len(w.size), w.pads, w.dilation)
    flipped = jnp.flip(weights, range(len(w.size)))
    return _shared.total(
        part * jnp.broadcast_to(flipped[at], part.shape)
        for at, part in _shared.tap_slices(one, wide)
    )


def _kernel_pull(w: _geometry.Window, padded, g):
    """Σ over images and places of input · cotangent, for each tap and channel.

    One image at a time, summed over the first spatial axis only: what is left,
    (places, channels), is the axis that vectorizes.
    """

    def add(n, total):
        image = lax.dynamic_slice_in_dim(padded, n, 1, 0)
        ct = lax.dynamic_slice_in_dim(g, n, 1, 0)
        taps = [(part * ct).sum((0, 1)) for _, part in _shared.tap_slices(w, image)]
        return total + jnp.stack(taps)

    total = _shared.zeros((w.taps(), *g.shape[2:]), g)
    total = lax.fori_loop(0, g.shape[0], add, total)
    return total.sum(range(1, total.ndim - 1)) if total.ndim > 2 else total


def fits(w: _geometry.Window, groups: int, x_shape, kernel_shape) -> bool:
    # More taps than that take the compiler seconds.
    return groups == x_shape[-1] > 1 and w.taps() <= 64


TAPS = _shared.Form(_value, _pull, fits)

"""Depthwise, one image at a time, its rows added one by one.

The kernel's gradient is a sum over places, which XLA reduces number by number.
Written out as additions of whole rows it vectorizes over width and channels, and
all that belongs to one image stays in the cache.
"""

import jax.numpy as jnp
from jax import lax

from assay import _geometry
from assay.layers._conv_forms import _shared, _taps

TERMS = 700  # additions written out; each costs the compiler 2 to 4 ms


def _pull(w: _geometry.Window, x, kernel, bias, g):
    weights = kernel.reshape(*w.size, -1)
    m = kernel.shape[-1] // x.shape[-1]

    def image(n, state):
        dx, total = state
        ct = lax.dynamic_slice_in_dim(g, n, 1, 0)
        one = _taps.multiplied(lax.dynamic_slice_in_dim(x, n, 1, 0), kernel)
        padded = _shared.padded(w, one)
        part = _taps.back(w, weights, ct, x.shape[1:-1])
        part = part.reshape(1, *x.shape[1:], m).sum(-1) if m > 1 else part
        dx = lax.dynamic_update_slice_in_dim(dx, part, n, 0)
        return dx, _rows(w, padded[0], ct[0], total)

    start = _shared.zeros(x.shape, g), _shared.zeros((w.taps(), *g.shape[2:]), g)
    dx, total = lax.fori_loop(0, x.shape[0], image, start)
    dkernel = total.sum(range(1, total.ndim - 1)) if total.ndim > 2 else total
    dbias = _shared.bias_pull(bias, g.reshape(-1, g.shape[-1]).T)
    return dx, dkernel.reshape(kernel.shape), dbias


def _rows(w: _geometry.Window, padded, ct, total):
    """total + Σ over rows of input · cotangent, for each tap: (taps, *row, c)."""
    rows = _shared.divisor(ct.shape[0], max(TERMS // w.taps(), 1))
    if rows == ct.shape[0]:
        return _written_out(w, padded, ct, total)
    stride, reach = w.strides[0], _geometry.extent(w.size, w.dilation)[0]

    def block(k, total):
        at, tall = k * rows * stride, (rows - 1) * stride + reach
        seen = lax.dynamic_slice_in_dim(padded, at, tall, 0)
        return _written_out(
            w, seen, lax.dynamic_slice_in_dim(ct, k * rows, rows, 0), total
        )

    return lax.fori_loop(0, ct.shape[0] // rows, block, total)


def _written_out(w: _geometry.Window, padded, ct, total):
    # A running sum of rows, never jnp.sum: that is the whole point.
    taps = [
        _shared.total(part[0, r] * ct[r] for r in range(ct.shape[0]))
        for _, part in _shared.tap_slices(w, padded[None])
    ]
    return total + jnp.stack(taps)


def _fits(w: _geometry.Window, groups: int, x_shape, kernel_shape) -> bool:
    return _taps.fits(w, groups, x_shape, kernel_shape) and len(w.size) > 1


TAPS_BY_IMAGE = _shared.Form(_taps.TAPS.value, _pull, _fits)

"""Depthwise with a wide window: a loop over its rows, a multiply-add a tap inside.

All taps at once, as in `_taps`, would take minutes to compile.
"""

import jax.numpy as jnp
from jax import lax

from assay import _geometry
from assay.layers._conv_forms import _shared, _taps


def _value(w: _geometry.Window, x, kernel, bias):
    y = _correlated(
        w, _shared.padded(w, _taps.multiplied(x, kernel)), kernel.reshape(*w.size, -1)
    )
    return y if bias is None else y + jnp.broadcast_to(bias, y.shape)


def _pull(w: _geometry.Window, x, kernel, bias, g):
    c, m = x.shape[-1], kernel.shape[-1] // x.shape[-1]
    flipped = jnp.flip(kernel.reshape(*w.size, -1), range(len(w.size)))
    back = w._replace(strides=(1,) * len(w.size))
    config = _shared.back_pads(w, x.shape[1:-1], g.shape[1:-1])
    around = lax.pad(g, jnp.zeros((), g.dtype), [(0, 0, 0), *config, (0, 0, 0)])
    dx = _correlated(back, around, flipped)
    dx = dx.reshape(*x.shape, m).sum(-1) if m > 1 else dx
    padded, one = _shared.padded(w, _taps.multiplied(x, kernel)), _row(w)

    def row(i):
        seen = _shared.tap_slices(one, _rows(w, padded, i))
        places = jnp.stack([(part * g).sum((0, 1)) for _, part in seen])
        return places.sum(range(1, places.ndim - 1)) if places.ndim > 2 else places

    dkernel = lax.map(row, jnp.arange(w.size[0])).reshape(kernel.shape)
    return dx, dkernel, _shared.bias_pull(bias, g.reshape(-1, c * m).T)


def _correlated(w: _geometry.Window, padded, taps):
    """Σₖ padded[s·t + d·k] · taps[k], one row of the window after the other."""
    one = _row(w)

    def row(i):
        now = lax.dynamic_index_in_dim(taps, i, 0, keepdims=True)
        return _shared.total(
            part * jnp.broadcast_to(now[at], part.shape)
            for at, part in _shared.tap_slices(one, _rows(w, padded, i))
        )

    def add(i, y):
        return y + row(i)

    return lax.fori_loop(1, w.size[0], add, row(0))


def _row(w: _geometry.Window) -> _geometry.Window:
    return w._replace(size=(1, *w.size[1:]))


def _rows(w: _geometry.Window, padded, i):
    """What the taps of row i see."""
    reach = (w.size[0] - 1) * w.dilation[0]
    return lax.dynamic_slice_in_dim(
        padded, i * w.dilation[0], padded.shape[1] - reach, 1
    )


def _fits(w: _geometry.Window, groups: int, x_shape, kernel_shape) -> bool:
    return groups == x_shape[-1] > 1 and w.taps() > 64


WIDE = _shared.Form(_value, _pull, _fits)

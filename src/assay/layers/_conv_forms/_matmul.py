"""1×1: a matrix product."""

import jax.numpy as jnp

from assay import _geometry
from assay.layers._conv_forms import _shared


def _strided(w: _geometry.Window, x):
    return x[(slice(None), *(slice(None, None, s) for s in w.strides))]


def _value(w: _geometry.Window, x, kernel, bias):
    x = _strided(w, x)
    y = x.reshape(-1, x.shape[-1]) @ kernel.reshape(kernel.shape[-2:])
    y = y if bias is None else y + jnp.broadcast_to(bias, y.shape)
    return y.reshape(*x.shape[:-1], kernel.shape[-1])


def _pull(w: _geometry.Window, x, kernel, bias, g):
    rows = g.reshape(-1, g.shape[-1])
    seen = _strided(w, x)
    dx = (rows @ kernel.reshape(kernel.shape[-2:]).T).reshape(seen.shape)
    dx = _shared.spread(dx, x.shape[1:-1], w.strides, (0,) * len(w.size))
    dkernel = (seen.reshape(-1, x.shape[-1]).T @ rows).reshape(kernel.shape)
    return dx, dkernel, _shared.bias_pull(bias, rows.T)


def _fits(w: _geometry.Window, groups: int, x_shape, kernel_shape) -> bool:
    return groups == 1 and w.taps() == 1 and not any(map(any, w.pads))


MATMUL = _shared.Form(_value, _pull, _fits)

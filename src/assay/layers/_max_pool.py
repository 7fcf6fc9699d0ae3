"""Maxima and minima in 1-d, 2-d and 3-d: the length of the window says which.

`x` is (*batch, *spatial, channels); `strides` default to the window; `padding` as for
`conv`. The winner of a window takes the whole gradient, the first in row-major order
where several are equal (as torch; `jnp.max` would share it). NaN wins.
"""

from math import prod

import jax.numpy as jnp
import numpy as np
from jax import lax

from assay import _geometry
from assay.layers import _pool_forms, _pool_window
from assay.typing import Array, Int, Num


def max_pool(
    x: Num[Array, "*batch_and_space c"],
    window: _pool_window.Window,
    *,
    strides: _geometry.PerAxis | None = None,
    padding: _geometry.Padding = "VALID",
    dilation: _geometry.PerAxis = 1,
    ceil_mode: bool = False,
) -> Num[Array, "*batch_and_space_out c"]:
    """y[t] = maxₖ x[s·t + d·k]; padding never wins.

    `ceil_mode` adds a window where some input is left over, as torch does.

    >>> max_pool(jnp.array([[1.0], [3.0], [2.0], [0.0]]), (2,))[:, 0]
    Array([3., 2.], dtype=float32)
    >>> max_pool(jnp.arange(5.0)[:, None], (2,), ceil_mode=True)[:, 0]
    Array([1., 3., 4.], dtype=float32)

    Riesenhuber & Poggio 1999, Hierarchical models of object recognition in cortex,
    doi:10.1038/14819. Scherer et al. 2010, doi:10.1007/978-3-642-15825-4_10.
    """
    steps = _pool_window.Steps(strides, padding, dilation, ceil_mode)
    pool = _pool_window.prepare("max_pool", x, window, steps)
    return pool.unflattened(_pool_forms.largest(pool.w)(pool.x))


def min_pool(
    x: Num[Array, "*batch_and_space c"],
    window: _pool_window.Window,
    *,
    strides: _geometry.PerAxis | None = None,
    padding: _geometry.Padding = "VALID",
    dilation: _geometry.PerAxis = 1,
    ceil_mode: bool = False,
) -> Num[Array, "*batch_and_space_out c"]:
    """y[t] = minₖ x[s·t + d·k]; padding never wins.

    >>> min_pool(jnp.array([[1.0], [3.0], [2.0], [0.0]]), (2,))[:, 0]
    Array([1., 0.], dtype=float32)

    The erosion of grey-scale morphology by a flat element: Haralick et al. 1987,
    doi:10.1109/TPAMI.1987.4767941. As flax.linen.min_pool.
    """
    steps = _pool_window.Steps(strides, padding, dilation, ceil_mode)
    pool = _pool_window.prepare("min_pool", x, window, steps)
    y = _turned(_pool_forms.largest(pool.w)(_turned(pool.x)))
    return pool.unflattened(y)


def max_pool_with_indices(
    x: Num[Array, "*batch_and_space c"],
    window: _pool_window.Window,
    *,
    strides: _geometry.PerAxis | None = None,
    padding: _geometry.Padding = "VALID",
    dilation: _geometry.PerAxis = 1,
    ceil_mode: bool = False,
) -> tuple[Num[Array, "*batch_and_space_out c"], Int[Array, "*batch_and_space_out c"]]:
    """(y, indices): `max_pool`, and where each maximum stands.

    An index counts the places of one image and channel in row-major order, without
    the padding: i = (row · width) + column. Of equal maxima the first, of several
    NaNs the last, as torch.

    >>> y, at = max_pool_with_indices(jnp.array([[1.0], [3.0], [2.0], [0.0]]), (2,))
    >>> y[:, 0].tolist(), at[:, 0].tolist()
    ([3.0, 2.0], [1, 2])

    torch.nn.functional.max_pool2d with `return_indices`: what `max_unpool` puts back.
    """
    steps = _pool_window.Steps(strides, padding, dilation, ceil_mode)
    pool = _pool_window.prepare("max_pool_with_indices", x, window, steps)
    y = _pool_forms.largest(pool.w)(pool.x)
    places = _places(pool.w, lax.stop_gradient(pool.x))
    return pool.unflattened(y), pool.unflattened(places)


def _turned(x: Array) -> Array:
    """The order of all numbers upside down; -x would overflow for integers."""
    return -x if jnp.issubdtype(x.dtype, jnp.floating) else ~x


def _places(w: _geometry.Window, x: Array) -> Array:
    """The flat index of every window's winner: one axis after the other, last first."""
    spatial = x.shape[1:-1]
    at = np.arange(prod(spatial), dtype=np.int32).reshape(*spatial, 1)
    at = jnp.broadcast_to(jnp.asarray(at), x.shape)
    for axis in reversed(range(len(w.size))):
        line = _pool_forms.along(w, axis)
        taps = _pool_forms.taps(line, x, _pool_forms.lowest(x.dtype))
        places = _pool_forms.taps(line, at, -1)
        (x, at), *rest = zip(taps, places, strict=True)
        for tap, place in rest:
            wins = (tap > x) | jnp.isnan(tap) | (at < 0)  # anything but padding
            x, at = jnp.where(wins, tap, x), jnp.where(wins, place, at)
    return at

"""Maxima put back to where they were taken from."""

from collections.abc import Sequence
from math import prod

import jax.numpy as jnp
from jax import lax

from assay import _check, _geometry
from assay.layers import _pool_window
from assay.typing import Array, Int, Num


def max_unpool(
    x: Num[Array, "*batch_and_space c"],
    indices: Int[Array, "*batch_and_space c"],
    window: _pool_window.Window,
    *,
    strides: _geometry.PerAxis | None = None,
    padding: _geometry.Padding = "VALID",
    output_size: Sequence[int] | None = None,
) -> Num[Array, "*batch_and_space_out c"]:
    """y[indices[t]] = x[t], and 0 elsewhere: what `max_pool_with_indices` took away.

    Without `output_size`, the smallest image that `window`, `strides` and `padding`
    turn into x. Indices beyond it are dropped. Several to one place: any of them.

    >>> y, at = jnp.array([[3.0], [2.0]]), jnp.array([[1], [2]])
    >>> max_unpool(y, at, (2,))[:, 0]
    Array([0., 3., 2., 0.], dtype=float32)

    Zeiler & Fergus 2014, Visualizing and understanding CNNs, arXiv:1311.2901.
    """
    who = "max_unpool"
    window = _pool_window.sizes(who, window)
    rank = len(window)
    _check.real(who, x=x)
    _check.rank_at_least(who, "x", x, rank + 1, f"(*batch, {rank} spatial, channels)")
    _check.same_shape(who, x=x, indices=indices)
    _check.integer(who, indices=indices)
    *batch, c = jnp.shape(x)[: -rank - 1] + jnp.shape(x)[-1:]
    places = jnp.shape(x)[-rank - 1 : -1]
    size = _size(who, places, window, strides, padding, output_size)
    _check.indices(who, "indices", indices, prod(size))
    rows = prod(batch), prod(places), c
    x, at = jnp.reshape(x, rows), jnp.reshape(indices, rows)
    image, channel = (lax.broadcasted_iota(at.dtype, rows, a) for a in (0, 2))
    y = jnp.zeros((rows[0], prod(size), c), x.dtype)
    # Unique but for windows that overlap, whose values are one number.
    y = y.at[image, at, channel].set(x, mode="drop", unique_indices=True)
    return y.reshape(*batch, *size, c)


def _size(who, places, window, strides, padding, output_size):
    rank = len(window)
    strides = window if strides is None else strides
    strides = _geometry.per_axis(who, "strides", strides, rank)
    if isinstance(padding, str) and padding != "VALID":
        if output_size is None:
            must = f"output_size must be given with padding {padding!r}"
            _check.fail(who, must, "None", "What was the size of what was pooled?")
        return _geometry.per_axis(who, "output_size", output_size, rank)
    pads = _geometry.resolve(who, padding, places, window, strides)
    axes = zip(places, window, strides, pads, strict=True)
    least = tuple((m - 1) * s + k - sum(p) for m, k, s, p in axes)
    if output_size is None:
        return least
    size = _geometry.per_axis(who, "output_size", output_size, rank)
    if any(abs(n - m) >= s for n, m, s in zip(size, least, strides, strict=True)):
        must = f"output_size must be within a stride of {least}"
        _check.fail(who, must, size)
    return size

"""Contrast limited adaptive histogram equalisation."""

import jax
import jax.numpy as jnp

from assay import _check
from assay.augment._levels import BYTES
from assay.augment._pixels import restored, units
from assay.typing import Array, Scalar, Shaped


def clahe(
    image: Shaped[Array, "*batch h w c"],
    *,
    clip_limit: Scalar = 4.0,
    grid: tuple[int, int] = (8, 8),
) -> Shaped[Array, "*batch h w c"]:
    """(F(x) − F(0)) / (1 − F(0)), F the pixels' distribution in the tile around x.

    The image is cut into `grid` tiles down and across, each channel by itself. F is
    linear between the centres of four tiles. What a tile has of one of the 256 values
    beyond `clip_limit` times the mean is spread over all of them, so that noise in a
    plain region is not raised: 0 changes nothing, inf is without limit. Images that
    are not bytes are clipped and rounded to 256 values first. A last tile that goes
    beyond the image sees it mirrored.

    >>> image = jnp.linspace(0.4, 0.6, 64).reshape(8, 8, 1)
    >>> y = clahe(image, grid=(1, 1), clip_limit=float("inf"))
    >>> bool(y.max() - y.min() > 0.9)
    True

    Zuiderveld 1994, Graphics Gems IV; the same numbers as Keras's
    ContrastLimitedAdaptiveHistogramEqualization, OpenCV's rounds F.
    """
    x = units("clahe", image)
    _check.within("clahe", "clip_limit", clip_limit, 0, float("inf"))
    if min(grid) < 1:
        _check.fail("clahe", "grid must be at least 1 by 1", grid)
    *batch, h, w, c = x.shape
    levels = jnp.round(jnp.clip(x, 0, 1) * (BYTES - 1)).astype(jnp.int32)
    planes = jnp.moveaxis(levels, -1, -3).reshape(-1, h, w)
    limit = jnp.asarray(clip_limit, x.dtype)
    y = jax.vmap(lambda plane: _equalized(plane, grid, limit))(planes)
    y = jnp.moveaxis(y.reshape(*batch, c, h, w), -3, -1)
    return restored(y, jnp.result_type(image))


def _equalized(plane: Array, grid: tuple[int, int], limit: Array) -> Array:
    """One channel: a table of each tile, four of them read at each pixel."""
    (h, w), (rows, columns) = plane.shape, grid
    tall, wide = -(-h // rows), -(-w // columns)
    more = ((0, tall * rows - h), (0, wide * columns - w))
    whole = jnp.pad(plane, more, mode="symmetric")
    tiles = whole.reshape(rows, tall, columns, wide).swapaxes(1, 2)
    tiles = tiles.reshape(rows * columns, tall * wide)
    tables = jax.vmap(lambda tile: _table(tile, limit))(tiles)
    down, across = _between(h, tall, rows, limit), _between(w, wide, columns, limit)
    y = jnp.zeros(plane.shape, limit.dtype)
    for i, of_row in down:
        for j, of_column in across:
            tile = i[:, None] * columns + j[None, :]
            y += tables[tile, plane] * (of_row[:, None] * of_column[None, :])
    return y


def _table(tile: Array, limit: Array) -> Array:
    """The new value of each of the 256, in 0 … 1."""
    count = jnp.zeros(BYTES, jnp.int32).at[tile].add(1).astype(limit.dtype)
    kept = jnp.minimum(count, limit * (tile.size / BYTES))
    below = jnp.cumsum(kept + jnp.sum(count - kept) / BYTES)
    rest = tile.size - below[0]
    return jnp.clip((below - below[0]) / jnp.where(rest > 0, rest, 1), 0, 1)


def _between(size: int, step: int, tiles: int, like: Array) -> list:
    """[(the tile before, its weight), (the tile after, its weight)] of each pixel."""
    at = jnp.arange(size, dtype=like.dtype) / step - 0.5
    low = jnp.floor(at)
    first = low.astype(jnp.int32)
    first, second = (jnp.clip(i, 0, tiles - 1) for i in (first, first + 1))
    return [(first, low + 1 - at), (second, at - low)]

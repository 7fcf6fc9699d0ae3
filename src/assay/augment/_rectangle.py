"""A rectangle drawn by its area and its ratio, as random erasing and resizing do."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.typing import Array, Key, Scalar

TRIES = 10  # as torchvision; what does not fit into the image is drawn again


class Rectangle(NamedTuple):
    """Rows top … top + height − 1, columns left … left + width − 1."""

    top: Array
    left: Array
    height: Array
    width: Array
    fits: Array  # False: none of the tries did


def draw_rectangle(
    who: str,
    key: Key,
    size: tuple[int, ...],
    area: tuple[Scalar, Scalar],
    ratio: tuple[Scalar, Scalar],
) -> Rectangle:
    """Area uniform in `area` (shares of `size`), log(width / height) in log `ratio`."""
    _check.within(who, "area[0]", area[0], 0, 1)
    _check.within(who, "area[1]", area[1], 0, 1)
    of_area, of_ratio, of_place = jax.random.split(key, 3)
    # float32: the same draws with and without x64.
    share = _uniform(of_area, (TRIES,), *area)
    ratios = jnp.asarray(ratio[0], jnp.float32), jnp.asarray(ratio[1], jnp.float32)
    shape = jnp.exp(_uniform(of_ratio, (TRIES,), *map(jnp.log, ratios)))
    pixels = share * (size[0] * size[1])
    heights = jnp.round(jnp.sqrt(pixels / shape)).astype(jnp.int32)
    widths = jnp.round(jnp.sqrt(pixels * shape)).astype(jnp.int32)
    fit = (heights > 0) & (heights <= size[0]) & (widths > 0) & (widths <= size[1])
    first = jnp.argmax(fit)
    height, width = heights[first], widths[first]
    free = jnp.maximum(jnp.stack([size[0] - height, size[1] - width]), 0)
    top, left = jax.random.randint(of_place, (2,), 0, free + 1, jnp.int32)
    return Rectangle(top, left, height, width, fit[first])


def _uniform(key: Key, shape: tuple[int, ...], low: Scalar, high: Scalar) -> Array:
    """Numbers in [low, high), which may be traced."""
    low, high = jnp.asarray(low, jnp.float32), jnp.asarray(high, jnp.float32)
    return low + (high - low) * jax.random.uniform(key, shape, jnp.float32)


def inside(
    size: tuple[int, ...], top: Array, left: Array, height: Scalar, width: Scalar
) -> Array:
    """True in the rectangle, (h, w, 1); what lies outside the image is cut off."""
    rows, columns = (jnp.arange(n, dtype=jnp.int32) for n in size)
    in_rows = (rows >= top) & (rows < top + height)
    in_columns = (columns >= left) & (columns < left + width)
    return (in_rows[:, None] & in_columns[None, :])[..., None]

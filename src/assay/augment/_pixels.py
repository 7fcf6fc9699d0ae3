"""What a pixel's numbers mean: white is 1, or the largest integer of the dtype."""

import jax.numpy as jnp

from assay import _check, _numerics, images
from assay.typing import Array, DType

LAYOUT = "(h, w, c)"


def is_integer(dtype: DType) -> bool:
    """Whether white is the largest integer rather than 1."""
    return jnp.issubdtype(dtype, jnp.integer)


def units(who: str, image: Array) -> Array:
    """The image in floating point of at least float32, white at 1."""
    _check.rank_at_least(who, "image", image, 3, LAYOUT)
    image = jnp.asarray(image)
    x = _numerics.wide(image)
    return x / jnp.iinfo(image.dtype).max if is_integer(image.dtype) else x


def coloured_units(who: str, image: Array) -> Array:
    """`units` of an image that is grey or has three colours."""
    x = units(who, image)
    grey_or_colours(who, x)
    return x


def restored(x: Array, dtype: DType) -> Array:
    """`units` undone: integers are rounded to the nearest."""
    if is_integer(dtype):
        x = jnp.round(x * jnp.iinfo(dtype).max)
    return x.astype(dtype)


def luma(who: str, x: Array) -> Array:
    """0.299 R + 0.587 G + 0.114 B, (..., h, w, 1); of one channel, the channel."""
    grey_or_colours(who, x)
    return x if x.shape[-1] == 1 else images.rgb_to_grayscale(x)


def grey_or_colours(who: str, image: Array) -> None:
    """One channel or three."""
    shape = jnp.shape(image)
    if shape[-1] not in (1, 3):
        _check.fail(who, "image must have 1 or 3 channels", f"image.shape={shape}")

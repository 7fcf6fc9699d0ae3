"""One number of a pixel for another: inverted, posterized, solarized, equalized."""

import jax
import jax.numpy as jnp

from assay import _check
from assay.augment._pixels import LAYOUT, is_integer, restored, units
from assay.typing import Array, Int, Scalar, Shaped

BYTES = 256


def invert(image: Shaped[Array, "*batch h w c"]) -> Shaped[Array, "*batch h w c"]:
    """1 − x; of integers, the largest one minus x.

    >>> invert(jnp.array([[[0, 255]]], jnp.uint8)).ravel().tolist()
    [255, 0]

    PIL.ImageOps.invert.
    """
    _check.rank_at_least("invert", "image", image, 3, LAYOUT)
    image = jnp.asarray(image)
    if is_integer(image.dtype):
        return jnp.iinfo(image.dtype).max - image
    return 1 - image


def posterize(
    image: Shaped[Array, "*batch h w c"], bits: int | Int[Array, ""]
) -> Shaped[Array, "*batch h w c"]:
    """⌊2ᵇ x⌋ / 2ᵇ: the first `bits` bits of every number; 8 of 8 change nothing.

    Floating images are clipped to [0, 1) and have at most 2ᵇ values.

    >>> posterize(jnp.array([[[100, 200]]], jnp.uint8), 1).ravel().tolist()
    [0, 128]
    >>> posterize(jnp.array([[[0.3, 0.8]]]), 1).ravel().tolist()
    [0.0, 0.5]

    PIL.ImageOps.posterize; for floating images torchvision.transforms.v2.
    """
    _check.rank_at_least("posterize", "image", image, 3, LAYOUT)
    _check.within("posterize", "bits", bits, 0, 16)
    image = jnp.asarray(image)
    if is_integer(image.dtype):
        info = jnp.iinfo(image.dtype)
        away = jnp.maximum(info.bits - (info.min < 0) - jnp.asarray(bits), 0)
        away = jnp.broadcast_to(away.astype(image.dtype), image.shape)
        return jnp.left_shift(jnp.right_shift(image, away), away)
    x = units("posterize", image)
    # Not exp2, which is not exact.
    levels = jnp.left_shift(1, jnp.asarray(bits)).astype(x.dtype)
    steps = jnp.clip(jnp.floor(x * levels), 0, levels - 1)
    return restored(steps / levels, image.dtype)


def solarize(
    image: Shaped[Array, "*batch h w c"], threshold: Scalar = 0.5
) -> Shaped[Array, "*batch h w c"]:
    """1 − x where x ≥ threshold, else x.

    `threshold` is a share of white, for integers too: 0.5 is 128 of 255.

    >>> solarize(jnp.array([[[100, 200]]], jnp.uint8), 0.5).ravel().tolist()
    [100, 55]

    PIL.ImageOps.solarize, whose threshold is a byte.
    """
    _check.within("solarize", "threshold", threshold, 0, 1)
    x = units("solarize", image)
    high = x >= jnp.asarray(threshold, x.dtype)
    return jnp.where(high, invert(image), jnp.asarray(image))


def auto_contrast(
    image: Shaped[Array, "*batch h w c"],
) -> Shaped[Array, "*batch h w c"]:
    """(x − min) / (max − min), of each channel by itself; a constant one stays.

    >>> auto_contrast(jnp.array([0.25, 0.5, 0.75]).reshape(3, 1, 1)).ravel().tolist()
    [0.0, 0.5, 1.0]

    PIL.ImageOps.autocontrast with cutoff 0.
    """
    x = units("auto_contrast", image)
    low = jnp.min(x, axis=(-3, -2), keepdims=True)
    size = jnp.max(x, axis=(-3, -2), keepdims=True) - low
    y = (x - low) / jnp.where(size == 0, 1, size)
    return restored(jnp.where(size == 0, x, y), jnp.result_type(image))


def equalize(image: Shaped[Array, "*batch h w c"]) -> Shaped[Array, "*batch h w c"]:
    """⌊(number of pixels below x + ½ step) / step⌋ / 255, of each channel by itself.

    step = ⌊(pixels − pixels of the brightest value) / 255⌋; where it is 0 the channel
    stays. Images that are not bytes are clipped and rounded to 256 values first.

    >>> image = jnp.arange(512).reshape(16, 32, 1) // 4
    >>> y = equalize(image.astype(jnp.uint8))
    >>> int(image.max()), int(y.max())
    (127, 255)

    PIL.ImageOps.equalize.
    """
    x = units("equalize", image)
    *batch, h, w, c = x.shape
    levels = jnp.round(jnp.clip(x, 0, 1) * (BYTES - 1)).astype(jnp.int32)
    rows = jnp.moveaxis(levels.reshape(-1, h * w, c), -1, 1).reshape(-1, h * w)
    tables = jax.vmap(_table)(rows)
    new = jax.vmap(lambda table, row: table[row])(tables, rows)
    new = jnp.moveaxis(new.reshape(-1, c, h * w), 1, -1).reshape(*batch, h, w, c)
    return restored(new.astype(x.dtype) / (BYTES - 1), jnp.result_type(image))


def _table(row: Array) -> Array:
    """The new value of each of the 256, as PIL computes it."""
    count = jnp.zeros(BYTES, jnp.int32).at[row].add(1)
    step = (row.size - count[jnp.max(row, initial=0)]) // (BYTES - 1)
    below = jnp.cumsum(count, dtype=jnp.int32) - count
    new = jnp.minimum((below + step // 2) // jnp.maximum(step, 1), BYTES - 1)
    return jnp.where(step == 0, jnp.arange(BYTES, dtype=jnp.int32), new)

"""An image blended with a plainer one: brightness, contrast, saturation, sharpness.

Every one is clip(plain + factor·(x − plain)): 0 gives the plain image, 1 the image as
it is, more than 1 goes beyond.
"""

import jax.numpy as jnp

from assay import _check
from assay.augment._pixels import luma, restored, units
from assay.typing import Array, Scalar, Shaped

CENTRE = 5.0  # the smoothing kernel is 1 around 5, over 13


def adjust_brightness(
    image: Shaped[Array, "*batch h w c"], factor: Scalar
) -> Shaped[Array, "*batch h w c"]:
    """clip(factor · x, 0, 1): blended with black.

    >>> adjust_brightness(jnp.full((1, 1, 3), 0.25), 2.0).ravel().tolist()
    [0.5, 0.5, 0.5]

    torchvision.transforms.functional.adjust_brightness.
    """
    x = units("adjust_brightness", image)
    y = blended("adjust_brightness", x, jnp.zeros_like(x), factor)
    return restored(y, jnp.result_type(image))


def adjust_contrast(
    image: Shaped[Array, "*batch h w c"], factor: Scalar
) -> Shaped[Array, "*batch h w c"]:
    """clip(m + factor · (x − m), 0, 1), m the mean of the image's luma.

    The luma is 0.299 R + 0.587 G + 0.114 B, so images have 1 or 3 channels.

    >>> image = jnp.array([0.25, 0.75]).reshape(1, 2, 1)
    >>> adjust_contrast(image, 0.5).ravel().tolist()
    [0.375, 0.625]

    torchvision.transforms.functional.adjust_contrast, without rounding the mean.
    """
    x = units("adjust_contrast", image)
    mean = jnp.mean(luma("adjust_contrast", x), axis=(-3, -2, -1), keepdims=True)
    y = blended("adjust_contrast", x, jnp.broadcast_to(mean, x.shape), factor)
    return restored(y, jnp.result_type(image))


def adjust_saturation(
    image: Shaped[Array, "*batch h w c"], factor: Scalar
) -> Shaped[Array, "*batch h w c"]:
    """clip(l + factor · (x − l), 0, 1), l the luma of each pixel.

    >>> adjust_saturation(jnp.full((1, 1, 3), 0.5), 2.0).ravel().tolist()
    [0.5, 0.5, 0.5]

    torchvision.transforms.functional.adjust_saturation.
    """
    x = units("adjust_saturation", image)
    grey = jnp.broadcast_to(luma("adjust_saturation", x), x.shape)
    y = blended("adjust_saturation", x, grey, factor)
    return restored(y, jnp.result_type(image))


def adjust_sharpness(
    image: Shaped[Array, "*batch h w c"], factor: Scalar
) -> Shaped[Array, "*batch h w c"]:
    """clip(s + factor · (x − s), 0, 1), s smoothed by (1 1 1; 1 5 1; 1 1 1) / 13.

    The outermost pixels stay as they are.

    >>> adjust_sharpness(jnp.full((3, 3, 1), 0.5), 2.0)[1, 1].tolist()
    [0.5]

    PIL.ImageEnhance.Sharpness; torchvision.transforms.functional.adjust_sharpness.
    """
    x = units("adjust_sharpness", image)
    y = blended("adjust_sharpness", x, smoothed(x), factor)
    return restored(y, jnp.result_type(image))


def grayscale(image: Shaped[Array, "*batch h w c"]) -> Shaped[Array, "*batch h w c"]:
    """0.299 R + 0.587 G + 0.114 B in each of the channels.

    >>> grayscale(jnp.full((1, 1, 3), 0.5)).ravel().tolist()
    [0.5, 0.5, 0.5]

    ITU-R BT.601; PIL.ImageOps.grayscale.
    """
    x = units("grayscale", image)
    grey = jnp.broadcast_to(luma("grayscale", x), x.shape)
    return restored(grey, jnp.result_type(image))


def smoothed(x: Array) -> Array:
    """Means of 3 × 3 pixels, the one in the middle counted 5 times; edges as in x."""
    h, w = x.shape[-3:-1]
    if h < 3 or w < 3:
        return x
    rows = x[..., :-2, :, :] + x[..., 1:-1, :, :] + x[..., 2:, :, :]
    around = rows[..., :-2, :] + rows[..., 1:-1, :] + rows[..., 2:, :]
    inner = (around + (CENTRE - 1) * x[..., 1:-1, 1:-1, :]) / (CENTRE + 8)
    return x.at[..., 1:-1, 1:-1, :].set(inner)


def blended(who: str, x: Array, plain: Array, factor: Scalar) -> Array:
    """clip(plain + factor · (x − plain), 0, 1)."""
    _check.within(who, "factor", factor, 0, float("inf"))
    factor = jnp.asarray(factor, x.dtype)
    return jnp.clip(plain + factor * (x - plain), 0.0, 1.0)

"""Red, green and blue as grey, and as hue, saturation and value."""

import jax.numpy as jnp

from assay import _check, _numerics
from assay.typing import Array, Float

LUMA = (0.299, 0.587, 0.114)  # of ITU-R BT.601, as Pillow, OpenCV and torchvision


def rgb_to_grayscale(x: Float[Array, "*batch 3"]) -> Float[Array, "*batch 1"]:
    """y = 0.299·red + 0.587·green + 0.114·blue, one channel.

    >>> rgb_to_grayscale(jnp.array([[100.0, 0.0, 0.0], [1.0, 1.0, 1.0]])).ravel()
    Array([29.9,  1. ], dtype=float32)

    ITU-R Recommendation BT.601.
    """
    red, green, blue = _channels("rgb_to_grayscale", x)
    y = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    return _numerics.narrow(y[..., None], x)


def rgb_to_hsv(x: Float[Array, "*batch 3"]) -> Float[Array, "*batch 3"]:
    """value = max, saturation = (max − min) / max, hue = the place on the circle.

    The hue is in turns, 0 ≤ hue < 1, red at 0, green at ⅓ and blue at ⅔. Grey has hue
    and saturation 0, and finite derivatives.

    >>> rgb_to_hsv(jnp.array([0.0, 0.5, 0.0])).tolist()
    [0.3333333432674408, 1.0, 0.5]

    Smith 1978, Color gamut transform pairs, doi:10.1145/965139.807361.
    """
    red, green, blue = _channels("rgb_to_hsv", x)
    value = jnp.maximum(jnp.maximum(red, green), blue)
    chroma = value - jnp.minimum(jnp.minimum(red, green), blue)
    # Numbers beside zeros, so that no branch that is dropped has a slope of 0/0.
    spread, most = jnp.where(chroma == 0, 1, chroma), jnp.where(value == 0, 1, value)
    in_green, in_blue = (blue - red) / spread + 2, (red - green) / spread + 4
    sixths = jnp.where(value == green, in_green, in_blue)
    sixths = jnp.where(value == red, (green - blue) / spread, sixths)
    hue = jnp.where(sixths < 0, sixths + 6, sixths) / 6
    hue = jnp.where(hue < 1, hue, 0)  # a hair below 0 is rounded to a whole turn
    y = jnp.stack([hue, chroma / most, value], -1)
    return _numerics.narrow(y, x)


def hsv_to_rgb(x: Float[Array, "*batch 3"]) -> Float[Array, "*batch 3"]:
    """value · (1 − saturation · s), s = how far from the colour's third the hue is.

    The inverse of `rgb_to_hsv`; the hue is in turns, and goes round.

    >>> hsv_to_rgb(jnp.array([0.5, 1.0, 0.25])).tolist()
    [0.0, 0.25, 0.25]

    Smith 1978, Color gamut transform pairs, doi:10.1145/965139.807361.
    """
    hue, saturation, value = _channels("hsv_to_rgb", x)
    sixths = 6 * (hue - jnp.floor(hue))
    colours = []
    for place in (0, 2, 4):  # red, green, blue
        away = jnp.abs(sixths - place)
        away = jnp.minimum(away, 6 - away)  # 0 … 3 sixths round the circle
        missing = jnp.clip(away - 1, 0, 1)
        colours.append(value * (1 - saturation * missing))
    return _numerics.narrow(jnp.stack(colours, -1), x)


def _channels(who: str, x) -> tuple:
    """The three channels, in at least float32."""
    _check.floating(who, x=x)
    if jnp.shape(x)[-1:] != (3,):
        _check.fail(
            who, "x must have 3 channels (last axis)", f"x.shape={jnp.shape(x)}"
        )
    wide = _numerics.wide(x)
    return wide[..., 0], wide[..., 1], wide[..., 2]

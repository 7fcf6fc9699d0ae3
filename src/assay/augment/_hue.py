"""The hue turned round the circle of colours."""

import jax.numpy as jnp

from assay import _check
from assay.augment._pixels import restored, units
from assay.typing import Array, Scalar, Shaped


def adjust_hue(
    image: Shaped[Array, "*batch h w c"], turn: Scalar
) -> Shaped[Array, "*batch h w c"]:
    """RGB(H + turn, S, V) of each pixel's hue H, saturation S and value V.

    `turn` is a share of the full circle: ⅓ makes red green, and 1 changes nothing.
    Grey stays grey.

    >>> adjust_hue(jnp.array([[[1.0, 0.0, 0.0]]]), 0.5).ravel().tolist()
    [0.0, 1.0, 1.0]

    torchvision.transforms.functional.adjust_hue; Smith 1978, doi:10.1145/965139.807361.
    """
    x = units("adjust_hue", image)
    if x.shape[-1] != 3:
        _check.fail("adjust_hue", "image must have 3 channels", f"shape={x.shape}")
    value, chroma = jnp.max(x, -1), jnp.max(x, -1) - jnp.min(x, -1)
    hue = _sixths(x, value, chroma) + 6 * jnp.asarray(turn, x.dtype)
    # Red is 5 sixths of a turn from where its share is full, green 3, blue 1.
    at = [jnp.mod(hue + n, 6.0) for n in (5, 3, 1)]
    missing = [jnp.clip(jnp.minimum(k, 4 - k), 0.0, 1.0) for k in at]
    y = jnp.stack([value - chroma * m for m in missing], axis=-1)
    return restored(y, jnp.result_type(image))


def _sixths(x: Array, value: Array, chroma: Array) -> Array:
    """The hue in sixths of a turn, 0 of grey."""
    red, green, blue = x[..., 0], x[..., 1], x[..., 2]
    over = jnp.where(chroma == 0, 1, chroma)
    in_blue, in_green = (red - green) / over + 4, (blue - red) / over + 2
    in_red = (green - blue) / over
    return jnp.where(value == red, in_red, jnp.where(value == green, in_green, in_blue))

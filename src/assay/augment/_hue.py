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
    value = jnp.max(x, -1, keepdims=True)
    chroma = value - jnp.min(x, -1, keepdims=True)
    hue = _sixths(x, value, chroma) + 6 * jnp.asarray(turn, x.dtype)
    # Red is 5 sixths of a turn from where its share is full, green 3, blue 1.
    k = hue + jnp.broadcast_to(jnp.array([5, 3, 1], x.dtype), x.shape)
    # Not jnp.mod, which takes most of the time on CPU.
    k = k - 6 * jnp.floor(k / 6)
    y = value - chroma * jnp.clip(jnp.minimum(k, 4 - k), 0.0, 1.0)
    return restored(y, jnp.result_type(image))


def _sixths(x: Array, value: Array, chroma: Array) -> Array:
    """The hue in sixths of a turn, 0 of grey."""
    red, green, blue = (x[..., i : i + 1] for i in range(3))
    over = jnp.where(chroma == 0, 1, chroma)
    in_blue, in_green = (red - green) / over + 4, (blue - red) / over + 2
    in_red = (green - blue) / over
    return jnp.where(value == red, in_red, jnp.where(value == green, in_green, in_blue))

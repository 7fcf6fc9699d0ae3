"""The hue turned round the circle of colours."""

import jax.numpy as jnp

from assay import _check, images
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
    hsv = images.rgb_to_hsv(x)
    by = jnp.asarray(turn, x.dtype)
    by = jnp.stack([by, jnp.zeros_like(by), jnp.zeros_like(by)])
    y = images.hsv_to_rgb(hsv + jnp.broadcast_to(by, hsv.shape))
    return restored(y, jnp.result_type(image))

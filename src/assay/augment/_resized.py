"""A part of the image, drawn at random, at another size."""

import jax.numpy as jnp

from assay import _check
from assay.augment._pixels import restored, units
from assay.augment._rectangle import Rectangle, draw_rectangle
from assay.typing import Array, DType, Key, Scalar, Shaped


def random_resized_crop(
    image: Shaped[Array, "h w c"],
    size: int | tuple[int, int],
    *,
    key: Key,
    area: tuple[Scalar, Scalar] = (0.08, 1.0),
    ratio: tuple[Scalar, Scalar] = (3 / 4, 4 / 3),
) -> Shaped[Array, "*size c"]:
    """resize(image[top : top + h, left : left + w], size), the rectangle drawn.

    Its share of the image is uniform in `area`, its width over its height log-uniform
    in `ratio`; if none of ten draws fits, it is the largest part in the middle whose
    ratio is allowed. Resized linearly, with weights as wide as the pixels of the
    result (antialiased). Defaults: the paper's.

    >>> import jax
    >>> image = jnp.ones((8, 6, 3))
    >>> random_resized_crop(image, 4, key=jax.random.key(0)).shape
    (4, 4, 3)

    Szegedy et al. 2015, arXiv:1409.4842; torchvision.transforms.RandomResizedCrop.
    """
    x = units("random_resized_crop", image)
    rows, columns = (size, size) if isinstance(size, int) else size
    if min(rows, columns) < 1:
        _check.fail("random_resized_crop", "size must be at least 1", size)
    whole = x.shape[:2]
    box = draw_rectangle("random_resized_crop", key, whole, area, ratio)
    other = _middle(whole, ratio)
    top, left, height, width = (
        jnp.where(box.fits, drawn, least)
        for drawn, least in zip(box[:4], other[:4], strict=True)
    )
    down = _weights(rows, whole[0], top, height, x.dtype)
    across = _weights(columns, whole[1], left, width, x.dtype)
    y = jnp.einsum("ih,hwc->iwc", down, x, precision="highest")
    y = jnp.einsum("jw,iwc->ijc", across, y, precision="highest")
    return restored(y, jnp.result_type(image))


def _middle(size: tuple[int, ...], ratio: tuple[Scalar, Scalar]) -> Rectangle:
    """The largest rectangle in the middle whose width / height is in `ratio`."""
    narrow, wide = (jnp.asarray(r, jnp.float32) for r in ratio)
    whole = jnp.array(size, jnp.int32)
    most = jnp.stack([size[1] / narrow, size[0] * wide])
    extent = jnp.minimum(whole, jnp.round(most).astype(jnp.int32))
    top, left = (whole - extent) // 2
    return Rectangle(top, left, extent[0], extent[1], jnp.array(True))


def _weights(out: int, size: int, start: Array, length: Array, dtype: DType) -> Array:
    """(out, size): what of each pixel of start … start + length goes where."""
    scale = length.astype(dtype) / out
    at = jnp.arange(size, dtype=jnp.int32) - start
    centre = (jnp.arange(out, dtype=dtype) + 0.5) * scale
    off = at.astype(dtype)[None, :] + 0.5 - centre[:, None]
    weights = jnp.maximum(1 - jnp.abs(off) / jnp.maximum(scale, 1), 0)
    weights = jnp.where((at >= 0) & (at < length), weights, jnp.zeros_like(weights))
    return weights / jnp.sum(weights, 1, keepdims=True)

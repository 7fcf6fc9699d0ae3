"""A rectangle of the image hidden: random erasing, cutout."""

import jax
import jax.numpy as jnp

from assay import _check
from assay._numerics import random_bits
from assay.augment._pixels import LAYOUT, is_integer
from assay.augment._rectangle import draw_rectangle, inside
from assay.typing import Array, Key, Scalar, Shaped


def random_erasing(
    image: Shaped[Array, "h w c"],
    *,
    key: Key,
    probability: Scalar = 0.5,
    area: tuple[Scalar, Scalar] = (0.02, 0.4),
    ratio: tuple[Scalar, Scalar] = (0.3, 1 / 0.3),
    value: Scalar | None = 0.0,
) -> Shaped[Array, "h w c"]:
    """`value` in a random rectangle, in a share `probability` of the draws.

    The rectangle covers a share of the image uniform in `area`, its width over its
    height is log-uniform in `ratio`; ten draws of it are made, and if none fits the
    image stays. ``value=None`` takes noise from black to white. Defaults: the paper's.

    >>> image = jnp.ones((8, 8, 1))
    >>> y = random_erasing(image, key=jax.random.key(0), probability=1.0)
    >>> 1 <= int((y == 0).sum()) <= 26
    True

    Zhong et al. 2017, arXiv:1708.04896.
    """
    _check.rank_at_least("random_erasing", "image", image, 3, LAYOUT)
    _check.within("random_erasing", "probability", probability, 0, 1)
    image = jnp.asarray(image)
    of_chance, of_box, of_noise = jax.random.split(key, 3)
    chance = jax.random.uniform(of_chance, (), jnp.float32)
    size = image.shape[:2]
    box = draw_rectangle("random_erasing", of_box, size, area, ratio)
    hidden = inside(size, *box[:4])
    hidden &= box.fits & (chance < jnp.asarray(probability, jnp.float32))
    fill = _noise(of_noise, image) if value is None else _filled(value, image)
    return jnp.where(hidden, fill, image)


def cutout(
    image: Shaped[Array, "h w c"],
    size: int | tuple[int, int],
    *,
    key: Key,
    value: Scalar = 0.0,
) -> Shaped[Array, "h w c"]:
    """`value` in size × size pixels (or (h, w)) around one of the image's pixels.

    Every pixel is the centre as often; what lies outside the image is cut off, so
    that the part that is hidden is often smaller.

    >>> y = cutout(jnp.ones((5, 5, 1)), 3, key=jax.random.key(0))
    >>> int((y == 0).sum()) in (4, 6, 9)
    True

    DeVries and Taylor 2017, arXiv:1708.04552.
    """
    _check.rank_at_least("cutout", "image", image, 3, LAYOUT)
    image = jnp.asarray(image)
    h, w = (size, size) if isinstance(size, int) else size
    if min(h, w) < 0:
        _check.fail("cutout", "size must not be negative", size)
    high = jnp.array(image.shape[:2], jnp.int32)
    centre = jax.random.randint(key, (2,), jnp.zeros_like(high), high, jnp.int32)
    top, left = centre[0] - h // 2, centre[1] - w // 2
    hidden = inside(image.shape[:2], top, left, h, w)
    return jnp.where(hidden, _filled(value, image), image)


def _filled(value: Scalar, image: Array) -> Array:
    return jnp.broadcast_to(jnp.asarray(value, image.dtype), image.shape)


def _noise(key: Key, image: Array) -> Array:
    """Uniform from black to white."""
    if is_integer(image.dtype):
        bits = random_bits(key, image.shape)
        top = jnp.uint32(jnp.iinfo(image.dtype).max)
        return (bits & top).astype(image.dtype)
    return jax.random.uniform(key, image.shape, jnp.float32).astype(image.dtype)

"""Random flips, crops and shifts of one image (h, w, c): pure functions of a key.

For a batch: ``jax.vmap(lambda image, key: random_flip(image, key=key))(images, keys)``.
"""

import jax
import jax.numpy as jnp
from jax import lax

from assay import _check
from assay.typing import Array, Key, Shaped


def random_flip(
    image: Shaped[Array, "h w c"], *, key: Key, axis: int = 1
) -> Shaped[Array, "h w c"]:
    """image or its mirror image along `axis` (1: left and right), each with chance ½.

    >>> image = jnp.arange(3).reshape(1, 3, 1)
    >>> random_flip(image, key=jax.random.key(0)).ravel().tolist()
    [2, 1, 0]
    """
    _check.rank_at_least("random_flip", "image", image, 3, "(h, w, c)")
    image = jnp.asarray(image)
    # int32: the same draws with and without x64.
    turn = jax.random.randint(key, (), 0, 2, jnp.int32) == 1
    return jnp.where(turn, jnp.flip(image, axis), image)


def random_crop(
    image: Shaped[Array, "h w c"],
    size: int | tuple[int, int],
    *,
    key: Key,
    padding: int = 0,
) -> Shaped[Array, "*size c"]:
    """size × size (or `size` = (h, w)) cut out of the image, every place as likely.

    `padding` zeros are put around the image first.

    >>> image = jnp.arange(9).reshape(3, 3, 1)
    >>> random_crop(image, 2, key=jax.random.key(0))[..., 0].tolist()
    [[3, 4], [6, 7]]

    Krizhevsky et al. 2012, ImageNet classification with deep networks.
    """
    _check.rank_at_least("random_crop", "image", image, 3, "(h, w, c)")
    image = jnp.pad(
        jnp.asarray(image), ((padding, padding), (padding, padding), (0, 0))
    )
    h, w = (size, size) if isinstance(size, int) else size
    rows, columns, channels = image.shape
    if h > rows or w > columns:
        must = f"size must fit into the padded image {(rows, columns)}"
        _check.fail("random_crop", must, (h, w), "Raise padding.")
    high = jnp.array([rows - h + 1, columns - w + 1], jnp.int32)
    corner = jax.random.randint(key, (2,), jnp.zeros_like(high), high, jnp.int32)
    start = (corner[0], corner[1], jnp.zeros_like(corner[0]))
    return lax.dynamic_slice(image, start, (h, w, channels))


def random_shift(
    image: Shaped[Array, "h w c"], limit: int, *, key: Key
) -> Shaped[Array, "h w c"]:
    """image moved by −limit … limit pixels down and across, zeros moving in.

    >>> image = jnp.ones((1, 3, 1))
    >>> random_shift(image, 1, key=jax.random.key(0)).shape
    (1, 3, 1)
    """
    _check.rank_at_least("random_shift", "image", image, 3, "(h, w, c)")
    h, w, _ = jnp.shape(image)
    return random_crop(image, (h, w), key=key, padding=limit)

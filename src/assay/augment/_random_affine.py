"""The image turned, moved, zoomed and sheared by chance, read once."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.augment._pixels import LAYOUT
from assay.augment._warp import affine_matrix, warp_affine
from assay.typing import Array, Key, Scalar, Shaped


class _Limits(NamedTuple):
    """How far each of the four movements may go; as it stands, nowhere."""

    degrees: Scalar = 0.0
    translate: Scalar | tuple[Scalar, Scalar] = 0.0
    scale: tuple[Scalar, Scalar] = (1.0, 1.0)
    shear: Scalar = 0.0


def random_rotation(
    image: Shaped[Array, "h w c"],
    degrees: Scalar,
    *,
    key: Key,
    mode: str = "linear",
    padding_mode: str = "zeros",
) -> Shaped[Array, "h w c"]:
    """The image turned round its centre by an angle uniform in −degrees … degrees.

    `mode` and `padding_mode` as in `warp_affine`.

    >>> image = jnp.ones((5, 5, 1))
    >>> y = random_rotation(image, 45.0, key=jax.random.key(0))
    >>> y[2, 2].tolist(), bool(y[0, 0, 0] < 1)
    ([1.0], True)

    torchvision.transforms.RandomRotation.
    """
    matrix = _drawn("random_rotation", key, image, _Limits(degrees=degrees))
    return warp_affine(image, matrix, mode=mode, padding_mode=padding_mode)


def random_translation(
    image: Shaped[Array, "h w c"],
    translate: Scalar | tuple[Scalar, Scalar],
    *,
    key: Key,
    mode: str = "linear",
    padding_mode: str = "zeros",
) -> Shaped[Array, "h w c"]:
    """The image moved down and across by shares of its size, within ±translate.

    `translate` is one share for both, or (down, across); `random_shift` moves by whole
    pixels. `mode` and `padding_mode` as in `warp_affine`.

    >>> image = jnp.ones((4, 4, 1))
    >>> y = random_translation(image, 0.5, key=jax.random.key(0))
    >>> bool(4 <= y.sum() < 16)
    True

    keras.layers.RandomTranslation.
    """
    matrix = _drawn("random_translation", key, image, _Limits(translate=translate))
    return warp_affine(image, matrix, mode=mode, padding_mode=padding_mode)


def random_zoom(
    image: Shaped[Array, "h w c"],
    scale: tuple[Scalar, Scalar],
    *,
    key: Key,
    mode: str = "linear",
    padding_mode: str = "zeros",
) -> Shaped[Array, "h w c"]:
    """The image `s` times as large around its centre, s uniform in `scale`.

    Below 1 its surroundings come into sight. Nothing is smoothed before pixels are
    left out: `random_resized_crop` does. `mode` and `padding_mode` as in `warp_affine`.

    >>> image = jnp.ones((4, 4, 1))
    >>> random_zoom(image, (0.5, 0.5), key=jax.random.key(0))[..., 0].sum().tolist()
    4.0

    keras.layers.RandomZoom, torchvision.transforms.RandomAffine(scale=...).
    """
    matrix = _drawn("random_zoom", key, image, _Limits(scale=scale))
    return warp_affine(image, matrix, mode=mode, padding_mode=padding_mode)


def random_shear(
    image: Shaped[Array, "h w c"],
    shear: Scalar,
    *,
    key: Key,
    mode: str = "linear",
    padding_mode: str = "zeros",
) -> Shaped[Array, "h w c"]:
    """Columns leaning by an angle uniform in −shear … shear degrees, rows as they are.

    `mode` and `padding_mode` as in `warp_affine`.

    >>> image = jnp.ones((5, 5, 1))
    >>> y = random_shear(image, 45.0, key=jax.random.key(0))
    >>> y[2].ravel().tolist(), bool(y[0].sum() < 5)
    ([1.0, 1.0, 1.0, 1.0, 1.0], True)

    torchvision.transforms.RandomAffine(shear=...).
    """
    matrix = _drawn("random_shear", key, image, _Limits(shear=shear))
    return warp_affine(image, matrix, mode=mode, padding_mode=padding_mode)


def random_affine(
    image: Shaped[Array, "h w c"],
    *,
    key: Key,
    degrees: Scalar = 0.0,
    translate: Scalar | tuple[Scalar, Scalar] = 0.0,
    scale: tuple[Scalar, Scalar] = (1.0, 1.0),
    shear: Scalar = 0.0,
) -> Shaped[Array, "h w c"]:
    """The image sheared, zoomed, rotated and moved, in that order, read once.

    The angles of the rotation and the shear are uniform within ±degrees and ±shear,
    the movement in shares (down, across) of the size within ±translate, the factor in
    `scale`. Linear, with zeros outside; for more: `warp_affine`.

    >>> image = jnp.ones((5, 5, 1))
    >>> y = random_affine(image, key=jax.random.key(0), degrees=10.0, scale=(2.0, 3.0))
    >>> bool((y > 0.999).all())
    True

    torchvision.transforms.RandomAffine.
    """
    limits = _Limits(degrees, translate, scale, shear)
    return warp_affine(image, _drawn("random_affine", key, image, limits))


def _drawn(who: str, key: Key, image: Array, limits: _Limits) -> Array:
    """The matrix of one draw, in the dtype that the image is computed in."""
    _check.rank_at_least(who, "image", image, 3, LAYOUT)
    h, w, _ = jnp.shape(image)
    dtype = _numerics.wide(image).dtype
    move, scale = limits.translate, limits.scale
    down, across = move if isinstance(move, tuple) else (move, move)
    named = {"degrees": limits.degrees, "shear": limits.shear, "translate": down}
    for name, limit in named.items():
        _check.within(who, name, limit, 0, float("inf"))
    _check.within(who, "scale[0]", scale[0], 1e-3, float("inf"))
    # One draw for each number, so that a limit does not change the others'; float32,
    # the same with and without x64.
    draws = jax.random.uniform(key, (5,), jnp.float32, -1.0, 1.0).astype(dtype)
    sizes = (limits.degrees, limits.shear, across, down)
    turn, shear, right, below = (
        draw * jnp.asarray(size, dtype)
        for draw, size in zip(draws[:4], sizes, strict=True)
    )
    low, high = (jnp.asarray(s, dtype) for s in scale)
    return affine_matrix(
        turn * (math.pi / 180),
        jnp.stack([right * w, below * h]),
        low + (high - low) * (draws[4] + 1) / 2,
        shear * (math.pi / 180),
    )

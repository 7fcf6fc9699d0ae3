"""The image seen from another side, drawn by chance."""

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.augment._pixels import LAYOUT
from assay.augment._warp import warp_perspective
from assay.typing import Array, Key, Scalar, Shaped


def random_perspective(
    image: Shaped[Array, "h w c"],
    distortion_scale: Scalar = 0.5,
    *,
    key: Key,
    mode: str = "linear",
    padding_mode: str = "zeros",
) -> Shaped[Array, "h w c"]:
    """The image in a quadrilateral, each corner inward by ≤ distortion_scale / 2.

    Across and down by shares of the image's size that are uniform in 0 …
    distortion_scale / 2. Up to ⅔ the quadrilateral is convex; beyond, the image may
    fold. `mode` and `padding_mode` as in `warp_affine`; for a share of the draws:
    `random_apply`.

    >>> image = jnp.ones((6, 8, 1))
    >>> y = random_perspective(image, key=jax.random.key(0))
    >>> y[3, 4].tolist(), bool(y.sum() < 48)
    ([1.0], True)

    torchvision.transforms.RandomPerspective, whose corners are at whole pixels.
    """
    who = "random_perspective"
    _check.rank_at_least(who, "image", image, 3, LAYOUT)
    _check.within(who, "distortion_scale", distortion_scale, 0, 1)
    h, w, _ = jnp.shape(image)
    # float32: the same draws with and without x64.
    inward = jax.random.uniform(key, (4, 2), jnp.float32)
    inward = (inward * jnp.asarray(distortion_scale, jnp.float32)).astype(
        _numerics.wide(image).dtype
    )
    # In halves of the image: round it from the corner above on the left.
    corners = jnp.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], inward.dtype)
    half = jnp.array([w / 2, h / 2, 1.0], inward.dtype)
    matrix = _onto_the_square(corners * (1 - inward)) * half[:, None] / half[None, :]
    return warp_perspective(image, matrix, mode=mode, padding_mode=padding_mode)


def _onto_the_square(corners: Array) -> Array:
    """The matrix that takes these four corners to (∓1, ∓1), by Heckbert's formulas."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners
    sx, sy = ax - bx + cx - dx, ay - by + cy - dy
    size = (bx - cx) * (dy - cy) - (dx - cx) * (by - cy)
    g = (sx * (dy - cy) - (dx - cx) * sy) / size
    k = ((bx - cx) * sy - sx * (by - cy)) / size
    # The unit square to the corners: columns (1, 0), (0, 1) and the origin.
    first = jnp.stack([bx - ax + g * bx, by - ay + g * by, g])
    second = jnp.stack([dx - ax + k * dx, dy - ay + k * dy, k])
    third = jnp.stack([ax, ay, jnp.ones_like(ax)])
    # Its inverse, but for a factor, which places do not see: rows are cross products.
    back = jnp.stack(
        [jnp.cross(second, third), jnp.cross(third, first), jnp.cross(first, second)]
    )
    # From 0 … 1 to −1 … 1.
    matrix = jnp.stack([2 * back[0] - back[2], 2 * back[1] - back[2], back[2]])
    return matrix / matrix[2, 2]

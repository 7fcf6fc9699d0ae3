"""The image read at the places that a matrix names: turned, moved, zoomed, sheared."""

import jax.numpy as jnp

from assay import _check, images
from assay.augment._pixels import restored, units
from assay.typing import Array, Float, Shaped


def warp_affine(
    image: Shaped[Array, "h w c"],
    matrix: Float[Array, "2 3"],
    *,
    mode: str = "linear",
    padding_mode: str = "zeros",
) -> Shaped[Array, "h w c"]:
    """y[p] = x[A·p + b], p = (right, down) in pixels from the centre, matrix = [A | b].

    The matrix says where a pixel of the result is read, so it is the inverse of the
    movement that is seen. `mode` and `padding_mode` are those of `images.grid_sample`:
    "nearest", "linear" or "cubic", and outside "zeros", "border" or "reflection".

    >>> image = jnp.arange(3.0).reshape(1, 3, 1)
    >>> one_to_the_right = jnp.array([[1.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    >>> warp_affine(image, one_to_the_right).ravel().tolist()
    [0.0, 0.0, 1.0]

    OpenCV's warpAffine with WARP_INVERSE_MAP, from the centre.
    """
    x = units("warp_affine", image)
    _check.floating("warp_affine", matrix=matrix)
    if jnp.shape(matrix) != (2, 3):
        got = f"matrix.shape={jnp.shape(matrix)}"
        _check.fail("warp_affine", "matrix must have the shape (2, 3)", got)
    h, w = x.shape[:2]
    half = jnp.array([w / 2, h / 2, 1.0], x.dtype)
    # Grids run from -1 to 1: pixels are counted in halves of the image.
    theta = jnp.asarray(matrix, x.dtype) * half[None, :] / half[:2, None]
    grid = images.affine_grid(theta, (h, w))
    y = images.grid_sample(x, grid, mode=mode, padding_mode=padding_mode)
    return restored(y, jnp.result_type(image))


def affine_matrix(turn: Array, move: Array, scale: Array, shear: Array) -> Array:
    """[A | −A·move], A the inverse of: sheared, then zoomed, then turned.

    `turn` and `shear` are angles in radians, counter-clockwise as seen, `move` is
    (right, down) in pixels.
    """
    c, s, k = jnp.cos(turn), jnp.sin(turn), jnp.tan(shear)
    rows = jnp.stack([c - k * s, -s - k * c, s, c]) / scale
    a = rows.reshape(2, 2)
    # Not a @ move, which accelerators round to half precision.
    return jnp.concatenate([a, -(a * move[None, :]).sum(1, keepdims=True)], axis=1)

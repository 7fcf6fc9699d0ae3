"""The image read at the places that a matrix names: turned, moved, zoomed, tilted."""

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
    matrix = _known("warp_affine", matrix, x, (2, 3))
    grid = images.affine_grid(matrix / _half(x)[:2, None], x.shape[:2])
    y = images.grid_sample(x, grid, mode=mode, padding_mode=padding_mode)
    return restored(y, jnp.result_type(image))


def warp_perspective(
    image: Shaped[Array, "h w c"],
    matrix: Float[Array, "3 3"],
    *,
    mode: str = "linear",
    padding_mode: str = "zeros",
) -> Shaped[Array, "h w c"]:
    """y[p] = x[(q₁, q₂) / q₃], q = matrix · (right, down, 1), p from the centre.

    As `warp_affine`, whose matrix with the row (0, 0, 1) below means the same here; a
    multiple of the matrix is the same matrix.

    >>> image = jnp.arange(3.0).reshape(1, 3, 1)
    >>> half_as_large = jnp.diag(jnp.array([1.0, 1.0, 0.5]))
    >>> warp_perspective(image, half_as_large).ravel().tolist()
    [0.0, 1.0, 0.0]

    OpenCV's warpPerspective with WARP_INVERSE_MAP, from the centre.
    """
    x = units("warp_perspective", image)
    matrix = _known("warp_perspective", matrix, x, (3, 3))
    places = images.affine_grid(matrix[:2] / _half(x)[:2, None], x.shape[:2])
    far = images.affine_grid(jnp.stack([matrix[2]] * 2), x.shape[:2])
    # On the horizon far outside, rather than 0/0.
    grid = places / jnp.where(far == 0, jnp.finfo(far.dtype).eps, far)
    y = images.grid_sample(x, grid, mode=mode, padding_mode=padding_mode)
    return restored(y, jnp.result_type(image))


def _known(who: str, matrix: Array, x: Array, shape: tuple[int, int]) -> Array:
    """The matrix of places that are counted in halves of the image, as grids are."""
    _check.floating(who, matrix=matrix)
    if jnp.shape(matrix) != shape:
        got = f"matrix.shape={jnp.shape(matrix)}"
        _check.fail(who, f"matrix must have the shape {shape}", got)
    return jnp.asarray(matrix, x.dtype) * _half(x)[None, :]


def _half(x: Array) -> Array:
    """(w / 2, h / 2, 1): what −1 … 1 of a grid is in pixels."""
    h, w = x.shape[:2]
    return jnp.array([w / 2, h / 2, 1.0], x.dtype)


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

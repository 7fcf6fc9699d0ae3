"""Filters that are a product of one row of weights for each axis."""

from collections.abc import Sequence
from functools import reduce

import jax.numpy as jnp
from jax import lax

from assay import _check, _geometry, _numerics
from assay.images._pad import pad
from assay.typing import Array, Float, Scalar


def gaussian_blur(
    x: Float[Array, "*batch_and_space c"],
    size: int | Sequence[int],
    sigma: Scalar,
    *,
    mode: str = "reflect",
    spatial: int = 2,
) -> Float[Array, "*batch_and_space c"]:
    """y[i] = Σₖ g[k] · x[i + k], g[k] = exp(−k² / (2 sigma²)) / Σ, axis by axis.

    `size`, the number of weights, is odd: one for all `spatial` axes, or one for each.
    `sigma` > 0 is in pixels, and may be traced. `mode` is what `pad` puts around x.

    >>> gaussian_blur(jnp.eye(3)[:, :1], 3, 1.0, spatial=1).ravel()
    Array([0.45186275, 0.27406862, 0.        ], dtype=float32)

    As torchvision's gaussian_blur.
    """
    who = "gaussian_blur"
    d = spatial if isinstance(size, int) else len(size)
    sizes = _geometry.per_axis(who, "size", size, d)
    if not all(k % 2 for k in sizes):
        _check.fail(who, "size must be odd", sizes)
    if isinstance(sigma, int | float) and not sigma > 0:
        _check.fail(who, "sigma must be > 0", sigma)
    _check.floating(who, x=x)
    around = [(k // 2, k // 2) for k in sizes]
    _check.rank_at_least(who, "x", x, d + 1, f"(*batch, {d} spatial, channels)")
    y = pad(_numerics.wide(x), around, mode=mode)
    for axis, k in enumerate(sizes, -d - 1):
        steps = (jnp.arange(k) - k // 2).astype(y.dtype)
        z = -jnp.square(steps / jnp.asarray(sigma, y.dtype)) / 2
        weights = jnp.exp(z)
        y = _filtered(y, axis, list(weights / weights.sum()))
    return _numerics.narrow(y, x)


def sobel_edges(
    x: Float[Array, "*batch h w c"], *, mode: str = "reflect"
) -> Float[Array, "*batch h w c 2"]:
    """(dy, dx): x[i + 1] − x[i − 1] along one axis, the other smoothed by (1, 2, 1).

    8 times the slope of a plane per pixel. `mode` is what `pad` puts around x.

    >>> slope = sobel_edges(jnp.arange(9.0).reshape(3, 3, 1))[1, 1, 0]
    >>> slope.tolist()
    [24.0, 8.0]

    Sobel and Feldman 1968, A 3x3 isotropic gradient operator for image processing.
    """
    _check.floating("sobel_edges", x=x)
    _check.rank_at_least("sobel_edges", "x", x, 3, "(*batch, height, width, channels)")
    y = pad(_numerics.wide(x), 1, mode=mode)
    smooth, slope = [1, 2, 1], [-1, 0, 1]
    down = _filtered(_filtered(y, -3, slope), -2, smooth)
    across = _filtered(_filtered(y, -2, slope), -3, smooth)
    return _numerics.narrow(jnp.stack([down, across], -1), x)


def _filtered(x, axis: int, weights: list):
    """Σₖ weights[k] · x[i + k] along the axis, where all of them see x."""
    out = x.shape[axis] - len(weights) + 1
    terms = [
        w * lax.slice_in_dim(x, k, k + out, axis=axis) for k, w in enumerate(weights)
    ]
    return reduce(jnp.add, terms)

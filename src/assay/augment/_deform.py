"""The image blurred or bent by chance."""

import math

import jax
import jax.numpy as jnp

from assay import _check, images
from assay.augment._pixels import restored, units
from assay.typing import Array, Key, Scalar, Shaped


def random_gaussian_blur(
    image: Shaped[Array, "h w c"],
    size: int | tuple[int, int],
    *,
    key: Key,
    sigma: tuple[Scalar, Scalar] = (0.1, 2.0),
) -> Shaped[Array, "h w c"]:
    """gaussian_blur(image, size, s), s uniform in `sigma`, in pixels.

    `size`, the odd number of weights, is one for both axes or (h, w).

    >>> image = jnp.eye(5)[:, :, None]
    >>> y = random_gaussian_blur(image, 3, key=jax.random.key(0))
    >>> y.shape, bool(y[2, 2, 0] < 1)
    ((5, 5, 1), True)

    torchvision.transforms.GaussianBlur.
    """
    x = units("random_gaussian_blur", image)
    low, high = (jnp.asarray(s, jnp.float32) for s in sigma)
    _check.within("random_gaussian_blur", "sigma[0]", sigma[0], 1e-3, float("inf"))
    share = jax.random.uniform(key, (), jnp.float32)
    y = images.gaussian_blur(x, size, (low + (high - low) * share).astype(x.dtype))
    return restored(y, jnp.result_type(image))


def random_elastic(
    image: Shaped[Array, "h w c"],
    *,
    key: Key,
    alpha: Scalar = 34.0,
    sigma: float = 4.0,
    mode: str = "linear",
    padding_mode: str = "zeros",
) -> Shaped[Array, "h w c"]:
    """y[p] = x[p + alpha · d(p)], d uniform in −1 … 1 and smoothed by a Gaussian.

    `alpha` and the Gaussian's width `sigma` are in pixels; the defaults are the
    paper's for digits of 29 × 29, which move their pixels by 1.4 along each axis (root
    mean square). `mode` and `padding_mode` as in `warp_affine`.

    >>> image = jnp.ones((7, 7, 1))
    >>> bool(random_elastic(image, key=jax.random.key(0), sigma=1.0)[3, 3, 0] > 0)
    True

    Simard et al. 2003, doi:10.1109/ICDAR.2003.1227801.
    """
    x = units("random_elastic", image)
    _check.within("random_elastic", "sigma", sigma, 1e-3, float("inf"))
    h, w, _ = x.shape
    noise = jax.random.uniform(key, (h, w, 2), jnp.float32, -1.0, 1.0)
    reach = 2 * math.ceil(4 * sigma) + 1
    smooth = images.gaussian_blur(noise.astype(x.dtype), reach, sigma, mode="constant")
    # Grids run from -1 to 1: one pixel is 2 of the size.
    pixel = jnp.array([2 / w, 2 / h], x.dtype) * jnp.asarray(alpha, x.dtype)
    grid = images.affine_grid(jnp.eye(2, 3, dtype=x.dtype), (h, w))
    grid += smooth * jnp.broadcast_to(pixel, grid.shape)
    y = images.grid_sample(x, grid, mode=mode, padding_mode=padding_mode)
    return restored(y, jnp.result_type(image))

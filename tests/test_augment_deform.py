"""Blurring and bending: bytes, limits, directions, errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import augment, images

IMAGE = np.random.default_rng(0).random((9, 8, 2)).astype(np.float32)


def test_a_width_without_choice_is_the_blur(key):
    """sigma=(s, s) is gaussian_blur with s, of bytes rounded once."""
    expected = images.gaussian_blur(jnp.asarray(IMAGE), (3, 5), 1.5)
    blur = lambda x: augment.random_gaussian_blur(x, (3, 5), key=key, sigma=(1.5, 1.5))  # noqa: E731
    np.testing.assert_allclose(jax.jit(blur)(IMAGE), expected, atol=1e-6)
    image = np.round(IMAGE * 255).astype(np.uint8)
    expected = images.gaussian_blur(jnp.asarray(image, jnp.float32), (3, 5), 1.5)
    got = jax.jit(blur)(image)
    assert got.dtype == jnp.uint8
    assert np.abs(np.asarray(got) - np.asarray(expected)).max() < 0.51


def test_nothing_bends_without_alpha(key):
    """alpha=0 gives the image, and alpha may be swept."""
    bend = lambda a: augment.random_elastic(IMAGE, key=key, alpha=a, sigma=1.0)  # noqa: E731
    got = jax.jit(jax.vmap(bend))(jnp.array([0.0, 1.0, 8.0]))
    np.testing.assert_allclose(got[0], IMAGE, atol=1e-5)
    off = np.abs(got - IMAGE[None]).mean((1, 2, 3))
    assert off[0] < off[1] < off[2]


def test_a_wide_bend_moves_neighbours_together(key):
    """On a ramp neighbours differ by about one where sigma is large."""
    ramp = np.mgrid[:24, :20][1][..., None].astype(np.float32)
    inner = (slice(8, 16), slice(8, 12))
    bend = lambda a, s: augment.random_elastic(ramp, key=key, alpha=a, sigma=s)  # noqa: E731
    both = jax.jit(lambda: (bend(1.5, 0.3), bend(6.0, 2.0)))()
    wild, smooth = (np.diff(x[inner], axis=1) for x in both)
    assert np.abs(smooth - 1).max() < 0.5 < np.abs(wild - 1).max()


def test_errors(key):
    """Widths that are not positive, sizes that are even, ranks."""
    with pytest.raises(ValueError, match=r"random_elastic: sigma must be in"):
        augment.random_elastic(IMAGE, key=key, sigma=0.0)
    with pytest.raises(
        ValueError, match=r"random_gaussian_blur: sigma\[0\] must be in"
    ):
        augment.random_gaussian_blur(IMAGE, 3, key=key, sigma=(0.0, 1.0))
    with pytest.raises(ValueError, match="size must be odd"):
        augment.random_gaussian_blur(IMAGE, 4, key=key)
    with pytest.raises(ValueError, match="random_elastic: image must have at least 3"):
        augment.random_elastic(IMAGE[0], key=key)

"""What is special to filters and colours: peers' numbers, grey, the circle's ends."""

import colorsys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from assay import images

# pad's names, and SciPy's.
BORDERS = {
    "constant": "constant",
    "reflect": "mirror",
    "symmetric": "reflect",
    "replicate": "nearest",
    "circular": "wrap",
}


@pytest.mark.parametrize("mode", BORDERS)
def test_blurred_images_equal_scipys(mode):
    """For every border, the window cut where SciPy cuts it."""
    x = np.random.default_rng(0).normal(size=(7, 8))
    with jax.enable_x64(True):
        blur = jax.jit(lambda x: images.gaussian_blur(x[..., None], 7, 1.5, mode=mode))
        ours = blur(jnp.asarray(x))[..., 0]
    theirs = scipy.ndimage.gaussian_filter(x, 1.5, mode=BORDERS[mode], truncate=2)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_edges_equal_scipys():
    x = np.random.default_rng(0).normal(size=(6, 7))
    with jax.enable_x64(True):
        ours = np.asarray(images.sobel_edges(jnp.asarray(x)[..., None]))[..., 0, :]
    theirs = [scipy.ndimage.sobel(x, axis, mode="mirror") for axis in (0, 1)]
    np.testing.assert_allclose(ours, np.stack(theirs, -1), atol=1e-12)


def test_a_blur_keeps_the_mean_of_a_circle_and_may_be_learned():
    """The sum stays where nothing leaves; sigma is traced; more is smoother."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(16, 1)), jnp.float32)

    @jax.jit
    @jax.value_and_grad
    def rough(sigma):
        y = images.gaussian_blur(x, 5, sigma, mode="circular", spatial=1)
        return jnp.square(y - y.mean()).sum()

    blurred = images.gaussian_blur(x, (5,), 1.0, mode="circular")
    np.testing.assert_allclose(blurred.sum(), x.sum(), rtol=1e-5)
    value, slope = rough(1.0)
    assert 0 < value < jnp.square(x - x.mean()).sum() and slope < 0


def test_half_precision_is_filtered_in_float32():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(5, 6, 3)), jnp.bfloat16)
    for f in (lambda x: images.gaussian_blur(x, 3, 1.0), images.sobel_edges):
        wide = f(x.astype(jnp.float32)).astype(jnp.bfloat16)
        assert np.array_equal(f(x), wide)


CORNERS = np.array(list(np.ndindex(3, 3, 3)), np.float32) / 2


def test_every_corner_of_the_colours_is_known():
    """Black, white, grey, the pure colours and their mixtures, there and back."""
    hsv = images.rgb_to_hsv(jnp.asarray(CORNERS))
    expected = [colorsys.rgb_to_hsv(*map(float, pixel)) for pixel in CORNERS]
    np.testing.assert_allclose(hsv, expected, atol=1e-7)
    np.testing.assert_allclose(images.hsv_to_rgb(hsv), CORNERS, atol=2e-7)


def test_grey_has_finite_derivatives_of_both_orders():
    def total(pixel):
        return images.rgb_to_hsv(pixel).sum()

    @jax.jit
    @jax.vmap
    def slopes(pixel):
        return jax.grad(total)(pixel), jax.hessian(total)(pixel)

    for slope in slopes(jnp.array([[0.0] * 3, [0.5] * 3, [1.0] * 3])):
        assert np.isfinite(slope).all()


def test_the_hue_stays_below_a_whole_turn_and_goes_round():
    """Blue a hair above green is almost all the way round, but not 1."""
    hue = images.rgb_to_hsv(jnp.array([1.0, 0.0, 1e-12]))[0]
    assert 0 <= hue < 1
    turned = jnp.array([[0.3, 0.5, 0.7], [1.3, 0.5, 0.7], [-0.7, 0.5, 0.7]])
    rgb = images.hsv_to_rgb(turned)
    np.testing.assert_allclose(rgb, np.broadcast_to(rgb[0], (3, 3)), atol=1e-6)


def test_white_is_white_in_grey():
    """The weights sum to one."""
    assert images.rgb_to_grayscale(jnp.ones((2, 3))).tolist() == [[1.0], [1.0]]


X = jnp.ones((4, 5, 2))
FAULTS = [
    (lambda: images.gaussian_blur(X, 4, 1.0), "size must be odd"),
    (lambda: images.gaussian_blur(X, 3, 0.0), "sigma must be > 0"),
    (lambda: images.gaussian_blur(X, 9, 1.0), "padding must be at most 3 of 4"),
    (lambda: images.gaussian_blur(X, (3, 3, 3), 1.0), "must have at least 4 axes"),
    (lambda: images.sobel_edges(X[0]), "must have at least 3 axes"),
    (lambda: images.rgb_to_hsv(X), "x must have 3 channels"),
]


@pytest.mark.parametrize("call, sentence", FAULTS, ids=[s for _, s in FAULTS])
def test_what_does_not_fit_says_so(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()

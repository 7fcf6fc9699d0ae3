"""What is special to resizing: locality, dtypes, identities."""

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import images

KINDS = [
    ("nearest", False, False),
    ("nearest_exact", False, False),
    ("area", False, False),
    *product(("linear", "cubic", "lanczos"), (False, True), (False, True)),
]


def how(kind):
    return dict(zip(("mode", "align_corners", "antialias"), kind, strict=True))


def test_lanczos_is_jax_images(key):
    """With and without antialias, up and down."""
    x = jax.random.normal(key, (2, 9, 5, 3))
    for antialias in (False, True):
        resize = partial(images.interpolate, mode="lanczos", antialias=antialias)
        ours = jax.jit(lambda x, f=resize: f(x, (4, 11)))(x)
        theirs = jax.image.resize(
            x, (2, 4, 11, 3), "lanczos3", antialias=antialias, precision="highest"
        )
        np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_the_same_size_is_the_same_image(key):
    x = jax.random.normal(key, (6, 7, 2))
    for kind in KINDS:
        assert np.array_equal(images.interpolate(x, (6, 7), **how(kind)), x), kind


@pytest.mark.parametrize("size", [(16,), (1,)])
def test_a_pixel_reaches_only_what_sees_it(size):
    """NaN in pixel 0 is NaN in the first outputs alone, however many taps there are."""
    x = jnp.zeros((640, 1)).at[0].set(jnp.nan)
    y = images.interpolate(x, size, mode="linear", antialias=True).ravel()
    assert np.isnan(y).tolist() == [True] + [False] * (size[0] - 1)


def test_many_taps_give_the_plain_sum_and_its_second_derivative():
    """80 pixels to 2 by the mean, there and back."""
    x = jnp.linspace(0.0, 1.0, 80)[:, None]
    mean = lambda x: images.interpolate(x, (2,), mode="area")  # noqa: E731
    bend = jax.jvp(jax.grad(lambda x: (mean(x) ** 3).sum()), (x,), (x,))[1]
    halves = x.reshape(2, 40)
    np.testing.assert_allclose(mean(x).ravel(), halves.mean(1), rtol=1e-6)
    expected = np.repeat(6 * np.square(halves.mean(1)) / 40, 40)[:, None]
    np.testing.assert_allclose(bend, expected, rtol=1e-5)


def test_nearest_keeps_every_dtype():
    for x in (jnp.array([[1], [200]], jnp.uint8), jnp.array([[True], [False]])):
        y = images.interpolate(x, (4,))
        assert y.dtype == x.dtype and y.ravel().tolist() == x[:, 0].repeat(2).tolist()


def test_half_precision_is_resized_in_float32(key):
    x = jax.random.normal(key, (5, 6, 3), jnp.bfloat16)
    wide = images.interpolate(x.astype(jnp.float32), (8, 3), mode="cubic")
    ours = images.interpolate(x, (8, 3), mode="cubic")
    assert np.array_equal(ours, wide.astype(jnp.bfloat16))


def test_what_cannot_be_resized_says_so():
    x = jnp.ones((2, 4, 5, 3))
    with pytest.raises(ValueError, match="interpolate: size must have"):
        images.interpolate(x, (0, 3))
    with pytest.raises(ValueError, match="not empty"):
        images.interpolate(x[:, :0], (2, 3))
    with pytest.raises(ValueError, match="Did you mean 'linear'"):
        images.interpolate(x, (2, 3), mode="bilinear")
    with pytest.raises(ValueError, match="need mode linear, cubic, lanczos"):
        images.interpolate(x, (2, 3), antialias=True)
    with pytest.raises(TypeError, match="x must be floating point"):
        images.interpolate(x.astype(jnp.int32), (2, 3), mode="linear")

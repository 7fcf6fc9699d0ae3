"""What is special to padding, patches and shuffles: inverses, sums, errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import images, layers


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_unfolded_windows_times_a_kernel_are_a_convolution(key):
    x = jax.random.normal(key, (2, 6, 7, 3))
    kernel = jax.random.normal(key, (3, 2, 3, 4))
    how = dict(strides=(2, 1), padding="SAME")

    @jax.jit
    def both(x, kernel):
        seen = images.unfold(x, (3, 2), **how)
        return seen @ kernel.reshape(18, 4), layers.conv(x, kernel, **how)

    np.testing.assert_allclose(*both(x, kernel), atol=1e-5)


def test_shuffles_and_paddings_are_undone():
    x = jnp.asarray(drawn(2, 4, 6, 5, 8), jnp.float32)
    shuffled = images.pixel_shuffle(x, 2, spatial=3)
    assert shuffled.shape == (2, 8, 12, 10, 1)
    assert np.array_equal(images.pixel_unshuffle(shuffled, 2, spatial=3), x)
    wide = images.pad(x, ((1, 2), (0, 3), (2, 2)), mode="symmetric")
    assert np.array_equal(images.crop(wide, ((1, 2), (0, 3), (2, 2))), x)
    back = images.channel_shuffle(images.channel_shuffle(x, 2), 4)
    assert np.array_equal(back, x)


def test_a_fold_over_its_count_is_the_image():
    """Overlapping windows: each pixel's sum over how often it was seen."""
    x, how = jnp.asarray(drawn(7, 6, 2), jnp.float32), dict(strides=2, padding="SAME")
    summed, count = (
        images.fold(images.unfold(a, (3, 3), **how), (7, 6), (3, 3), **how)
        for a in (x, jnp.ones_like(x))
    )
    np.testing.assert_allclose(summed / count, x, rtol=1e-6)


def test_half_precision_is_summed_in_float32():
    """256 and eight ones: the next number that bfloat16 has is 258."""
    y = jnp.ones((9, 9), jnp.bfloat16).at[8, 0].set(256)
    x = images.fold(y, (17,), (9,))
    assert x.dtype == jnp.bfloat16
    assert x[8, 0] == 264


def test_empty_batches_pass():
    x = jnp.ones((0, 4, 6, 8))
    assert images.pad(x, 1, mode="reflect").shape == (0, 6, 8, 8)
    assert images.pixel_shuffle(x, 2).shape == (0, 8, 12, 2)
    assert images.pixel_unshuffle(x, 2).shape == (0, 2, 3, 32)
    patches = images.unfold(x, (2, 2))
    assert patches.shape == (0, 3, 5, 32)
    assert images.fold(patches, (4, 6), (2, 2)).shape == x.shape


X = jnp.ones((2, 4, 5, 6))
FAULTS = [
    (lambda: images.pad(X, 4, mode="reflect"), "at most 3 of 4 pixels"),
    (lambda: images.pad(X, 5, mode="circular"), "at most 4 of 4 pixels"),
    (lambda: images.pad(X[:, :0], 1, mode="replicate"), "at most 0 of 0"),
    (lambda: images.pad(X, -1), "padding must be a number >= 0"),
    (lambda: images.pad(X, 1, mode="wrap"), "mode must be one of circular"),
    (lambda: images.crop(X, ((2, 3), (0, 0))), "must fit into the sizes"),
    (lambda: images.center_crop(X, (3, 6)), "must fit into the sizes"),
    (lambda: images.pixel_shuffle(X, 2), "must divide the channels"),
    (lambda: images.pixel_unshuffle(X, 2), "must divide every spatial size"),
    (lambda: images.channel_shuffle(X, 4), "must divide the channels"),
    (lambda: images.unfold(X, (5, 5)), "must fit into the padded input"),
    (lambda: images.fold(X, (4, 5), (2, 2)), "y must be .*3, 4.* 4 · channels"),
    (lambda: images.fold(X, (4,), (2, 2)), "one for each spatial axis"),
]


@pytest.mark.parametrize("call, sentence", FAULTS, ids=[s for _, s in FAULTS])
def test_what_does_not_fit_says_so(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()

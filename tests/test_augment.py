"""Augmentation: what its properties do not say (the laws and mirrors say the rest)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import augment

IMAGE = np.arange(5 * 4 * 3, dtype=np.float32).reshape(5, 4, 3)


def test_flip_along_either_axis(key):
    """axis=0 turns the image upside down in half of the draws."""
    keys = jax.random.split(key, 200)
    flipped = jax.vmap(lambda k: augment.random_flip(IMAGE, key=k, axis=0))(keys)
    upside_down = (np.asarray(flipped) == IMAGE[::-1]).all((1, 2, 3))
    upright = (np.asarray(flipped) == IMAGE).all((1, 2, 3))
    assert (upside_down ^ upright).all()
    assert 60 < upside_down.sum() < 140


def test_one_key_one_result_for_a_batch(key):
    """A vmapped batch with one key an image repeats, and its images differ."""
    images = jnp.stack([jnp.asarray(IMAGE)] * 6)
    keys = jax.random.split(key, 6)
    shift = jax.jit(jax.vmap(lambda x, k: augment.random_shift(x, 2, key=k)))
    first, again = shift(images, keys), shift(images, keys)
    assert (first == again).all()
    assert len({a.tobytes() for a in np.asarray(first)}) > 1


def test_crop_of_a_rectangle_with_padding(key):
    """size may be (h, w), larger than the image if padding makes room."""
    crop = augment.random_crop(IMAGE, (7, 2), key=key, padding=1)
    assert crop.shape == (7, 2, 3)
    assert (crop[0] == 0).all() and (crop[-1] == 0).all()


def test_crop_that_does_not_fit(key):
    """A crop larger than the padded image names both sizes."""
    with pytest.raises(ValueError, match=r"random_crop: size must fit .*\(5, 4\)"):
        augment.random_crop(IMAGE, 6, key=key)


def test_integer_images_stay_integers(key):
    """Bytes are moved, not converted."""
    image = IMAGE.astype(np.uint8)
    assert augment.random_shift(image, 1, key=key).dtype == jnp.uint8
    assert augment.random_flip(image, key=key).dtype == jnp.uint8

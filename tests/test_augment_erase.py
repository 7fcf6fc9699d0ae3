"""Erasing: chances of 0 and 1, fills, bytes, rectangles that fit nowhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import augment

IMAGE = np.ones((6, 5, 2), np.float32)


@pytest.mark.parametrize(("probability", "erased"), [(0.0, 0), (1.0, 50)])
def test_never_and_always(key, probability, erased):
    """With chance 0 no image of fifty changes, with chance 1 every one."""
    keys = jax.random.split(key, 50)
    erase = lambda k: augment.random_erasing(IMAGE, key=k, probability=probability)  # noqa: E731
    found = jax.jit(jax.vmap(erase))(keys)
    assert (np.asarray(found) == 0).any((1, 2, 3)).sum() == erased


def test_what_fits_nowhere_erases_nothing(key):
    """A rectangle as large as the image and three times as wide leaves it whole."""
    shape = {"area": (1.0, 1.0), "ratio": (3.0, 3.0), "probability": 1.0}
    assert (augment.random_erasing(IMAGE, key=key, **shape) == 1).all()


def test_the_fill_is_a_number_or_noise(key):
    """value fills the rectangle; None draws every entry by itself, of bytes too."""
    whole = {"area": (1.0, 1.0), "ratio": (5 / 6, 5 / 6), "probability": 1.0}
    filled = augment.random_erasing(IMAGE, key=key, value=0.5, **whole)
    assert (filled == 0.5).all()
    image = np.full((40, 40, 3), 7, np.uint8)
    whole["ratio"] = (1.0, 1.0)
    noise = augment.random_erasing(image, key=key, value=None, **whole)
    assert noise.dtype == jnp.uint8
    assert len(np.unique(noise)) > 240
    assert abs(np.asarray(noise).mean() - 127.5) < 5


def test_the_erased_share_is_that_of_the_area(key):
    """The mean of the erased shares is the middle of the range, rounding aside."""
    image, keys = jnp.ones((32, 32, 1)), jax.random.split(key, 400)
    sizes = {"area": (0.1, 0.3), "ratio": (0.5, 2.0), "probability": 1.0}
    erase = lambda k: 1 - augment.random_erasing(image, key=k, **sizes)  # noqa: E731
    share = np.asarray(jax.jit(jax.vmap(erase))(keys)).mean((1, 2, 3))
    assert 0.09 < share.min() < 0.12 < 0.28 < share.max() < 0.32
    assert abs(share.mean() - 0.2) < 0.01


def test_cutout_is_cut_at_the_border_only(key):
    """A rectangle in the middle is whole, one at the border a part of it."""
    keys = jax.random.split(key, 300)
    cut = lambda k: augment.cutout(jnp.ones((7, 7, 1)), (3, 5), key=k)  # noqa: E731
    hidden = (np.asarray(jax.jit(jax.vmap(cut))(keys)) == 0)[..., 0]
    assert hidden.any((1, 2)).all()
    assert hidden.any(2).sum(1).max() == 3
    assert hidden.any(1).sum(1).max() == 5
    inside = ~hidden[:, [0, -1]].any((1, 2)) & ~hidden[:, :, [0, -1]].any((1, 2))
    assert inside.any()
    assert (hidden[inside].sum((1, 2)) == 15).all()


def test_errors(key):
    """Chances, areas and sizes that cannot be."""
    with pytest.raises(ValueError, match=r"probability must be in \[0, 1\]; got 2"):
        augment.random_erasing(IMAGE, key=key, probability=2.0)
    with pytest.raises(ValueError, match=r"area\[1\] must be in \[0, 1\]; got 40"):
        augment.random_erasing(IMAGE, key=key, area=(0.02, 40))
    with pytest.raises(ValueError, match="cutout: size must not be negative; got -2"):
        augment.cutout(IMAGE, -2, key=key)
    with pytest.raises(ValueError, match="cutout: image must have at least 3 axes"):
        augment.cutout(IMAGE[0], 2, key=key)

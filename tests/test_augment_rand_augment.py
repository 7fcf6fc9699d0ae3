"""RandAugment: how many changes, how strong, of bytes, under vmap and map."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import augment

BYTES = np.random.default_rng(0).integers(0, 256, (6, 5, 3)).astype(np.uint8)
IMAGE = BYTES.astype(np.float32) / 255


def test_no_change_is_the_image(key):
    """count=0 gives back the image."""
    assert (augment.rand_augment(IMAGE, key=key, count=0) == IMAGE).all()


def test_without_strength_only_contrast_and_levels_change(key):
    """Of magnitude 0 bytes stay, but for auto-contrast and equalize, one draw in 7."""
    keys = jax.random.split(key, 140)
    change = lambda k: augment.rand_augment(BYTES, key=k, count=1, magnitude=0.0)  # noqa: E731
    got = np.asarray(jax.jit(jax.vmap(change))(keys))
    assert got.dtype == np.uint8
    stretched = np.asarray(augment.auto_contrast(BYTES))
    known = [(got == x).all((1, 2, 3)) for x in (BYTES, stretched)]
    assert (known[0] | known[1]).all()
    assert 0.8 < known[0].mean() < 1


def test_more_changes_and_more_strength_go_further(key):
    """The mean distance from the image grows with either; strength may be swept."""
    keys = jax.random.split(key, 60)

    def off(magnitude, count):
        change = lambda k: augment.rand_augment(  # noqa: E731
            IMAGE, key=k, count=count, magnitude=magnitude
        )
        return jnp.abs(jax.vmap(change)(keys) - IMAGE[None]).mean()

    one, two = (
        jax.jit(jax.vmap(lambda m, n=n: off(m, n)))(jnp.array([3.0, 15.0, 30.0]))
        for n in (1, 2)
    )
    assert one[0] < one[1] < one[2]
    assert two[0] < two[1]
    assert (two > one).all()


def test_a_batch_by_vmap_is_that_by_map(key):
    """`lax.map`, which computes only what was drawn, gives the same images."""
    images, keys = jnp.stack([IMAGE] * 8), jax.random.split(key, 8)
    change = lambda x, k: augment.rand_augment(x, key=k)  # noqa: E731
    by_vmap, by_map = jax.jit(
        lambda x, k: (jax.vmap(change)(x, k), jax.lax.map(lambda a: change(*a), (x, k)))
    )(images, keys)
    np.testing.assert_allclose(by_vmap, by_map, atol=1e-5)
    assert len(np.unique(by_map, axis=0)) > 4


def test_errors(key):
    """A strength out of range, and channels without a luma."""
    with pytest.raises(ValueError, match=r"magnitude must be in \[0, 30\]; got 31"):
        augment.rand_augment(IMAGE, key=key, magnitude=31)
    with pytest.raises(ValueError, match="image must have 1 or 3 channels"):
        augment.rand_augment(jnp.ones((4, 4, 2)), key=key)

"""SpecAugment: fill values, shares of the time, kinds of numbers, errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import augment


def test_a_batch_of_bytes_with_a_fill(key):
    """Other numbers stay; whole rows and whole columns are filled."""
    x = np.arange(1, 1 + 9 * 8, dtype=np.uint8).reshape(9, 8)
    hide = lambda k: augment.spec_augment(  # noqa: E731
        x, key=k, frequency=(1, 3), time=(2, 4), value=200
    )
    got = np.asarray(jax.jit(jax.vmap(hide))(jax.random.split(key, 50)))
    assert got.dtype == np.uint8
    hidden = got == 200
    assert (got == np.where(hidden, 200, x)).all()
    rows, columns = hidden.all(2), hidden.all(1)
    assert (hidden == rows[:, :, None] | columns[:, None, :]).all()
    assert 4 < rows.sum(1).max() <= 8  # two stretches, which may lie apart
    assert columns.sum(1).max() == 3


def test_share_limits_the_stretch_and_may_be_swept(key):
    """A tenth of 20 steps is 2, of 9 none."""
    keys = jax.random.split(key, 100)

    def hidden(n, share):
        hide = lambda k: augment.random_time_mask(  # noqa: E731
            jnp.ones((n, 1)), 8, key=k, share=share
        )
        return (jax.vmap(hide)(keys) == 0).sum((1, 2)).max()

    sweep = jax.jit(jax.vmap(lambda s: (hidden(20, s), hidden(9, s))))
    most = sweep(jnp.array([0.1, 1.0]))
    assert [m.tolist() for m in most] == [[2, 8], [0, 8]]


def test_no_stretch_and_no_time(key):
    """count=0 and limit=0 leave x; a spectrogram of no steps stays empty."""
    x = jnp.ones((5, 4))
    assert (augment.random_time_mask(x, 3, key=key, count=0) == x).all()
    assert (augment.random_frequency_mask(x, 0, key=key) == x).all()
    assert augment.spec_augment(x[:0], key=key).shape == (0, 4)


def test_errors(key):
    """Ranks, limits and shares that cannot be."""
    with pytest.raises(ValueError, match="spec_augment: x must have at least 2"):
        augment.spec_augment(jnp.ones(4), key=key)
    with pytest.raises(ValueError, match="random_time_mask: share must be in"):
        augment.random_time_mask(jnp.ones((4, 2)), 1, key=key, share=1.5)
    with pytest.raises(ValueError, match="random_time_mask: count must be in"):
        augment.random_time_mask(jnp.ones((4, 4)), 2, key=key, count=-1)
    with pytest.raises(ValueError, match="random_time_mask: count must be a whole"):
        augment.random_time_mask(jnp.ones((4, 4)), 2, key=key, count=1.5)
    with pytest.raises(ValueError, match="spec_augment: the limit of time must be in"):
        augment.spec_augment(jnp.ones((4, 4)), key=key, time=(1, -2))
    with pytest.raises(ValueError, match="spec_augment: the count of frequency must"):
        augment.spec_augment(jnp.ones((4, 4)), key=key, frequency=(-1, 2))
    with pytest.raises(ValueError, match="spec_augment: time must be a pair"):
        augment.spec_augment(jnp.ones((4, 4)), key=key, time=3)
    with pytest.raises(ValueError, match="random_frequency_mask: limit must be in"):
        augment.random_frequency_mask(jnp.ones((4, 2)), -1, key=key)

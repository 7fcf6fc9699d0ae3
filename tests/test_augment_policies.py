"""TrivialAugment, AutoAugment and AugMix: bytes, vmap and map, sweeps, errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import augment
from assay.augment import _auto_augment

BYTES = np.random.default_rng(0).integers(0, 256, (6, 5, 3)).astype(np.uint8)
IMAGE = BYTES.astype(np.float32) / 255
POLICIES = [augment.trivial_augment, augment.auto_augment, augment.aug_mix]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_batch_by_vmap_is_that_by_map(key, policy):
    """`lax.map`, which computes only what was drawn, gives the same bytes."""
    images, keys = jnp.stack([BYTES] * 8), jax.random.split(key, 8)
    change = lambda x, k: policy(x, key=k)  # noqa: E731
    by_vmap, by_map = jax.jit(
        lambda x, k: (jax.vmap(change)(x, k), jax.lax.map(lambda a: change(*a), (x, k)))
    )(images, keys)
    assert by_vmap.dtype == by_map.dtype == jnp.uint8
    assert np.abs(np.int32(by_vmap) - np.int32(by_map)).max() <= 1
    assert len(np.unique(by_map, axis=0)) > 3


def test_every_published_policy_has_25_of_two_changes():
    """Chances are tenths, levels those of ten; the first name changes nothing."""
    for policy in _auto_augment.POLICIES.values():
        names, table = _auto_augment._read(policy)
        assert table.shape == (25, 2, 3)
        assert names[0] == "identity"
        assert 0 < table[..., 0].min() <= table[..., 0].max() == len(names) - 1
        assert 0 <= table[..., 1].min() <= table[..., 1].max() <= 10
        assert 0 <= table[..., 2].min() <= table[..., 2].max() <= 9


def test_severity_and_chains_of_augmix(key):
    """More severity goes further from the image and may be swept; so do long chains."""
    keys = jax.random.split(key, 60)

    def off(severity, depth):
        change = lambda k: augment.aug_mix(  # noqa: E731
            IMAGE, key=k, severity=severity, width=1, depth=depth
        )
        return jnp.abs(jax.vmap(change)(keys) - IMAGE[None]).mean()

    severities = jnp.array([0.1, 3.0, 10.0])
    short, long = jax.jit(
        lambda s: tuple(jax.vmap(lambda s, n=n: off(s, n))(s) for n in (1, 4))
    )(severities)
    assert short[0] < short[1] < short[2]
    assert (long > short).all()


def test_errors(key):
    """Names, strengths and numbers of chains that there are not."""
    with pytest.raises(ValueError, match="policy must be one of .*mean 'svhn'"):
        augment.auto_augment(IMAGE, key=key, policy="svnh")
    with pytest.raises(ValueError, match=r"severity must be in \[0.1, 10.0\]; got 11"):
        augment.aug_mix(IMAGE, key=key, severity=11)
    with pytest.raises(ValueError, match="width and depth must be at least 1"):
        augment.aug_mix(IMAGE, key=key, depth=0)
    for name in ("trivial_augment", "rand_augment", "auto_augment"):
        with pytest.raises(ValueError, match=f"{name}: image must have 1 or 3 channel"):
            getattr(augment, name)(jnp.ones((4, 4, 2)), key=key)

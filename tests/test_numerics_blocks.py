"""Rows by blocks are what rows at once are."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import activations, losses
from assay._numerics import _blocks

X = jnp.asarray(np.random.default_rng(0).normal(size=(3, 7, 11)), jnp.float32)
SHIFT = jnp.arange(21.0).reshape(3, 7)


@pytest.fixture
def small(monkeypatch):
    """Blocks of three rows, of which the last overlaps."""
    monkeypatch.setattr(_blocks, "BLOCK", 40)
    monkeypatch.setattr(_blocks, "LEAST", 60)


def at_once(x, shift, axis):
    return jnp.sum(jnp.sin(x), axis) * shift


def by_rows(x, shift):
    return _blocks.by_rows(at_once, -1, x, shift)


plain = functools.partial(at_once, axis=-1)


def test_value_and_derivatives(small):
    np.testing.assert_array_equal(jax.jit(by_rows)(X, SHIFT), plain(X, SHIFT))
    text = jax.jit(by_rows).lower(X, SHIFT).as_text()
    assert "while" in text
    for d in (jax.grad, jax.hessian):
        got, true = (
            d(lambda x, f=f: jnp.sum(f(x, SHIFT[:2]) ** 2))(X[:2])
            for f in (by_rows, plain)
        )
        np.testing.assert_allclose(got, true, rtol=1e-5, atol=1e-6)
    slopes = (jax.jvp(f, (X, SHIFT), (X, SHIFT))[1] for f in (by_rows, plain))
    np.testing.assert_allclose(*slopes, rtol=1e-5, atol=1e-6)


def test_under_vmap_shard_map_and_export(small):
    rows = jax.vmap(by_rows, in_axes=(1, None))(jnp.stack([X, 2 * X], 1), SHIFT)
    np.testing.assert_allclose(rows[1], plain(2 * X, SHIFT), rtol=1e-5)
    mesh = jax.make_mesh((1,), ("i",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec("i")
    mapped = jax.shard_map(by_rows, mesh=mesh, in_specs=spec, out_specs=spec)
    np.testing.assert_allclose(jax.jit(mapped)(X, SHIFT), plain(X, SHIFT), rtol=1e-5)
    platforms = ("cpu", "cuda", "tpu")
    jax.jit(by_rows).trace(X, SHIFT).lower(lowering_platforms=platforms)


def test_ten_million_numbers_keep_the_bound():
    """What the blocks are for, at a size that has them."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4100, 1031)).astype(np.float32) * 5
    labels = rng.integers(0, 1031, 4100)
    wide = x.astype(np.float64)
    total = np.log(np.exp(wide).sum(-1))
    cost = total - np.take_along_axis(wide, labels[:, None], -1)[:, 0]
    hot = (np.arange(1031) == labels[:, None]).astype(np.float32)
    got = {
        "logsumexp": (activations.logsumexp(x, -1), total),
        "soft": (losses.softmax_cross_entropy(x, hot), cost),
        "hard": (losses.softmax_cross_entropy_with_integer_labels(x, labels), cost),
    }
    for name, (y, true) in got.items():
        far = np.abs(np.float64(y) - true) / np.spacing(np.float32(true))
        assert far.max() <= 4, name

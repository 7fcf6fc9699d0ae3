"""Batch norm: masks, many devices, running statistics, moments that merge."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers


def test_masked_entries_do_not_count():
    """As the batch without them, in value and gradient, even if they are no numbers."""
    x = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
    x[1, 2:, 0], x[2, 3, 1:3], x[0, 0, 3:] = np.nan, np.inf, 3e38
    mask = (np.abs(x) < 1e38).all(-1)

    def total(v, mask):
        y, _ = layers.batch_norm_moments(v, None, None, mask=mask)
        return jnp.sum(jnp.sin(y)), y

    both = jax.jit(lambda *cases: [jax.grad(total, has_aux=True)(*c) for c in cases])
    (slope, y), (expected_slope, expected) = both((x, mask), (x[mask], None))
    y, slope = np.asarray(y), np.asarray(slope)
    np.testing.assert_allclose(y[mask], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(slope[mask], expected_slope, rtol=1e-4, atol=1e-6)
    assert (slope[~mask] == 0).all() and (y[~mask] == 0).all()


def test_a_mask_of_nothing_leaves_the_statistics():
    """No example takes part: y is 0, the statistics stay."""
    stats = layers.BatchStats(jnp.full(3, 2.0), jnp.full(3, 4.0))
    x, mask = jnp.full((2, 3), jnp.nan), jnp.zeros(2, bool)
    y, batch = layers.batch_norm_moments(x, jnp.ones(3), jnp.ones(3), mask=mask)
    new = layers.update_batch_stats(stats, batch)
    assert (y == 0).all() and (new.mean == 2).all() and (new.var == 4).all()
    assert batch.mean.tolist() == batch.var.tolist() == batch.count.tolist() == [0] * 3


def test_devices_of_one_name_are_one_batch():
    """Parts of unlike means and sizes give the whole's value, moments and gradient."""
    x = 1e3 + np.random.default_rng(0).standard_normal((4, 5, 3))
    x = np.float32(x + 10 * np.arange(4.0)[:, None, None])
    mask = np.arange(5) < np.array([5, 1, 0, 3])[:, None]

    def whole(x):
        y, batch = layers.batch_norm_moments(x, None, None, mask=mask)
        return jnp.sum(jnp.sin(y)), (y, batch)

    def part(x, mask):
        return layers.batch_norm_moments(x, None, None, mask=mask, axis_name="d")

    def parts(x):
        y, batch = jax.vmap(part, axis_name="d")(x, mask)
        return jnp.sum(jnp.sin(y)), (y, jax.tree.map(lambda m: m[1], batch))

    both = jax.jit(lambda x: [jax.grad(f, has_aux=True)(x) for f in (whole, parts)])(x)
    (slope, (y, batch)), (slopes, (ys, batches)) = both
    np.testing.assert_allclose(ys, y, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(slopes, slope, rtol=1e-4, atol=1e-5)
    for a, b in zip(batches, batch, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_shards_are_one_batch():
    """Under shard_map on eight devices: value, moments and gradient of the whole."""
    n = len(jax.devices())
    x = np.float32(300 + np.random.default_rng(0).standard_normal((2 * n, 3)))
    auto = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((n,), ("d",), axis_types=auto)
    cut, same = jax.sharding.PartitionSpec("d"), jax.sharding.PartitionSpec()

    def local(x):
        return layers.batch_norm_moments(x, None, None, axis_name="d")

    shards = jax.shard_map(local, mesh=mesh, in_specs=cut, out_specs=(cut, same))

    def total(f, x):
        y, batch = f(x)
        return jnp.sum(jnp.sin(y)), batch

    whole = lambda x: layers.batch_norm_moments(x, None, None)  # noqa: E731
    both = [
        jax.jit(jax.grad(lambda x, f=f: total(f, x), has_aux=True))(x)
        for f in (whole, shards)
    ]
    for a, b in zip(*map(jax.tree.leaves, both), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf, 1e30])
def test_running_statistics_recover_from_a_bad_batch(bad):
    """A batch that is not finite, or whose variance is not, leaves its features."""
    stats = layers.BatchStats(jnp.full(2, 2.0), jnp.full(2, 4.0))
    x = jnp.array([[bad, 1.0], [0.0, 3.0]])
    _, new = jax.jit(layers.batch_norm)(x, None, None, stats)
    assert new.mean[0] == 2 and new.var[0] == 4
    np.testing.assert_allclose(new.mean[1], 2, rtol=1e-6)
    np.testing.assert_allclose(new.var[1], 0.99 * 4 + 0.01 * 1, rtol=1e-6)


def test_merged_moments_are_those_of_the_whole():
    """Parts of unlike sizes and means, an empty one too, in any order; by a scan."""
    rng = np.random.default_rng(0)
    x = np.float32(1e3 + np.arange(4.0)[:, None, None] + rng.random((4, 6, 3)))
    mask = np.arange(6) < np.array([0, 6, 1, 4])[:, None]
    mask = np.broadcast_to(mask[..., None], x.shape)

    @jax.jit
    def f(x, mask):
        whole = layers.moments(x, axis=(0, 1), mask=mask)
        none = jax.tree.map(jnp.zeros_like, whole)

        def step(seen, part):
            found = layers.moments(part[0], axis=0, mask=part[1])
            return layers.merge_moments(seen, found), None

        there, back = (
            jax.lax.scan(step, none, (x, mask), reverse=r)[0] for r in (False, True)
        )
        return whole, there, back

    whole, *both = f(x, mask)
    for found in both:
        assert (found.count == 11).all()
        np.testing.assert_allclose(found.mean, whole.mean, rtol=1e-6)
        np.testing.assert_allclose(found.var, whole.var, rtol=1e-3)


def test_merged_moments_of_huge_counts_are_finite():
    """2e9 twice is more than int32 holds: the count stops there, the mean is right."""
    a = layers.Moments(jnp.zeros(1), jnp.ones(1), jnp.full(1, 2 * 10**9))
    b = a._replace(mean=jnp.full(1, 2.0))
    found = jax.jit(layers.merge_moments)(a, b)
    np.testing.assert_allclose(found.mean, 1, rtol=1e-6)
    np.testing.assert_allclose(found.var, 2, rtol=1e-6)
    assert found.count == 2**31 - 1


def test_poisoned_running_statistics_take_the_batchs():
    """NaN that a file or another library brought does not stay for ever."""
    stats = layers.BatchStats(jnp.array([jnp.nan, 1.0]), jnp.array([1.0, jnp.inf]))
    x = jnp.array([[1.0, 5.0], [3.0, 9.0]])
    _, new = layers.batch_norm(x, None, None, stats)
    assert new.mean.tolist() == [2, 7] and new.var.tolist() == [1, 4]


def test_half_precision_statistics_do_not_overflow():
    """float16 running statistics stay where the variance is above 65504."""
    stats = layers.BatchStats(jnp.ones(1, jnp.float16), jnp.ones(1, jnp.float16))
    x = jnp.array([[-3e3], [3e3]], jnp.float16)
    y, new = layers.batch_norm(x, None, None, stats)
    assert y.ravel().tolist() == [-1, 1]
    assert new.mean == 1 and new.var == 1


def test_unbiased_statistics_are_torchs():
    """Ten batches, running mean and variance of torch's BatchNorm in float64."""
    torch = pytest.importorskip("torch", reason="the second reference is torch")
    x = 3 + 2 * np.random.default_rng(0).standard_normal((10, 4, 5, 3))
    theirs = torch.nn.BatchNorm1d(3, dtype=torch.float64)
    for batch in x:
        theirs(torch.tensor(batch).permute(0, 2, 1))
    with jax.enable_x64(True):
        stats = layers.BatchStats(jnp.zeros(3), jnp.ones(3))

        def step(stats, x):
            _, batch = layers.batch_norm_moments(x, None, None)
            how = {"momentum": 0.9, "variance": "unbiased"}
            return layers.update_batch_stats(stats, batch, **how), None

        stats, _ = jax.lax.scan(step, stats, jnp.asarray(x))
    np.testing.assert_allclose(stats.mean, theirs.running_mean, rtol=1e-12)
    np.testing.assert_allclose(stats.var, theirs.running_var, rtol=1e-12)


def test_one_value_has_no_unbiased_variance():
    """n - 1 is 0: the statistics stay, as they do for an empty batch."""
    stats = layers.BatchStats(jnp.full(1, 2.0), jnp.full(1, 4.0))
    _, batch = layers.batch_norm_moments(jnp.ones((1, 1)), None, None)
    new = layers.update_batch_stats(stats, batch, variance="unbiased")
    assert new.mean == 2 and new.var == 4
    assert layers.update_batch_stats(stats, batch, momentum=0).var == 0

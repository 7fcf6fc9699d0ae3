"""Metrics over batches: states that merge, do not stall, and reduce over devices."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from assay import metrics
from assay.metrics import _sums
from assay.verify import _function, _rooms, discover

Metric = metrics.Metric


def makers():
    """Every public function that is annotated to give a Metric."""
    found = discover("metrics").items()
    return [n for n, f in found if inspect.signature(f).return_annotation is Metric]


def close(got, expected):
    """Equal within rounding, leaf by leaf."""
    for g, e in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(g, e, rtol=3e-6, atol=1e-6)


@pytest.mark.parametrize("name", makers())
def test_any_split_and_any_order_give_the_whole(name):
    """Batches = halves merged either way = all at once; a masked row counts nothing."""
    mirror = _rooms.mirror_of("metrics", name)
    rows = _function.cast(_function.draw(mirror.cases[0]), np.float32)
    where = rows.pop("where", None)
    batch = [jnp.asarray(a) for a in rows.values()]
    keep = jnp.ones(len(batch[0]), bool) if where is None else jnp.asarray(where)
    metric = mirror.facts["make"](discover("metrics")[name])

    @jax.jit
    def run(batch, keep):
        half = len(keep) // 2
        start, (a, b) = metric.init(), (slice(None, half), slice(half, None))
        early, late = (
            metric.update(start, *[x[part] for x in batch], where=keep[part])
            for part in (a, b)
        )
        again = [jnp.concatenate([x, jnp.roll(x, 1, 0)]) for x in batch]
        masked = jnp.concatenate([keep, jnp.zeros_like(keep)])
        states = [
            metric.update(start, *batch, where=keep),
            metric.update(early, *[x[b] for x in batch], where=keep[b]),
            metric.merge(early, late),
            metric.merge(late, early),
            metric.merge(start, metric.merge(early, late)),
            metric.update(start, *again, where=masked),
        ]
        return states, [metric.compute(s) for s in states], metric.compute(start)

    states, values, nothing = run(batch, keep)
    shapes = [jax.tree.map(lambda x: (x.shape, x.dtype), s) for s in states]
    assert all(s == shapes[0] for s in shapes)
    for value in values[1:]:
        close(value, values[0])
    assert not all(np.isfinite(x).all() and np.any(x) for x in jax.tree.leaves(nothing))


def test_the_law_covers_what_it_should():
    """The list is found, not typed; it must not have become empty."""
    assert len(makers()) >= 19


@pytest.mark.parametrize("mask", [True, False], ids=["masked", "whole"])
def test_states_reduce_over_devices(mask):
    """Eight devices, each with its rows in a scan: all know the value of the whole."""
    both = {"mean": metrics.running_mean(), "moments": metrics.running_moments()}
    metric = metrics.collection(both)
    kinds = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((8,), ("data",), axis_types=kinds)
    x = (1e3 + np.random.default_rng(0).standard_normal((8, 3, 5))).astype(np.float32)
    where = np.arange(120).reshape(x.shape) % 3 > 0 if mask else np.ones(x.shape, bool)

    def local(x, where):
        def body(state, batch):
            return metric.update(state, batch[0], where=batch[1]), None

        start = jax.lax.pcast(metric.init(), "data", to="varying")
        state, _ = jax.lax.scan(body, start, (x[0], where[0]))
        return metric.compute(metrics.merge_over(metric, state, "data"))

    spread = PartitionSpec("data")
    run = jax.shard_map(
        local, mesh=mesh, in_specs=(spread, spread), out_specs=PartitionSpec()
    )
    got, kept = jax.jit(run)(x, where), x[where].astype(float)
    np.testing.assert_allclose(got["mean"], kept.mean(), rtol=1e-7)
    np.testing.assert_allclose(got["moments"].variance, kept.var(), rtol=1e-5)


def test_counts_and_sums_do_not_stall():
    """Behind 2²⁴ float32 counts and sums stand still; behind 2³¹ int32 overflows."""
    share, total = metrics.running_share(lambda right: right), metrics.running_sum()

    @jax.jit
    def run(full):
        many = metrics._running.ShareState(full, full)
        more = share.update(many, jnp.array([True, False]))
        big = _sums.Total(jnp.float32(2**24), jnp.float32(0))

        def add(state, _):
            return total.update(state, jnp.ones(1)), None

        return more, jax.lax.scan(add, big, length=1000)[0]

    full = _sums.Count(jnp.int32(2**15), jnp.int32(2**30 - 1))
    more, summed = run(full)
    counted = [int(c.high) * 2**30 + int(c.low) for c in more]
    assert counted == [2**45 + 2**30, 2**45 + 2**30 + 1]
    assert total.compute(summed) == 2**24 + 1000


def test_large_means_cost_nothing():
    """100,000 ± 1 in forty batches: the variance keeps six digits."""
    x = (1e5 + np.random.default_rng(1).standard_normal((40, 50))).astype(np.float32)
    metric = metrics.running_moments()

    @jax.jit
    def run(x):
        states = jax.vmap(lambda rows: metric.update(metric.init(), rows))(x)
        return metric.compute(metrics.merge_all(metric, states))

    got, x = run(x), x.astype(float)
    np.testing.assert_allclose(got.variance, x.var(), rtol=1e-6)
    np.testing.assert_allclose(got.mean, x.mean(), rtol=1e-7)
    error = x.std(ddof=1) / np.sqrt(x.size)
    np.testing.assert_allclose(got.standard_error, error, rtol=1e-6)


def test_a_nan_is_not_lost():
    """A NaN score, loss or probability makes the result NaN."""
    broken, labels = jnp.array([0.2, jnp.nan, 0.8]), jnp.array([0, 1, 1])
    for make in (metrics.running_roc_auc, metrics.running_average_precision):
        metric = make()
        assert jnp.isnan(metric.compute(metric.update(metric.init(), broken, labels)))
    for make in (metrics.running_mean, metrics.running_max, metrics.running_sum):
        metric = make()
        assert jnp.isnan(metric.compute(metric.update(metric.init(), broken)))


def test_a_mask_of_examples_covers_their_tokens():
    """A batch of texts, one of them padding."""
    metric = metrics.running_mean()
    x, where = jnp.array([[1.0, 3.0], [9.0, 9.0]]), jnp.array([True, False])
    assert metric.compute(metric.update(metric.init(), x, where=where)) == 2
    with pytest.raises(ValueError, match="running_mean: numbers measured and where"):
        metric.update(metric.init(), x, where=jnp.ones(3, bool))


def test_update_wants_one_array_without_of():
    """Two arrays need a function that makes numbers of them."""
    metric = metrics.running_mean()
    with pytest.raises(ValueError, match="running_mean: update takes one array"):
        metric.update(metric.init(), jnp.zeros(2), jnp.zeros(2))


def test_half_precision_is_summed_wide():
    """The mean of a thousand bfloat16 ones, in ten batches, is 1."""
    metric = metrics.running_mean()
    state = metric.init()
    for _ in range(10):
        state = metric.update(state, jnp.ones(100, jnp.bfloat16))
    assert metric.compute(state) == 1 and state.total.high.dtype == jnp.float32

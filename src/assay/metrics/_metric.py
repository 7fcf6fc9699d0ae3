"""Metrics over batches and devices: four pure functions, as an optimizer is two.

>>> from assay import metrics
>>> metric = metrics.running_mean(jnp.abs)
>>> state = metric.init()
>>> for batch in (jnp.array([-1.0, 2.0]), jnp.array([6.0])):
...     state = metric.update(state, batch)
>>> metric.compute(state).tolist()
3.0

A state is arrays of fixed shape and dtype, so all of it runs inside jit, scan and vmap;
merging the states of parts, in any order, gives that of the whole within rounding.
Inside shard_map, `merge_over` reduces over an axis of the mesh.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.metrics._reduce import spread, taking_part
from assay.typing import Array, PyTree


class Metric(NamedTuple):
    """A metric over batches; `where` True = the example takes part.

    Examples may have further axes, as texts have tokens: `where` is of the first ones.
    """

    init: Callable[[], Any]  # () -> state
    update: Callable  # (state, *batch, where=None) -> state
    merge: Callable[[Any, Any], Any]  # (state, state) -> state, in any order
    compute: Callable[[Any], Any]  # state -> value


def summed(
    init: Callable, measure: Callable, merge: Callable, compute: Callable
) -> Metric:
    """A metric whose update merges what a batch measures."""

    def update(state, *batch, where=None):
        return merge(state, measure(*batch, where=where))

    return Metric(init, update, merge, compute)


def measured(who: str, of: Callable | None, batch: tuple, where: Any):
    """(of(*batch), one number an example; what takes part)."""
    x = jnp.asarray(of(*batch) if of is not None else _only(who, batch))
    return x, taking_part(who, spread(where, x), **{"numbers measured": x})


def _only(who: str, batch: tuple) -> Array:
    if len(batch) != 1:
        must = "update takes one array of numbers"
        _check.fail(who, must, f"{len(batch)} arrays", "Say what they make: of=loss.")
    return batch[0]


def before(metric: Metric, f: Callable) -> Metric:
    """`metric` of f(*batch): an array, or the tuple of arrays that it takes.

    >>> from assay.metrics import running_confusion
    >>> guesses = before(running_confusion(2), lambda z, y: (z.argmax(-1), y))
    >>> state = guesses.update(guesses.init(), jnp.eye(2), jnp.array([0, 0]))
    >>> guesses.compute(state).tolist()
    [[1.0, 1.0], [0.0, 0.0]]

    Float32, CPU: within 1 ULP of what the metric computes.
    """

    def update(state, *batch, where=None):
        made = f(*batch)
        made = made if isinstance(made, tuple) else (made,)
        return metric.update(state, *made, where=where)

    return metric._replace(update=update)


def after(metric: Metric, f: Callable) -> Metric:
    """f of what `metric` computes: a score of a confusion matrix, say.

    >>> from assay.metrics import mean_iou, running_confusion
    >>> iou = after(running_confusion(2), mean_iou)
    >>> state = iou.update(iou.init(), jnp.array([0, 1, 1]), jnp.array([0, 0, 1]))
    >>> iou.compute(state).tolist()
    0.5

    Float32, CPU: within 1 ULP of what the metric computes.
    """
    return metric._replace(compute=lambda state: f(metric.compute(state)))


def collection(metrics: Mapping[str, Metric]) -> Metric:
    """Several metrics of one batch: states and values are dicts by name.

    >>> from assay.metrics import running_max, running_min
    >>> both = collection({"low": running_min(), "high": running_max()})
    >>> both.compute(both.update(both.init(), jnp.array([3.0, 1.0])))
    {'low': Array(1., dtype=float32), 'high': Array(3., dtype=float32)}

    Float32, CPU: within 0 ULP of what the metrics compute.
    """
    metrics = dict(metrics)

    def update(state, *batch, where=None):
        return {
            name: metric.update(state[name], *batch, where=where)
            for name, metric in metrics.items()
        }

    return Metric(
        lambda: {name: metric.init() for name, metric in metrics.items()},
        update,
        lambda a, b: {n: m.merge(a[n], b[n]) for n, m in metrics.items()},
        lambda state: {n: m.compute(state[n]) for n, m in metrics.items()},
    )


def merge_all(metric: Metric, states: PyTree) -> PyTree:
    """One state of many, stacked along a first axis, as vmap over shards gives them.

    >>> from assay.metrics import running_sum
    >>> metric = running_sum()
    >>> shards = jnp.array([[1.0, 2.0], [3.0, 4.0]])
    >>> states = jax.vmap(lambda x: metric.update(metric.init(), x))(shards)
    >>> metric.compute(merge_all(metric, states)).tolist()
    10.0

    Float32, CPU: within 1 ULP of what the metric sums.
    """

    def add(state, other):
        return metric.merge(state, other), None

    first = jax.tree.map(lambda s: s[0], states)
    rest = jax.tree.map(lambda s: s[1:], states)
    return jax.lax.scan(add, first, rest)[0]


def merge_over(metric: Metric, state: PyTree, axis_name: Hashable) -> PyTree:
    """The state of all devices along `axis_name`, on each of them, inside shard_map.

    The state that a scan inside shard_map starts from must vary as its batches do:
    `jax.lax.pcast(metric.init(), "data", to="varying")`.

    A vmap with an axis name is a small shard_map:

    >>> from assay.metrics import running_sum
    >>> metric = running_sum()
    >>> def shard(x):
    ...     state = metric.update(metric.init(), x)
    ...     return metric.compute(merge_over(metric, state, "data"))
    >>> jax.vmap(shard, axis_name="data")(jnp.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [10.0, 10.0]

    Float32, CPU: within 1 ULP of what the metric sums.
    """
    size, place = jax.lax.axis_size(axis_name), jax.lax.axis_index(axis_name)

    # A sum of slots, each filled by one device: an all_gather whose result shard_map
    # knows to be the same everywhere.
    def gather(s):
        slots = jnp.zeros((size, *s.shape), s.dtype).at[place].set(s)
        return jax.lax.psum(slots, axis_name)

    return merge_all(metric, jax.tree.map(gather, state))

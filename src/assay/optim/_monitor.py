"""Looking at the updates on their way through a chain, without changing them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim._average import ema
from assay.optim._transform import Transform, stateless, with_extra_args_support
from assay.typing import Array, DType, PyTree, Scalar


class SnapshotState(NamedTuple):
    """The state of `snapshot`."""

    measurement: dict[str, PyTree]  # the last one, under its name


class MonitorState(NamedTuple):
    """The state of `monitor`."""

    measurements: dict[str, PyTree]  # the last ones, by name; zeros before the first
    measure_states: tuple[PyTree, ...]  # one for each, in their order


def snapshot(measure_name: str, measure: Callable) -> Transform:
    """u = g; the state holds measure(g) under measure_name.

    >>> from assay import optim
    >>> tx = optim.chain(
    ...     snapshot("norm_before_clip", optim.global_norm),
    ...     optim.clip_by_global_norm(1.0),
    ... )
    >>> g = jnp.array([3.0, 4.0])
    >>> _, state = tx.update(g, tx.init(g))
    >>> float(state[0].measurement["norm_before_clip"])
    5.0
    """

    def look(updates):
        return {measure_name: _strong(measure(updates))}

    def update(updates, state, params=None, **extra):
        del params, extra
        found = jax.tree.map(
            lambda x, old: x.astype(old.dtype), look(updates), state.measurement
        )
        return updates, SnapshotState(found)

    def init(params):
        return SnapshotState(jax.tree.map(_zeros, jax.eval_shape(look, params)))

    return Transform(init, update)


def monitor(measures: dict[str, Transform | Callable]) -> Transform:
    """u = g; the state holds each measure of g by its name.

    A measure is a function of the updates, or a transform (`measure_with_ema`), which
    may look at the parameters too.

    >>> from assay import optim
    >>> def ratio(updates, params):
    ...     return optim.global_norm(updates) / optim.global_norm(params)
    >>> tx = monitor({"norm": optim.global_norm, "ratio": optim.stateless(ratio)})
    >>> g, w = jnp.array([3.0, 4.0]), jnp.array([10.0, 0.0])
    >>> _, state = tx.update(g, tx.init(w), w)
    >>> {name: float(x) for name, x in state.measurements.items()}
    {'norm': 5.0, 'ratio': 0.5}
    """
    parts = {name: _transform(measure) for name, measure in measures.items()}

    def look(updates, states, params, extra):
        found = {
            name: part.update(updates, state, params, **extra)
            for (name, part), state in zip(parts.items(), states, strict=True)
        }
        values = {name: _strong(value) for name, (value, _) in found.items()}
        return MonitorState(values, tuple(state for _, state in found.values()))

    def init(params):
        states = tuple(part.init(params) for part in parts.values())
        # The state has its final form from the start, so that it can be scanned over.
        form = jax.eval_shape(lambda p: look(p, states, p, {}).measurements, params)
        return MonitorState(jax.tree.map(_zeros, form), states)

    def update(updates, state, params=None, **extra):
        new = look(updates, state.measure_states, params, extra)
        old = state.measurements
        values = jax.tree.map(lambda x, o: x.astype(o.dtype), new.measurements, old)
        return updates, new._replace(measurements=values)

    return Transform(init, update)


def measure_with_ema(
    measure: Callable,
    decay: Scalar,
    debias: bool = True,
    accumulator_dtype: DType = None,
) -> Transform:
    """u = `ema` of measure(g), for `monitor`: smoothed over the steps.

    >>> from assay import optim
    >>> tx = measure_with_ema(lambda g: optim.global_norm(g) > 1, decay=0.5)
    >>> state = tx.init(jnp.zeros(2))
    >>> for size in (0.0, 3.0):
    ...     clipped, state = tx.update(jnp.array([size, 0.0]), state)
    >>> round(float(clipped), 4)
    0.6667
    """
    mean = ema(decay, debias, accumulator_dtype)

    def measured(updates):
        return jax.tree.map(lambda x: arithmetic.widen(_strong(x)), measure(updates))

    def update(updates, state, params=None, **extra):
        del extra
        return mean.update(measured(updates), state, params)

    return Transform(lambda params: mean.init(measured(params)), update)


def _transform(measure: Any) -> Transform:
    """A function of the updates as a transform that emits what it measures."""
    if hasattr(measure, "update"):
        return with_extra_args_support(measure)
    return stateless(lambda updates, params: measure(updates))


def _zeros(form: Any) -> Array:
    """Nothing measured yet, at least in float32: gradients may be wider."""
    floating = jnp.issubdtype(form.dtype, jnp.floating)
    return jnp.zeros(form.shape, arithmetic.wide(form) if floating else form.dtype)


def _strong(tree: PyTree) -> PyTree:
    """Arrays of a dtype that no later sum changes: the state keeps its own."""

    def leaf(x):
        x = jnp.asarray(x)
        return x.astype(x.dtype)

    return jax.tree.map(leaf, tree)

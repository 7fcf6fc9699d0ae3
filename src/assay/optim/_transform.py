"""The protocol, Optax's to the letter, and what every optimizer is made of."""

import inspect
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.typing import Array, PyTree, Scalar, ScalarOrSchedule, Schedule


class Transform(NamedTuple):
    """A pair of pure functions; `update` takes extra arguments and may ignore them."""

    init: Callable  # params -> state
    update: Callable  # (updates, state, params=None, **extra) -> (updates, state)


class EmptyState(NamedTuple):
    """Nothing to carry."""


class ScaleByScheduleState(NamedTuple):
    """The state of `scale_by_schedule`."""

    count: Array  # () int32, updates so far


def stateless(f: Callable) -> Transform:
    """f(updates, params) -> updates, as a transform.

    >>> update = stateless(lambda updates, params: -updates).update
    >>> update(jnp.ones(2), EmptyState())[0].tolist()
    [-1.0, -1.0]
    """

    def update(updates, state, params=None, **extra):
        del extra
        return f(updates, params), state

    return Transform(init_empty_state, update)


def stateless_with_tree_map(f: Callable) -> Transform:
    """f(g, p) -> update, leaf by leaf, as a transform; p is None without params.

    >>> tx = stateless_with_tree_map(lambda g, p: g + p)
    >>> tx.update(jnp.ones(2), tx.init(None), jnp.ones(2))[0].tolist()
    [2.0, 2.0]
    """

    def mapped(updates, params):
        if params is None:
            return jax.tree.map(lambda g: f(g, None), updates)

        def leaf(g, p):
            return None if g is None else f(g, p)

        return jax.tree.map(leaf, updates, params, is_leaf=lambda g: g is None)

    return stateless(mapped)


def init_empty_state(params: PyTree) -> EmptyState:
    """The `init` of what carries nothing.

    >>> init_empty_state(jnp.ones(2))
    EmptyState()
    """
    del params
    return EmptyState()


def identity() -> Transform:
    """u = g.

    >>> identity().update(jnp.ones(2), EmptyState())[0].tolist()
    [1.0, 1.0]
    """
    return stateless(lambda updates, params: updates)


def set_to_zero() -> Transform:
    """u = 0, made from the shape alone: no gradient is computed for it under `jit`.

    >>> set_to_zero().update(jnp.ones(2), EmptyState())[0].tolist()
    [0.0, 0.0]
    """
    return stateless(lambda updates, params: jax.tree.map(jnp.zeros_like, updates))


def scale(step_size: Scalar) -> Transform:
    """u = step_size · g, multiplied in at least float32.

    >>> scale(-0.5).update(jnp.ones(2), EmptyState())[0].tolist()
    [-0.5, -0.5]
    """
    return stateless(lambda updates, params: _times(updates, step_size))


def scale_by_schedule(step_size_fn: Schedule) -> Transform:
    """u = step_size_fn(t) · g, t = updates done before this one.

    >>> tx = scale_by_schedule(lambda count: count + 1)
    >>> g = jnp.ones(2)
    >>> _, state = tx.update(g, tx.init(g))
    >>> tx.update(g, state)[0].tolist()
    [2.0, 2.0]
    """

    def init(params):
        del params
        return ScaleByScheduleState(jnp.zeros([], jnp.int32))

    def update(updates, state, params=None, **extra):
        del params, extra
        updates = _times(updates, step_size_fn(state.count))
        return updates, ScaleByScheduleState(arithmetic.increment(state.count))

    return Transform(init, update)


def scale_by_learning_rate(
    learning_rate: ScalarOrSchedule | None = None, *, flip_sign: bool = True
) -> Transform:
    """u = −learning_rate · g: a number, a traced value or a schedule; None is 1, up.

    >>> tx = scale_by_learning_rate(0.1)
    >>> tx.update(jnp.ones(2), tx.init(jnp.ones(2)))[0].tolist()
    [-0.10000000149011612, -0.10000000149011612]
    """
    if learning_rate is None:
        return identity()
    sign = -1 if flip_sign else 1
    if callable(learning_rate):
        return scale_by_schedule(lambda t: sign * arithmetic.number(learning_rate(t)))
    return scale(sign * arithmetic.number(learning_rate))


def with_extra_args_support(tx: Transform) -> Transform:
    """The same transform, its `update` taking any extra argument, passing on its own.

    Optax's passes none to a plain pair; ours those that the pair's `update` names.

    >>> half = Transform(lambda p: (), lambda g, state, params=None: (g / 2, state))
    >>> update = with_extra_args_support(half).update
    >>> float(update(jnp.ones(()), (), value=3.0)[0])
    0.5
    """
    wanted = _extra_wanted(tx.update)
    if wanted is None:
        return Transform(tx.init, tx.update)

    def update(updates, state, params=None, **extra):
        passed = {name: x for name, x in extra.items() if name in wanted}
        return tx.update(updates, state, params, **passed)

    return Transform(tx.init, update)


def chain(*args: Transform) -> Transform:
    """The transforms one after the other; Optax's and the user's may stand among them.

    Extra arguments go to those whose `update` has a parameter for them.

    >>> tx = chain(scale(2.0), scale(-0.5))
    >>> tx.update(jnp.ones(2), tx.init(jnp.ones(2)))[0].tolist()
    [-1.0, -1.0]
    """
    parts = [with_extra_args_support(tx) for tx in args]

    def init(params):
        return tuple(tx.init(params) for tx in parts)

    def update(updates, state, params=None, **extra):
        if len(state) != len(parts):
            must = f"state must hold one state for each of the {len(parts)} transforms"
            _check.fail("chain", must, len(state), "Make it with init.")
        new = []
        for tx, inner in zip(parts, state, strict=True):
            updates, inner = tx.update(updates, inner, params, **extra)
            new.append(inner)
        return updates, tuple(new)

    return Transform(init, update)


def named_chain(*args: tuple[str, Transform]) -> Transform:
    """`chain`, the state of each transform under its name: `state["adam"]`.

    >>> tx = named_chain(("double", scale(2.0)), ("down", scale(-0.5)))
    >>> list(tx.init(jnp.ones(2)))
    ['double', 'down']
    """
    names = [name for name, _ in args]
    if len(set(names)) < len(names):
        _check.fail("named_chain", "every name must be there once", ", ".join(names))
    both = chain(*(tx for _, tx in args))

    # Ordered, because a dict that goes through jit comes back sorted.
    def named(states):
        return OrderedDict(zip(names, states, strict=True))

    def update(updates, state, params=None, **extra):
        states = [state[name] for name in names]
        updates, states = both.update(updates, states, params, **extra)
        return updates, named(states)

    return Transform(lambda params: named(both.init(params)), update)


def apply_updates(params: PyTree, updates: PyTree) -> PyTree:
    """p + u, in the parameter's dtype; where there is no update, p.

    >>> apply_updates({"w": jnp.ones(2)}, {"w": jnp.full(2, -0.25)})["w"].tolist()
    [0.75, 0.75]
    """

    def leaf(p, u):
        if p is None or u is None:
            return p
        dtype = arithmetic.wide(p, u)
        p, u = jnp.asarray(p), jnp.asarray(u)
        return (p.astype(dtype) + u.astype(dtype)).astype(p.dtype)

    return jax.tree.map(leaf, params, updates, is_leaf=lambda x: x is None)


def _times(updates: PyTree, factor: Any) -> PyTree:
    """factor · g in >= float32, rounded once to the dtype of g."""
    factor = arithmetic.number(factor)
    return arithmetic.each(lambda g: g * arithmetic.like(factor, g), updates)


def _extra_wanted(update: Callable) -> set[str] | None:
    """Names of the extra arguments that `update` takes; None if it takes all."""
    kinds = inspect.signature(update).parameters
    if any(p.kind is p.VAR_KEYWORD for p in kinds.values()):
        return None
    return set(list(kinds)[3:])

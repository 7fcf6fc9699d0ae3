"""A transform that works at some steps only."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim import _select
from assay.optim._transform import Transform, with_extra_args_support
from assay.typing import Array, PyTree


class ConditionallyTransformState(NamedTuple):
    """The state of `conditionally_transform`."""

    inner_state: PyTree  # of the inner transform
    step: Array  # () int32, updates so far


class ConditionallyMaskState(NamedTuple):
    """The state of `conditionally_mask`."""

    step: Array  # () int32, updates so far
    inner_state: PyTree  # of the inner transform


def conditionally_transform(
    inner: Transform, should_transform_fn: Callable, forward_extra_args: bool = False
) -> Transform:
    """u = inner(g) at the steps t where should_transform_fn(t), else g.

    At the others the inner state stays. `forward_extra_args` hands the extra arguments
    to the condition too.

    >>> from assay import optim
    >>> tx = conditionally_transform(optim.scale(2.0), lambda step: step >= 1)
    >>> first, state = tx.update(jnp.ones(()), tx.init(jnp.ones(())))
    >>> float(first), float(tx.update(jnp.ones(()), state)[0])
    (1.0, 2.0)
    """
    apply = _conditional(inner, should_transform_fn, forward_extra_args)

    def init(params):
        return ConditionallyTransformState(inner.init(params), _start())

    def update(updates, state, params=None, **extra):
        then, new, moved = apply(updates, state, params, extra)
        step = arithmetic.increment(state.step)
        updates = _select.updates(then, new, updates)
        return updates, ConditionallyTransformState(moved, step)

    return Transform(init, update)


def conditionally_mask(
    inner: Transform, should_transform_fn: Callable, forward_extra_args: bool = False
) -> Transform:
    """u = inner(g) at the steps t where should_transform_fn(t), else 0.

    At the others the inner state stays.

    >>> from assay import optim
    >>> tx = conditionally_mask(optim.scale(2.0), lambda step: step >= 1)
    >>> first, state = tx.update(jnp.ones(()), tx.init(jnp.ones(())))
    >>> float(first), float(tx.update(jnp.ones(()), state)[0])
    (0.0, 2.0)
    """
    apply = _conditional(inner, should_transform_fn, forward_extra_args)

    def init(params):
        return ConditionallyMaskState(_start(), inner.init(params))

    def update(updates, state, params=None, **extra):
        then, new, moved = apply(updates, state, params, extra)
        step = arithmetic.increment(state.step)
        updates = _select.or_zero(then, _select.cast(new, updates))
        return updates, ConditionallyMaskState(step, moved)

    return Transform(init, update)


def _start():
    return jnp.zeros([], jnp.int32)


def _conditional(inner, condition, forward):
    """(updates, state, params, extra) -> (flag, the inner updates, the state by it)."""
    inner = with_extra_args_support(inner)

    def apply(updates, state, params, extra):
        then = jnp.asarray(condition(state.step, **(extra if forward else {})))
        new, moved = inner.update(updates, state.inner_state, params, **extra)
        return then, new, _select.state(then, moved, state.inner_state)

    return apply

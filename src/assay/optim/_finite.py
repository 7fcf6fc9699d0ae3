"""Gradients that are not finite, or too large: passed over, and counted."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim import _select
from assay.optim._transform import Transform, with_extra_args_support
from assay.typing import Array, PyTree, Scalar


class ZeroNansState(NamedTuple):
    """The state of `zero_nans`."""

    found_nan: PyTree  # () bool for every leaf: whether the last update had one
    count: Array  # () int32, updates so far that had one anywhere


class ApplyIfFiniteState(NamedTuple):
    """The state of `apply_if_finite`."""

    notfinite_count: Array  # () int32, updates in a row that were not finite
    last_finite: Array  # () bool, whether the last one was
    total_notfinite: Array  # () int32, all that were not
    inner_state: PyTree  # of the inner transform, unchanged by those passed over


def zero_nans() -> Transform:
    """u = 0 where g is nan, else g; the state says in which leaves, and how often.

    >>> tx = zero_nans()
    >>> u, state = tx.update(jnp.array([jnp.nan, 1.0]), tx.init(jnp.zeros(2)))
    >>> u.tolist(), bool(state.found_nan), int(state.count)
    ([0.0, 1.0], True, 1)
    """

    def init(params):
        found = jax.tree.map(lambda p: jnp.zeros([], jnp.bool_), params)
        return ZeroNansState(found, jnp.zeros([], jnp.int32))

    def update(updates, state, params=None, **extra):
        del params, extra

        def look(g, old):
            if g is None:
                return None if old is None else jnp.zeros_like(old)
            return jnp.any(jnp.isnan(g))

        old = state.found_nan
        found = jax.tree.map(look, updates, old, is_leaf=lambda g: g is None)
        some = jnp.any(jnp.array([*jax.tree.leaves(found), False]))
        count = jnp.where(some, arithmetic.increment(state.count), state.count)
        updates = arithmetic.each(lambda g: jnp.where(jnp.isnan(g), 0, g), updates)
        return updates, ZeroNansState(found, count)

    return Transform(init, update)


def apply_if_finite(inner: Transform, max_consecutive_errors: Scalar) -> Transform:
    """u = inner(g) if all of g is finite, else 0 and the inner state as it was.

    After more than `max_consecutive_errors` in a row it gives up and lets them through.

    >>> from assay import optim
    >>> tx = apply_if_finite(optim.sgd(1.0), 3)
    >>> u, state = tx.update(jnp.array([jnp.inf, 1.0]), tx.init(jnp.zeros(2)))
    >>> u.tolist(), int(state.total_notfinite)
    ([0.0, 0.0], 1)
    """
    inner = with_extra_args_support(inner)

    def init(params):
        zeros = [jnp.zeros([], jnp.int32) for _ in range(2)]
        yes = jnp.ones([], jnp.bool_)
        return ApplyIfFiniteState(zeros[0], yes, zeros[1], inner.init(params))

    def update(updates, state, params=None, **extra):
        finite = _not_finite(updates) == 0
        row = jnp.where(finite, 0, arithmetic.increment(state.notfinite_count))
        total = state.total_notfinite
        total = jnp.where(finite, total, arithmetic.increment(total))
        limit = arithmetic.number(max_consecutive_errors)
        accept = finite | (row > arithmetic.like(limit, row))
        # Zeros for what is passed over: nan would reach the meta-gradients.
        given = _select.or_zero(accept, updates)
        new, moved = inner.update(given, state.inner_state, params, **extra)
        moved = _select.state(accept, moved, state.inner_state)
        updates = _select.or_zero(accept, _select.cast(new, updates))
        return updates, ApplyIfFiniteState(row, finite, total, moved)

    return Transform(init, update)


def skip_not_finite(
    updates: PyTree, gradient_step: Any, params: PyTree | None
) -> tuple[Array, PyTree]:
    """(n > 0, {"should_skip", "num_not_finite": n}), n = how many entries are not.

    For `MultiSteps`, which keeps the second of them in its state.

    >>> skip, noted = skip_not_finite(jnp.array([jnp.nan, 1.0, jnp.inf]), 0, None)
    >>> bool(skip), int(noted["num_not_finite"])
    (True, 2)
    """
    del gradient_step, params
    n = _not_finite(updates)
    return n > 0, {"should_skip": n > 0, "num_not_finite": n}


def skip_large_updates(
    updates: PyTree,
    gradient_step: Any,
    params: PyTree | None,
    max_squared_norm: Scalar,
) -> tuple[Array, PyTree]:
    """(not n < max_squared_norm, {"should_skip", "norm_squared": n}), n = ‖g‖².

    For `MultiSteps`, as `functools.partial(skip_large_updates, max_squared_norm=...)`.

    >>> skip, noted = skip_large_updates(jnp.array([3.0, 4.0]), 0, None, 20.0)
    >>> bool(skip), float(noted["norm_squared"])
    (True, 25.0)
    """
    del gradient_step, params
    leaves = [arithmetic.widen(g) for g in jax.tree.leaves(updates)]
    dtype = arithmetic.wide(*leaves)
    n = sum((jnp.sum(g * g).astype(dtype) for g in leaves), jnp.zeros([], dtype))
    skip = ~(n < arithmetic.like(arithmetic.number(max_squared_norm), n))
    return skip, {"should_skip": skip, "norm_squared": n}


def _not_finite(updates):
    """() int32, how many entries are not finite."""
    zero = jnp.zeros([], jnp.int32)
    leaves = [~jnp.isfinite(g) for g in jax.tree.leaves(updates)]
    return sum((jnp.sum(x, dtype=jnp.int32) for x in leaves), zero)

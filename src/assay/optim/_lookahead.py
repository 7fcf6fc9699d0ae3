"""Lookahead: a slow copy of the parameters, followed by the fast optimizer."""

from typing import Any, NamedTuple

import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim import _select
from assay.optim._transform import Transform, with_extra_args_support
from assay.typing import Array, PyTree, Scalar


class LookaheadParams(NamedTuple):
    """Both parameters: gradients are taken at `fast`, the model is used with `slow`."""

    fast: PyTree
    slow: PyTree

    @classmethod
    def init_synced(cls, params: PyTree) -> "LookaheadParams":
        """Both the same."""
        return cls(fast=params, slow=params)


class LookaheadState(NamedTuple):
    """The state of `lookahead`."""

    fast_state: PyTree  # of the fast optimizer
    steps_since_sync: Array  # () int32, below sync_period


def lookahead(
    fast_optimizer: Transform,
    sync_period: Scalar,
    slow_step_size: Scalar,
    reset_state: bool = False,
) -> Transform:
    """Each sync_period-th step slow ← slow + slow_step_size (fast − slow), fast ← it.

    Parameters and updates are `LookaheadParams`, gradients like `fast`. `reset_state`
    starts the fast optimizer anew after each.

    >>> from assay import optim
    >>> tx = lookahead(optim.sgd(1.0), sync_period=2, slow_step_size=0.5)
    >>> params = LookaheadParams.init_synced(jnp.zeros(1))
    >>> state = tx.init(params)
    >>> for _ in range(2):
    ...     updates, state = tx.update(-jnp.ones(1), state, params)
    ...     params = optim.apply_updates(params, updates)
    >>> params.fast.tolist(), params.slow.tolist()
    ([1.0], [1.0])

    Zhang et al. 2019, arXiv:1907.08610.
    """
    _check.within("lookahead", "sync_period", sync_period, 1, float("inf"))
    period, alpha = jnp.asarray(sync_period, jnp.int32), slow_step_size
    inner = with_extra_args_support(fast_optimizer)

    def init(params):
        fast = getattr(params, "fast", params)
        return LookaheadState(inner.init(fast), jnp.zeros([], jnp.int32))

    def update(updates, state, params=None, **extra):
        both = _pair(params)
        fast, slow = both.fast, both.slow
        updates, fast_state = inner.update(updates, state.fast_state, fast, **extra)
        sync = state.steps_since_sync == period - 1
        if reset_state:
            fast_state = _select.state(sync, inner.init(fast), fast_state)
        step, rest = arithmetic.number(alpha), arithmetic.complement(alpha)

        def ahead(u, f, s):
            f, s = (jnp.asarray(x).astype(u.dtype) for x in (f, s))
            return f + u - s

        def fast_leaf(u, f, s):
            back = arithmetic.like(rest, u) * ahead(u, f, s)
            return jnp.where(sync, u - back, u)

        def slow_leaf(u, f, s):
            return jnp.where(sync, arithmetic.like(step, u) * ahead(u, f, s), 0)

        moves = both._replace(
            fast=arithmetic.each(fast_leaf, updates, fast, slow),
            slow=arithmetic.each(slow_leaf, updates, fast, slow),
        )
        return moves, LookaheadState(fast_state, (state.steps_since_sync + 1) % period)

    return Transform(init, update)


def _pair(params: Any) -> Any:
    """The parameters, if they have both: ours or Optax's."""
    if not (hasattr(params, "fast") and hasattr(params, "slow")):
        todo = "Start with LookaheadParams.init_synced(params)."
        got = type(params).__name__
        _check.fail("lookahead", "params must be LookaheadParams", got, todo)
    return params

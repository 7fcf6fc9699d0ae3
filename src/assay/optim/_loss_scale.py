"""Loss scaling: gradients of float16 that neither vanish nor overflow."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim import _select
from assay.optim._transform import Transform, with_extra_args_support
from assay.typing import Array, PyTree, Scalar


class LossScaleState(NamedTuple):
    """The state of both loss scales."""

    scale: Array  # () float32, what the loss is to be multiplied by
    good_steps: Array  # () int32, finite steps in a row since the scale last changed
    skipped: Array  # () int32, updates so far that were not finite
    inner_state: PyTree  # of the inner transform, untouched by those


def scale_loss(loss: Array, state: LossScaleState) -> Array:
    """state.scale · loss, in at least float32: differentiate this one.

    >>> from assay import optim
    >>> state = static_loss_scale(optim.sgd(0.1), 1024.0).init(jnp.zeros(2))
    >>> float(scale_loss(jnp.array(0.5, jnp.float16), state))
    512.0
    """
    loss = arithmetic.widen(loss)
    return loss * state.scale.astype(loss.dtype)


def static_loss_scale(inner: Transform, scale: Scalar = 2.0**15) -> Transform:
    """u = inner(g/scale) of the gradients g of scale · loss; 0 if one is not finite.

    Such a step moves no inner state and no schedule, and is counted in `skipped`. The
    gradients are divided in float32, and so are the updates float32.

    >>> from assay import optim
    >>> tx = static_loss_scale(optim.sgd(1.0), 4.0)
    >>> g = jnp.array([8.0, -2.0], jnp.float16)
    >>> tx.update(g, tx.init(g))[0].tolist()
    [-2.0, 0.5]

    Micikevicius et al. 2018, arXiv:1710.03740.
    """
    return _scaled(inner, scale, lambda state, finite: state.scale)


def dynamic_loss_scale(
    inner: Transform,
    init_scale: Scalar = 2.0**15,
    growth_interval: Scalar = 2000,
    *,
    factor: Scalar = 2.0,
    min_scale: Scalar = 1.0,
    max_scale: Scalar = 2.0**24,
) -> Transform:
    """`static_loss_scale` whose scale is divided by `factor` at a step not finite.

    After growth_interval finite ones in a row it is multiplied by it. It stays between
    min_scale and max_scale.

    >>> from assay import optim
    >>> tx = dynamic_loss_scale(optim.sgd(1.0), 4.0)
    >>> bad = jnp.array([jnp.inf, 1.0], jnp.float16)
    >>> u, state = tx.update(bad, tx.init(jnp.zeros(2)))
    >>> u.tolist(), float(state.scale), int(state.skipped)
    ([0.0, 0.0], 2.0, 1)

    Micikevicius et al. 2018, arXiv:1710.03740; torch's GradScaler.
    """
    times, interval = arithmetic.number(factor), jnp.asarray(growth_interval, jnp.int32)
    _check.within("dynamic_loss_scale", "factor", times, 1, float("inf"))
    ends = arithmetic.number(min_scale), arithmetic.number(max_scale)

    def scale(state, finite):
        now, by = state.scale, arithmetic.like(times, state.scale)
        low, high = (arithmetic.like(x, now) for x in ends)
        grown = jnp.where(
            state.good_steps == interval, jnp.minimum(now * by, high), now
        )
        return jnp.where(finite, grown, jnp.maximum(now / by, low))

    return _scaled(inner, init_scale, scale)


def _scaled(inner: Transform, start: Scalar, rescale: Callable) -> Transform:
    inner = with_extra_args_support(inner)

    def init(params):
        scale = jnp.asarray(arithmetic.number(start)).astype(jnp.float32)
        good, skipped = (jnp.zeros([], jnp.int32) for _ in range(2))
        scale = jnp.array(scale, copy=True)
        return LossScaleState(scale, good, skipped, inner.init(params))

    def update(updates, state, params=None, **extra):
        def unscaled(g):
            g = arithmetic.widen(g)
            return g / state.scale.astype(g.dtype)

        updates = jax.tree.map(unscaled, updates)
        finite = _all_finite(updates)
        # Zeros for what is passed over: nan would reach the meta-gradients.
        given = _select.or_zero(finite, updates)
        new, moved = inner.update(given, state.inner_state, params, **extra)
        moved = _select.state(finite, moved, state.inner_state)
        good = jnp.where(finite, arithmetic.increment(state.good_steps), 0)
        skipped = state.skipped + (~finite).astype(jnp.int32)
        state = LossScaleState(state.scale, good, skipped, moved)
        scale = rescale(state, finite)
        good = jnp.where(scale == state.scale, good, 0)
        state = state._replace(scale=scale, good_steps=good)
        return _select.or_zero(finite, new), state

    return Transform(init, update)


def _all_finite(tree: PyTree) -> Array:
    """Whether every entry is."""
    finite = [jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves(tree)]
    return jnp.all(jnp.array([*finite, True]))

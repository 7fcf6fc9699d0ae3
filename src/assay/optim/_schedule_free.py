"""Schedule-free: gradients between the last iterate and the mean of all of them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim import _leaves
from assay.optim._decay import add_decayed_weights
from assay.optim._rmsprop import scale_by_rms
from assay.optim._sgd import sgd
from assay.optim._transform import (
    Transform,
    chain,
    scale_by_learning_rate,
    with_extra_args_support,
)
from assay.optim.schedules import warmup_constant_schedule
from assay.typing import Array, DType, PyTree, Scalar, ScalarOrSchedule


class ScheduleFreeState(NamedTuple):
    """The state of `schedule_free`."""

    b1: Array  # () >= float32, the share of the mean in the parameters
    relative_sum: Array  # () >= float32, Σ weight over the latest weight
    step_count: Array  # () int32, the coming update's number, from 1
    max_lr: Array  # () >= float32, the greatest rate so far
    base_optimizer_state: PyTree  # of the base optimizer
    z: PyTree  # where the base optimizer is, like params, >= float32 or state_dtype


def schedule_free(
    base_optimizer: Transform,
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    weight_lr_power: Scalar = 2.0,
    state_dtype: DType = None,
) -> Transform:
    """z ← z + u; x ← (1 − c) x + c z, a mean; the parameters y = (1 − b1) z + b1 x.

    u is what the base optimizer, without momentum, makes of the gradient at y;
    c = w/Σw, w = (greatest learning_rate so far)^weight_lr_power, read at t = 1, 2, ...
    The mean, which is to be evaluated, is `schedule_free_eval_params(state, y)`.

    >>> from assay import optim
    >>> tx = schedule_free(optim.sgd(0.1), 0.1)
    >>> y = jnp.array([1.0, 2.0])
    >>> updates, state = tx.update(jnp.array([1.0, -1.0]), tx.init(y), y)
    >>> [round(u, 6) for u in updates.tolist()]
    [-0.1, 0.1]

    Defazio et al. 2024, arXiv:2405.15682.
    """
    who, base = "schedule_free", with_extra_args_support(base_optimizer)
    power = arithmetic.number(weight_lr_power)

    def init(params):
        dtype = arithmetic.wide(*jax.tree.leaves(params))
        return ScheduleFreeState(
            b1=jnp.array(arithmetic.number(b1), dtype, copy=True),
            relative_sum=jnp.zeros([], dtype),
            step_count=jnp.ones([], jnp.int32),
            max_lr=jnp.zeros([], dtype),
            base_optimizer_state=base.init(params),
            z=jax.tree.map(lambda p: _copy(p, state_dtype), params),
        )

    def update(updates, state, params=None, **extra):
        _leaves.need_params(who, params)
        count, old = state.step_count, state.max_lr
        rate = learning_rate(count) if callable(learning_rate) else learning_rate
        most = jnp.maximum(old, arithmetic.like(arithmetic.number(rate), old))
        total, c = _share(state.relative_sum, old, most, power)
        held = state.base_optimizer_state
        steps, held = base.update(updates, held, params, **extra)
        leaf = _leaf(c, arithmetic.like(arithmetic.number(b1), c))
        updates, z = _leaves.spread(who, leaf, 2, steps, state.z, params)
        count = arithmetic.increment(count)
        # The b1 of this update, for whoever evaluates: a held one may have changed.
        now = jnp.asarray(arithmetic.number(b1)).astype(state.b1.dtype)
        return updates, ScheduleFreeState(now, total, count, most, held, z)

    return Transform(init, update)


def schedule_free_eval_params(state: PyTree, params: PyTree) -> PyTree:
    """x = z + (y − z)/b1: the mean that is to be evaluated, y the parameters.

    >>> tx = schedule_free_sgd(0.5)
    >>> y = jnp.array([1.0])
    >>> updates, state = tx.update(jnp.array([1.0]), tx.init(y), y)
    >>> schedule_free_eval_params(state, y + updates).tolist()
    [0.5]
    """
    if not all(hasattr(state, name) for name in ("b1", "z")):
        todo = "Pass what init and update of schedule_free return."
        must = "state must be a ScheduleFreeState"
        _check.fail("schedule_free_eval_params", must, type(state).__name__, todo)

    def leaf(y, z):
        wide, y = arithmetic.wide(y, z), jnp.asarray(y)
        z, b1 = z.astype(wide), state.b1.astype(wide)
        return (z + (y.astype(wide) - z) / b1).astype(y.dtype)

    return jax.tree.map(leaf, params, state.z)


def schedule_free_sgd(
    learning_rate: Scalar = 1.0,
    warmup_steps: int | None = None,
    b1: Scalar = 0.9,
    weight_decay: Scalar | None = None,
    weight_lr_power: Scalar = 2.0,
    state_dtype: DType = None,
) -> Transform:
    """`schedule_free` of `sgd`, the rate rising linearly over warmup_steps.

    >>> tx = schedule_free_sgd(0.1)
    >>> y = jnp.array([1.0, 2.0])
    >>> updates, _ = tx.update(jnp.array([1.0, -1.0]), tx.init(y), y)
    >>> [round(u, 6) for u in updates.tolist()]
    [-0.1, 0.1]
    """
    rate = _warmed(learning_rate, warmup_steps)
    base = sgd(rate)
    if weight_decay is not None:
        base = chain(add_decayed_weights(weight_decay), base)
    return schedule_free(base, rate, b1, weight_lr_power, state_dtype)


def schedule_free_adamw(
    learning_rate: Scalar = 0.0025,
    warmup_steps: int | None = None,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.0,
    weight_lr_power: Scalar = 2.0,
    state_dtype: DType = None,
) -> Transform:
    """`schedule_free` of AdamW without momentum, the rate rising over warmup_steps.

    >>> tx = schedule_free_adamw(0.1)
    >>> y = jnp.array([1.0, 2.0])
    >>> updates, _ = tx.update(jnp.array([0.5, -2.0]), tx.init(y), y)
    >>> [round(u, 6) for u in updates.tolist()]
    [-0.1, 0.1]
    """
    rate = _warmed(learning_rate, warmup_steps)
    base = chain(
        scale_by_rms(b2, eps, eps_in_sqrt=False, bias_correction=True),
        add_decayed_weights(weight_decay),
        scale_by_learning_rate(rate),
    )
    return schedule_free(base, rate, b1, weight_lr_power, state_dtype)


def _warmed(learning_rate: Scalar, warmup_steps: int | None) -> ScalarOrSchedule:
    """The rate, or a schedule that rises to it."""
    if warmup_steps is None:
        return learning_rate
    return warmup_constant_schedule(0.0, learning_rate, warmup_steps)


def _copy(p: Array, dtype: DType) -> Array:
    """A buffer of its own: the parameters' may be donated."""
    return jnp.array(p, dtype or arithmetic.wide(p), copy=True)


def _share(total, old, most, power):
    """Σ weight over the new weight, and one over that: the share of the new z.

    A plain sum drifts by rounding; this one is an integer while the rate is constant.
    """
    power = arithmetic.like(power, total)
    some = (most > 0) | (jnp.asarray(power) == 0)
    # Before the first step the total is 0, and so must be the derivative of 0^power.
    ratio = jnp.where(old > 0, old / jnp.where(most > 0, most, 1), 1)
    total = total * ratio**power + 1
    return jnp.where(some, total, 0), jnp.where(some, 1 / total, 0)


def _leaf(c, b1):
    """(u, z, y) -> (new y − y, new z)."""

    def leaf(u, z, y):
        dtype = arithmetic.wide(u, z, y)
        step, old = jnp.asarray(u).astype(dtype), z.astype(dtype)
        share, mean = c.astype(dtype), arithmetic.like(b1, jnp.ones([], dtype))
        # b1 x + (1 − b1) z − y with x = (y − (1 − b1) z)/b1 put in: the differences of
        # nearly equal numbers, which lose the digits of the step, cancel on paper.
        away = jnp.asarray(y).astype(dtype) - old
        move = (1 - mean * (1 - share)) * step - share * away
        return move.astype(jnp.result_type(u)), (old + step).astype(z.dtype)

    return leaf

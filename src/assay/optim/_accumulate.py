"""Gradients of several small batches, applied as that of one large batch."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim import _select
from assay.optim._transform import Transform, with_extra_args_support
from assay.typing import Array, DType, PyTree, Scalar, ScalarOrSchedule


class MultiStepsState(NamedTuple):
    """The state of `MultiSteps`."""

    mini_step: Array  # () int32, small batches since the last step
    gradient_step: Array  # () int32, steps so far
    inner_opt_state: PyTree  # of the optimizer, unchanged between steps
    acc_grads: PyTree  # mean (or sum) so far, like params, >= float32; () if k is 1
    skip_state: PyTree = ()  # what should_skip_update_fn said last
    weight: PyTree = ()  # () float32, weight of all in acc_grads; () if k is 1


class ApplyEvery(NamedTuple):
    """The state of `apply_every`."""

    count: Array  # () int32, gradients in grad_acc, modulo k
    grad_acc: PyTree  # their sum, like params, >= float32


class _Steps(Transform):
    """A transform with the two methods of Optax's class besides."""

    def gradient_transformation(self) -> Transform:
        """The pair itself."""
        return Transform(*self)

    def has_updated(self, state: PyTree) -> Array:
        """Whether the last update was a step."""
        return has_updated(state)


def MultiSteps(
    opt: Transform,
    every_k_schedule: ScalarOrSchedule,
    use_grad_mean: bool = True,
    should_skip_update_fn: Callable | None = None,
    accumulator_dtype: DType = jnp.float32,
) -> Transform:
    """u = opt(Σ wᵢ gᵢ / Σ wᵢ) at every k-th update, 0 in between: one large batch.

    wᵢ is 1, or the extra argument `weight=` of the update: how many examples or tokens
    the i-th mean loss counted; 0 leaves that batch out. `use_grad_mean=False`: Σ wᵢ gᵢ.
    k may be a function of the steps done. A schedule inside counts steps, not batches.
    `should_skip_update_fn(updates, gradient_step, params)`, such as `skip_not_finite`,
    says whether to pass over a batch, and what to note of it in the state.

    >>> from assay import optim
    >>> tx = MultiSteps(optim.sgd(1.0), 2)
    >>> first, state = tx.update(jnp.float32(1.0), tx.init(jnp.float32(0.0)), weight=3)
    >>> then, state = tx.update(jnp.float32(5.0), state, weight=1)
    >>> float(first), float(then)
    (0.0, -2.0)

    A pair like any other, so that it stands in a chain: Optax's is a class. Leaves of
    float64 are accumulated as such unless `accumulator_dtype` is another than float32.
    """
    if not callable(every_k_schedule):
        k = arithmetic.number(every_k_schedule)
        _check.within("MultiSteps", "every_k_schedule", k, 1, math.inf)
    every, opt = every_k_schedule, with_extra_args_support(opt)
    single = isinstance(every, int) and every == 1
    skipping = should_skip_update_fn or (lambda *_: (jnp.zeros([], jnp.bool_), ()))

    def init(params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        mini, done = jnp.zeros([], jnp.int32), jnp.zeros([], jnp.int32)
        inner, noted = opt.init(params), skipping(zeros, done, params)[1]
        if single:
            return MultiStepsState(mini, done, inner, (), noted)
        acc = _zeros(params, accumulator_dtype)
        weight = jnp.zeros([], arithmetic.wide(*jax.tree.leaves(acc)))
        return MultiStepsState(mini, done, inner, acc, noted, weight)

    def update(updates, state, params=None, *, weight=None, **extra):
        done, inner = state.gradient_step, state.inner_opt_state
        k = jnp.asarray(every(done) if callable(every) else every, jnp.int32)
        skip, noted = skipping(updates, done, params)
        # Zeros for what is passed over: nan would reach the meta-gradients.
        updates = _select.or_zero(~skip, updates)
        acc, total = _gather(updates, state, weight, skip, use_grad_mean)
        emit = ~skip if single else ~skip & (state.mini_step == k - 1)
        # In the dtype of one gradient, as that of the large batch would be.
        large = _select.cast(acc, updates)
        new, inner_new = opt.update(large, inner, params, **extra)
        mini = jnp.where(skip, state.mini_step, (state.mini_step + 1) % k)
        return _select.or_zero(emit, _select.cast(new, updates)), MultiStepsState(
            mini_step=mini,
            gradient_step=jnp.where(emit, arithmetic.increment(done), done),
            inner_opt_state=_select.state(emit, inner_new, inner),
            acc_grads=() if single else _kept(emit, acc, state.acc_grads),
            skip_state=noted,
            weight=jax.tree.map(lambda w: jnp.where(emit, 0, w), total),
        )

    return _Steps(init, update)


def has_updated(state: PyTree) -> Array:
    """Whether `MultiSteps` stands right behind a step, by its state.

    As in Optax, a batch that was passed over after a step does not change that.

    >>> from assay import optim
    >>> tx, w = MultiSteps(optim.sgd(1.0), 2), jnp.zeros(())
    >>> _, first = tx.update(w, tx.init(w))
    >>> _, then = tx.update(w, first)
    >>> bool(has_updated(first)), bool(has_updated(then))
    (False, True)
    """
    return (state.mini_step == 0) & (state.gradient_step > 0)


def apply_every(k: Scalar = 1) -> Transform:
    """u = Σ g over the last k updates at every k-th, 0 in between.

    What stands before it in a chain moves at every update: `MultiSteps` is the one that
    equals a large batch.

    >>> tx = apply_every(2)
    >>> first, state = tx.update(jnp.float32(1.0), tx.init(jnp.float32(0.0)))
    >>> then, state = tx.update(jnp.float32(2.0), state)
    >>> float(first), float(then)
    (0.0, 3.0)
    """
    who, k = "apply_every", arithmetic.number(k)

    def init(params):
        acc = arithmetic.full_like(who, params, 0.0)
        return ApplyEvery(jnp.zeros([], jnp.int32), acc)

    def update(updates, state, params=None, **extra):
        del params, extra
        each = jnp.asarray(k, jnp.int32)
        at = state.count % each

        def add(g, a):
            return jnp.where(at == 0, g, a + g)

        acc = arithmetic.accumulate(who, add, updates, state.grad_acc)
        new = _select.or_zero(at == each - 1, _select.cast(acc, updates))
        acc = arithmetic.cast_like(acc, state.grad_acc)
        return new, ApplyEvery(arithmetic.increment(state.count) % each, acc)

    return Transform(init, update)


def _zeros(params, dtype):
    """The accumulators; float32 means at least float32."""
    wide = None if dtype is None or jnp.dtype(dtype) == jnp.float32 else dtype
    return arithmetic.full_like("MultiSteps", params, 0.0, wide)


def _gather(updates, state, weight, skip, mean):
    """The mean or sum with these updates, in >= float32, and the weight of it all."""
    acc, total = state.acc_grads, state.weight
    if not jax.tree.leaves(total):  # k is 1: the gradient itself
        return updates if weight is None else _weighed(updates, weight, mean), ()
    w = jnp.asarray(1 if weight is None else weight).astype(total.dtype)
    w = jnp.where(skip, 0, w)
    total = total + w
    share = w / jnp.where(total == 0, 1, total) if mean else w

    def leaf(g, a):
        s = share.astype(g.dtype)
        # Where nothing weighs, g may be the mean over nothing: nan.
        return jnp.where(w == 0, a, a + s * (g - a) if mean else a + s * g)

    return arithmetic.accumulate("MultiSteps", leaf, updates, acc), total


def _weighed(updates, weight, mean):
    """The only batch of its step."""

    def leaf(g):
        w = jnp.asarray(weight).astype(g.dtype)
        return jnp.where(w == 0, 0, g if mean else w * g)

    return arithmetic.each(leaf, updates)


def _kept(emit, new, old):
    """The accumulators after this update: zeros after a step."""
    return jax.tree.map(lambda n, o: jnp.where(emit, 0, n).astype(o.dtype), new, old)

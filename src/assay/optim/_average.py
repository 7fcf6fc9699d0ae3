"""Running means: of the gradients, and of the parameters that an optimizer visits."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim import _leaves
from assay.optim._transform import Transform, apply_updates
from assay.typing import Array, DType, PyTree, Scalar


class EmaState(NamedTuple):
    """The state of `ema`."""

    count: Array  # () int32, updates so far
    ema: PyTree  # mean of the gradients, like params, >= float32


class ParamsEmaState(NamedTuple):
    """The state of `params_ema`; `ema` is ready for use at every step."""

    count: Array  # () int32, updates so far
    weight: Array  # () >= float32, of all that is in the mean; 1 without debias
    ema: PyTree  # mean of the parameters, >= float32


class SwaState(NamedTuple):
    """The state of `swa`; `average` is ready for use at every step."""

    count: Array  # () int32, updates so far
    averaged: Array  # () int32, how many parameters are in the average
    average: PyTree  # their mean, >= float32; the newest while there is none


def ema(
    decay: Scalar, debias: bool = True, accumulator_dtype: DType = None
) -> Transform:
    """m ← decay · m + (1 − decay) g; u = m/(1 − decayᵗ), or m without `debias`.

    >>> tx = ema(0.5)
    >>> g = jnp.array([4.0, -2.0])
    >>> _, state = tx.update(g, tx.init(g))
    >>> [round(u, 4) for u in tx.update(0 * g, state)[0].tolist()]
    [1.3333, -0.6667]
    """

    def init(params):
        zeros = arithmetic.full_like("ema", params, 0.0, accumulator_dtype)
        return EmaState(jnp.zeros([], jnp.int32), zeros)

    def update(updates, state, params=None, **extra):
        del params, extra
        count = arithmetic.increment(state.count)
        new = arithmetic.ema("ema", updates, state.ema, decay)
        weight = jnp.ones([])
        if debias:
            dtype = arithmetic.wide(*jax.tree.leaves(new))
            weight = arithmetic.correction(decay, count, dtype)
        updates = arithmetic.each(lambda g, m: m / weight.astype(m.dtype), updates, new)
        return updates, EmaState(count, arithmetic.cast_like(new, state.ema))

    return Transform(init, update)


def params_ema(
    decay: Scalar,
    debias: bool = False,
    accumulator_dtype: DType = None,
    *,
    warmup: bool = False,
) -> Transform:
    """m ← decay · m + (1 − decay) p, p the parameters after this update; u = g.

    Last in a chain. The mean starts at the first parameters; with `debias` these do
    not count: m is Σ decayᵗ⁻ⁱ pᵢ over Σ decayᵗ⁻ⁱ. `warmup` takes min(decay,
    (1 + t)/(10 + t)), t the updates before. Evaluate with the state's `ema`.

    >>> tx = params_ema(0.75)
    >>> w = jnp.array([4.0, 8.0])
    >>> _, state = tx.update(-w, tx.init(w), w)
    >>> state.ema.tolist()
    [3.0, 6.0]

    Polyak and Juditsky 1992, doi:10.1137/0330046; `warmup` is TensorFlow's.
    """
    who, least = "params_ema", arithmetic.complement(decay)

    def init(params):
        start = _copy(who, params, accumulator_dtype)
        weight = jnp.full(
            [], 0 if debias else 1, arithmetic.wide(*jax.tree.leaves(start))
        )
        return ParamsEmaState(jnp.zeros([], jnp.int32), weight, start)

    def update(updates, state, params=None, **extra):
        del extra
        _leaves.need_params(who, params)
        old = state.weight
        w = arithmetic.like(least, old)
        if warmup:
            w = jnp.maximum(w, 9 / (10 + state.count.astype(old.dtype)))
        weight = (old + w * (1 - old)).astype(old.dtype)
        new = _toward(who, state.ema, apply_updates(params, updates), w / weight)
        count = arithmetic.increment(state.count)
        return updates, ParamsEmaState(count, weight, new)

    return Transform(init, update)


def swa(
    start: Scalar = 0, period: Scalar = 1, accumulator_dtype: DType = None
) -> Transform:
    """m = mean of the parameters after start + period, start + 2 period ... updates.

    Last in a chain; u = g. Until there is one, m is the newest parameters. Every step
    from `start` on is Polyak-Ruppert averaging, torch's ASGD. Evaluate with `average`.

    >>> tx = swa(start=1)
    >>> w, state = jnp.array(0.0), tx.init(jnp.array(0.0))
    >>> for _ in range(4):
    ...     u, state = tx.update(jnp.array(1.0), state, w)
    ...     w = w + u
    >>> float(state.average)
    3.0

    Izmailov et al. 2018, arXiv:1803.05407.
    """
    begin, every = (jnp.asarray(n, jnp.int32) for n in (start, period))
    _check.within("swa", "period", period, 1, float("inf"))

    def init(params):
        count, n = (jnp.zeros([], jnp.int32) for _ in range(2))
        return SwaState(count, n, _copy("swa", params, accumulator_dtype))

    def update(updates, state, params=None, **extra):
        del extra
        _leaves.need_params("swa", params)
        count = arithmetic.increment(state.count)
        hit = (count > begin) & ((count - begin) % every == 0)
        n = jnp.where(hit, arithmetic.increment(state.averaged), state.averaged)
        whole = jnp.maximum(n, 1).astype(arithmetic.wide(*jax.tree.leaves(params)))
        share = jnp.where(hit | (n == 0), 1 / whole, 0)
        new = _toward("swa", state.average, apply_updates(params, updates), share)
        return updates, SwaState(count, n, new)

    return Transform(init, update)


def incremental_update(
    new_tensors: PyTree, old_tensors: PyTree, step_size: Scalar
) -> PyTree:
    """step_size · new + (1 − step_size) · old, in the dtype of the old.

    >>> incremental_update({"w": jnp.ones(2)}, {"w": jnp.zeros(2)}, 0.25)["w"].tolist()
    [0.25, 0.25]

    Polyak and Juditsky 1992, doi:10.1137/0330046.
    """
    step, rest = arithmetic.number(step_size), arithmetic.complement(step_size)

    def leaf(new, old):
        return arithmetic.like(step, old) * new + arithmetic.like(rest, old) * old

    return _mixed(leaf, new_tensors, old_tensors)


def periodic_update(
    new_tensors: PyTree, old_tensors: PyTree, steps: Scalar, update_period: Scalar
) -> PyTree:
    """The new where steps is a multiple of update_period, else the old.

    >>> [periodic_update(jnp.ones(()), jnp.zeros(()), t, 2).item() for t in range(4)]
    [1.0, 0.0, 1.0, 0.0]

    Mnih et al. 2015, doi:10.1038/nature14236.
    """
    due = jnp.asarray(steps) % jnp.asarray(update_period) == 0
    return _mixed(lambda new, old: jnp.where(due, new, old), new_tensors, old_tensors)


def _mixed(f: Callable, new: PyTree, old: PyTree) -> PyTree:
    """f(new, old) in at least float32, in the dtype of the old; None stays None."""

    def leaf(n, o):
        if n is None:
            return None
        n, o = jnp.asarray(n), jnp.asarray(o)
        dtype = arithmetic.wide(n, o)
        return f(n.astype(dtype), o.astype(dtype)).astype(o.dtype)

    return jax.tree.map(leaf, new, old, is_leaf=lambda x: x is None)


def _copy(who: str, params: PyTree, dtype: DType) -> PyTree:
    """The parameters in at least float32, in buffers of their own."""

    def leaf(p):
        _check.floating(who, params=p)
        return jnp.array(p, dtype or arithmetic.wide(p), copy=True)

    return jax.tree.map(leaf, params)


def _toward(who: str, mean: PyTree, params: PyTree, share: Array) -> PyTree:
    """mean + share (p − mean), the mean itself where share is 0."""

    def leaf(p, m):
        return jnp.where(share > 0, m + share.astype(m.dtype) * (p - m), m)

    return arithmetic.cast_like(arithmetic.accumulate(who, leaf, params, mean), mean)

"""Small updates of half-precision parameters, kept: three ways to lose no step.

Nearest rounding loses every update below half a unit in the last place: 1e-4 from 1.0
in bfloat16, for ever. Each of these goes last (or around all), and emits float32
updates of which every `apply_updates`, ours or Optax's, makes exactly the number meant.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim import _leaves
from assay.optim._average import _copy
from assay.optim._noise import keys_like, start_key
from assay.optim._transform import Transform, apply_updates, with_extra_args_support
from assay.typing import Array, DType, Key, PyTree


class KahanState(NamedTuple):
    """The state of `kahan_summation`."""

    compensation: PyTree  # what rounding has left out so far, like params, >= float32


class StochasticRoundingState(NamedTuple):
    """The state of `stochastic_rounding`."""

    rng_key: Array  # () typed key, split at every update


class MasterWeightsState(NamedTuple):
    """The state of `master_weights`."""

    master: PyTree  # the parameters, >= float32
    inner_state: PyTree  # of the inner transform, made from the master


def kahan_summation(accumulator_dtype: DType = None) -> Transform:
    """u = round(p + g + c) − p; c ← g + c − u: what rounding left out comes back later.

    >>> tx, w = kahan_summation(), jnp.ones((), jnp.bfloat16)
    >>> state = tx.init(w)
    >>> for _ in range(3):
    ...     u, state = tx.update(jnp.array(2.0**-9), state, w)
    ...     w = (w.astype(u.dtype) + u).astype(w.dtype)
    >>> float(w), float(state.compensation)
    (1.0078125, -0.001953125)

    Kahan 1965, doi:10.1145/363707.363723; Zamirai et al. 2020, arXiv:2010.06192.
    """
    who = "kahan_summation"

    def init(params):
        return KahanState(arithmetic.full_like(who, params, 0.0, accumulator_dtype))

    def leaf(g, c, p):
        dtype = arithmetic.wide(g, c, p)
        total, start = g.astype(dtype) + c.astype(dtype), p.astype(dtype)
        move = _nearest(start + total, p.dtype) - start
        return move, (total - move).astype(c.dtype)

    def update(updates, state, params=None, **extra):
        del extra
        _leaves.need_params(who, params)
        args = updates, state.compensation, params
        updates, new = _leaves.spread(who, leaf, 2, *args)
        return updates, KahanState(new)

    return Transform(init, update)


def stochastic_rounding(key: Key | int) -> Transform:
    """u = r − p, r one of the two neighbours of p + g, and p + g on average.

    The chance of a neighbour is how near it is. Float32 parameters stay as they are.

    >>> tx, w = stochastic_rounding(key=0), jnp.ones(10_000, jnp.bfloat16)
    >>> u, _ = tx.update(jnp.full(10_000, 2.0**-9), tx.init(w), w)
    >>> sorted(set(u.tolist())), round(float(u.mean()) * 2**9, 1)
    ([0.0, 0.0078125], 1.0)

    Gupta et al. 2015, arXiv:1502.02551; Zamirai et al. 2020, arXiv:2010.06192.
    """
    who, key = "stochastic_rounding", start_key("stochastic_rounding", key)

    def init(params):
        del params
        return StochasticRoundingState(jnp.array(key, copy=True))

    def update(updates, state, params=None, **extra):
        del extra
        _leaves.need_params(who, params)
        after, sample = jax.random.split(state.rng_key)
        keys = keys_like(sample, updates)
        updates = _map(_either, updates, params, keys)
        return updates, StochasticRoundingState(after)

    return Transform(init, update)


def master_weights(inner: Transform, accumulator_dtype: DType = None) -> Transform:
    """M ← M + inner(g at M); u = round(M) − p: the optimizer works on float32 copies.

    Its gradients, parameters and state are of at least float32. Parameters changed by
    hand go back to the master at the next update.

    >>> from assay import optim
    >>> tx, w = master_weights(optim.sgd(1.0)), jnp.ones((), jnp.bfloat16)
    >>> u, state = tx.update(-jnp.array(2.0**-9), tx.init(w), w)
    >>> float(u), float(state.master)
    (0.0, 1.001953125)

    Micikevicius et al. 2018, arXiv:1710.03740.
    """
    who, inner = "master_weights", with_extra_args_support(inner)

    def init(params):
        master = _copy(who, params, accumulator_dtype)
        return MasterWeightsState(master, inner.init(_copy(who, master, None)))

    def update(updates, state, params=None, **extra):
        _leaves.need_params(who, params)
        wide = _map(lambda g, m: g.astype(m.dtype), updates, state.master)
        moves, new = inner.update(wide, state.inner_state, state.master, **extra)
        master = apply_updates(state.master, moves)

        def leaf(g, m, p):
            return _nearest(m, p.dtype) - p.astype(m.dtype)

        updates = _map(leaf, updates, master, params)
        return updates, MasterWeightsState(master, new)

    return Transform(init, update)


def _map(f: Callable, updates: PyTree, *rest: PyTree) -> PyTree:
    """f(g, *rest) on every leaf, in whatever dtype it has; None stays None."""

    def leaf(g, *others):
        return None if g is None else f(jnp.asarray(g), *others)

    return jax.tree.map(leaf, updates, *rest, is_leaf=lambda g: g is None)


def _nearest(x: Array, dtype: DType) -> Array:
    """x rounded to nearest in `dtype`, but kept as wide as it is."""
    info = jnp.finfo(dtype)
    if info.bits >= jnp.finfo(x.dtype).bits:
        return x
    # Not astype there and back: XLA may leave both out, and with them the rounding.
    near = jax.lax.reduce_precision(x, info.nexp, info.nmant)
    if info.minexp <= -126:
        return near
    # It makes 0 of what float16 still holds as multiples of 2⁻²⁴.
    small, unit = jnp.abs(x) < float(info.tiny), 2.0 ** (info.minexp - info.nmant)
    return jnp.where(small, jnp.round(x / unit) * unit, near)


def _either(g: Array, p: Array, key: Array) -> Array:
    """The way from p to one of the two neighbours of p + g, drawn by nearness."""
    dtype, info = arithmetic.wide(g, p), jnp.finfo(p.dtype)
    g, start = g.astype(dtype), p.astype(dtype)
    if info.bits >= jnp.finfo(dtype).bits:
        return g
    there = start + g
    # The spacing of the neighbours, at least the smallest normal number of float32.
    least = max(int(info.minexp) - info.nmant, -126)
    exponent = jnp.maximum(jnp.frexp(there)[1] - 1 - info.nmant, least)
    unit = jnp.ldexp(jnp.ones_like(there), exponent)
    below = jnp.floor(there / unit) * unit
    # p − below has no rounding: an update too small for p + g keeps its chance.
    share = ((start - below) + g) / unit
    up = jax.random.uniform(key, p.shape, dtype) < share
    return jnp.where(jnp.isfinite(there), below + jnp.where(up, unit, 0) - start, g)

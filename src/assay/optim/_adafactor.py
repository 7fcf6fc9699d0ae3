"""Adafactor: the mean square of a matrix kept as one row and one column."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim import _leaves
from assay.optim._average import ema
from assay.optim._blocks import clip_by_block_rms, scale_by_param_block_rms
from assay.optim._decay import add_decayed_weights
from assay.optim._grouped import leafwise
from assay.optim._transform import (
    Transform,
    chain,
    scale,
    scale_by_learning_rate,
)
from assay.typing import Array, DType, PyTree, Scalar, ScalarOrSchedule, Schedule


class FactoredState(NamedTuple):
    """The state of `scale_by_factored_rms`; (1,) zeros where a leaf needs none."""

    count: Array  # () int32, updates so far
    v_row: PyTree  # mean squares over one axis of a factored leaf, >= float32
    v_col: PyTree  # the same over the other
    v: PyTree  # mean squares of a leaf that is not factored, like params, >= float32


def _decay_rate_pow(i: Array, exponent: Scalar = 0.8) -> Array:
    """1 − (i + 1)^−exponent: how much of the mean square stays at step i = 0, 1, ..."""
    t = arithmetic.widen(i) + 1
    return 1 - t ** -arithmetic.like(arithmetic.number(exponent), t)


def scale_by_factored_rms(
    factored: bool = True,
    decay_rate: Scalar = 0.8,
    step_offset: Scalar = 0,
    min_dim_size_to_factor: int = 128,
    epsilon: Scalar = 1e-30,
    decay_rate_fn: Callable = _decay_rate_pow,
    *,
    eps_clamp: bool = False,
    last_axes: bool = False,
) -> Transform:
    """g / √v, v the mean of g² + epsilon; of a matrix r cᵀ / mean(r), its means.

    The mean forgets ever less: v ← b · v + (1 − b) · (g² + epsilon) with
    b = decay_rate_fn(t − step_offset, decay_rate) = 1 − (t + 1)^−decay_rate. A leaf
    is factored over its two largest axes if both have min_dim_size_to_factor entries.

    torch's convention: `eps_clamp` means max(v, epsilon) under the root and
    max(mean(r), √epsilon), nothing added to g²; `last_axes` (Keras's too) factors over
    the last two axes, with min_dim_size_to_factor=0.

    >>> tx = scale_by_factored_rms(min_dim_size_to_factor=2)
    >>> g = jnp.array([[1.0, 2.0], [2.0, 4.0]])
    >>> u, state = tx.update(g, tx.init(g), g)
    >>> [[round(x, 6) for x in row] for row in u.tolist()], state.v.shape
    ([[1.0, 1.0], [1.0, 1.0]], (1,))

    Shazeer and Stern 2018, arXiv:1804.04235.
    """
    who, eps = "scale_by_factored_rms", arithmetic.number(epsilon)
    least = min_dim_size_to_factor if factored else None

    def empty(p):
        _check.floating(who, params=p)
        p = arithmetic.widen(p)
        axes = _axes(p.shape, least, last_axes)
        if axes is None:
            # Two arrays: one in both places could not be donated.
            return jnp.zeros(1, p.dtype), jnp.zeros(1, p.dtype), jnp.zeros_like(p)
        # Sums, not new arrays: their sharding follows the parameter's.
        row, col = (jnp.zeros_like(jnp.sum(p, axis)) for axis in reversed(axes))
        return row, col, jnp.zeros(1, p.dtype)

    def init(params):
        rows = _leaves.spread(who, empty, 3, params)
        return FactoredState(jnp.zeros([], jnp.int32), *rows)

    def leaf(keep, g, row, col, v):
        wide, keep = jnp.asarray(g).astype(v.dtype), keep.astype(v.dtype)
        square = wide * wide if eps_clamp else wide * wide + arithmetic.like(eps, wide)
        axes = _axes(wide.shape, least, last_axes)
        if axes is None:
            v = v + (1 - keep) * (square - v)
            root = arithmetic.safe_sqrt(v)
        else:
            row = row + (1 - keep) * (jnp.mean(square, axes[1]) - row)
            col = col + (1 - keep) * (jnp.mean(square, axes[0]) - col)
            root = _root_of_factors(row, col, axes, eps if eps_clamp else None)
        if eps_clamp:
            root = jnp.maximum(root, arithmetic.like(eps, root) ** 0.5)
        zero = root == 0
        direction = jnp.where(zero, 0, wide / jnp.where(zero, 1, root))
        return direction.astype(jnp.result_type(g)), row, col, v

    def update(updates, state, params=None, **extra):
        del params, extra
        count, *moments = state
        t = count.astype(arithmetic.wide(*jax.tree.leaves(moments)))
        t = t - arithmetic.like(arithmetic.number(step_offset), t)
        keep = arithmetic.widen(decay_rate_fn(t, arithmetic.number(decay_rate)))
        new = _leaves.spread(who, partial(leaf, keep), 4, updates, *moments)
        updates, row, col, v = new
        return updates, FactoredState(arithmetic.increment(count), row, col, v)

    return leafwise("scale_by_factored_rms", Transform(init, update))


def adafactor(
    learning_rate: ScalarOrSchedule | None = None,
    min_dim_size_to_factor: int = 128,
    decay_rate: Scalar = 0.8,
    decay_offset: Scalar = 0,
    multiply_by_parameter_scale: bool = True,
    clipping_threshold: Scalar | None = 1.0,
    momentum: Scalar | None = None,
    dtype_momentum: DType = jnp.float32,
    weight_decay_rate: ScalarOrSchedule | None = None,
    eps: Scalar = 1e-30,
    factored: bool = True,
    weight_decay_mask: PyTree | Callable | None = None,
    *,
    eps_clamp: bool = False,
    last_axes: bool = False,
    rate_cap: bool = False,
) -> Transform:
    """Adafactor: `scale_by_factored_rms`, clipped to rms 1, times rate · rms(p); down.

    `rate_cap` takes min(learning_rate, 1/√t) at step t = 1, 2, ... (the paper's
    relative step, torch, Keras). `weight_decay_rate` is not multiplied by the rate:
    torch's decay is weight_decay_rate = learning_rate · weight_decay. A momentum in
    float32 means at least float32.

    >>> tx = adafactor(0.1)
    >>> w = jnp.array([3.0, -3.0])
    >>> updates, _ = tx.update(jnp.array([0.5, 2.0]), tx.init(w), w)
    >>> [round(u, 6) for u in updates.tolist()]
    [-0.3, -0.3]
    """
    rule = scale_by_factored_rms(
        factored,
        decay_rate,
        decay_offset,
        min_dim_size_to_factor,
        eps,
        eps_clamp=eps_clamp,
        last_axes=last_axes,
    )
    rate = _capped(learning_rate) if rate_cap else learning_rate
    steps = [rule]
    if clipping_threshold is not None:
        steps.append(clip_by_block_rms(clipping_threshold))
    steps.append(scale_by_learning_rate(rate, flip_sign=False))
    if multiply_by_parameter_scale:
        steps.append(scale_by_param_block_rms())
    if momentum is not None:
        dtype = None if dtype_momentum == jnp.float32 else dtype_momentum
        steps.append(ema(momentum, debias=False, accumulator_dtype=dtype))
    if weight_decay_rate is not None:
        steps.append(add_decayed_weights(weight_decay_rate, weight_decay_mask))
    return chain(*steps, scale(-1))


def _capped(learning_rate: ScalarOrSchedule | None) -> Schedule:
    """min(learning_rate, 1/√t), t = 1 for the first update."""

    def rate(count):
        cap = jax.lax.rsqrt(jnp.asarray(count, float) + 1)
        given = learning_rate(count) if callable(learning_rate) else learning_rate
        if given is None:
            return cap
        return jnp.minimum(arithmetic.like(arithmetic.number(given), cap), cap)

    return rate


def _axes(
    shape: tuple[int, ...], least: int | None, last: bool
) -> tuple[int, int] | None:
    """The two axes that a leaf is factored over, the larger one second; or None."""
    if least is None or len(shape) < 2:
        return None
    order = sorted(range(len(shape)), key=lambda axis: shape[axis])
    low, high = (len(shape) - 2, len(shape) - 1) if last else order[-2:]
    return None if min(shape[low], shape[high]) < least else (low, high)


def _root_of_factors(
    row: Array, col: Array, axes: tuple[int, int], floor: Scalar | None
) -> Array:
    """√(row · col / mean(row)), each rooted by itself: products of squares vanish."""
    low, high = axes
    row, col = jnp.expand_dims(row, high), jnp.expand_dims(col, low)
    mean = jnp.mean(row, low, keepdims=True)
    if floor is not None:
        mean = jnp.maximum(mean, arithmetic.like(floor, mean) ** 0.5)
    below = jnp.where(mean == 0, 1, jnp.sqrt(jnp.where(mean == 0, 1, mean)))
    return arithmetic.safe_sqrt(row) / below * arithmetic.safe_sqrt(col)

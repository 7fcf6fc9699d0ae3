"""What every initializer does: its default dtype, its place, its fans."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from assay import _check
from assay.typing import Array, DType

Axes = int | Sequence[int]
Shape = Sequence[int]


def default_float(dtype: DType | None) -> DType:
    """The dtype, or JAX's default float (float64 under x64)."""
    return jnp.result_type(float) if dtype is None else dtype


def placed(array: Array, out_sharding: Any) -> Array:
    return array if out_sharding is None else jax.reshard(array, out_sharding)


def fans(shape: tuple, in_axis: Axes, out_axis: Axes, batch_axis: Axes) -> tuple:
    """(fan in, fan out): the sizes of the named axes times the receptive field."""
    if len(shape) < 2:
        must = "the shape must have an axis of inputs and one of outputs"
        _check.fail("variance_scaling", must, f"shape={shape}", "Use normal or zeros.")
    sizes = [_size(shape, axes) for axes in (in_axis, out_axis, batch_axis)]
    named = math.prod(sizes)
    field = math.prod(shape) / named if named else 0
    return sizes[0] * field, sizes[1] * field


def _size(shape: tuple, axes: Axes) -> int:
    return math.prod(shape[a] for a in ([axes] if isinstance(axes, int) else axes))


def windowed(who: str, shape: tuple) -> None:
    """The shape is (*window, inputs, outputs)."""
    _check.rank_at_least(who, "the array", _empty(shape), 3, "(*window, i, o)")


def _empty(shape: tuple) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def middle(window: Sequence[int]) -> tuple[int, ...]:
    """Where a kernel is 1 that changes nothing under "SAME" padding."""
    return tuple((k - 1) // 2 for k in window)

"""What a convolution asks first: that its arrays fit together, and one batch axis."""

from math import prod
from typing import Any

import jax.numpy as jnp

from assay import _check
from assay.layers import _precision
from assay.typing import Array


def kernel_rank(who: str, x: Array, kernel: Array) -> int:
    """How many spatial axes the kernel has, when x has them too."""
    _check.floating(who, x=x, kernel=kernel)
    rank = jnp.ndim(kernel) - 2
    if rank not in (1, 2, 3):
        must = "kernel must be (*window, inputs, outputs) with 1 to 3 spatial axes"
        _check.fail(who, must, f"kernel.shape={jnp.shape(kernel)}")
    layout = f"(*batch, {rank} spatial, channels)"
    _check.rank_at_least(who, "x", x, rank + 1, layout)
    return rank


def groups(who: str, x: Array, kernel: Array) -> int:
    """How often the kernel's inputs stand in the channels of x."""
    c, (i, o) = jnp.shape(x)[-1], jnp.shape(kernel)[-2:]
    if not i or c % i or o % max(c // i, 1):
        must = (
            "kernel inputs (axis -2) must divide the channels, and groups the outputs"
        )
        _check.fail(who, must, _shapes(x, kernel))
    return max(c // i, 1)


def inputs(who: str, x: Array, kernel: Array, todo: str = "") -> None:
    """The kernel has as many inputs as x has channels."""
    if jnp.shape(x)[-1] != jnp.shape(kernel)[-2]:
        must = "the kernel must have as many inputs (axis -2) as x has channels"
        _check.fail(who, must, _shapes(x, kernel), todo)


def filters(who: str, x: Array, kernel: Array) -> None:
    """The kernel has filters for each channel by itself."""
    i, o = jnp.shape(kernel)[-2:]
    if i != 1 or o % max(jnp.shape(x)[-1], 1):
        must = "kernel must be (*window, 1, channels · multiplier)"
        _check.fail(who, must, _shapes(x, kernel))


def one_batch(
    who: str, x: Array, kernel: Array, bias: Array | None
) -> tuple[Array, Array, Array | None, Any]:
    """x (n, *spatial, c), kernel and bias in at least float32, and the dtype of x.

    Half precision is computed in float32, and so rounded once.
    """
    outputs, rank = jnp.shape(kernel)[-1], jnp.ndim(kernel) - 2
    if bias is not None and jnp.shape(bias) != (outputs,):
        must = f"bias must have the shape ({outputs},) of the outputs"
        _check.fail(who, must, f"bias.shape={jnp.shape(bias)}")
    dtype, shape = jnp.result_type(x), jnp.shape(x)
    wide, batch = _precision.wide(dtype), shape[: -rank - 1]
    flat = jnp.asarray(x, wide).reshape(prod(batch), *shape[len(batch) :])
    bias = None if bias is None else jnp.asarray(bias, wide)
    return flat, jnp.asarray(kernel, wide), bias, dtype


def _shapes(x: Array, kernel: Array) -> str:
    return f"x.shape={jnp.shape(x)}, kernel.shape={jnp.shape(kernel)}"

"""Low-rank updates of a kernel."""

from typing import NamedTuple

import jax.numpy as jnp

from assay import _check
from assay.layers._precision import product, spread
from assay.typing import Array, Float, Scalar


class LoRAParams(NamedTuple):
    """A kernel's update down · up of rank r; begin with up = 0."""

    down: Float[Array, "i r"]
    up: Float[Array, "r o"]


def lora_dense(
    x: Float[Array, "*batch i"],
    kernel: Float[Array, "i o"],
    lora: LoRAParams,
    bias: Float[Array, " o"] | None = None,
    *,
    scale: Scalar = 1.0,
) -> Float[Array, "*batch o"]:
    """x · kernel + scale · (x · down) · up + bias; `scale` is α/r.

    >>> lora = LoRAParams(jnp.ones((2, 1)), jnp.ones((1, 2)))
    >>> lora_dense(jnp.array([1.0, 2.0]), jnp.eye(2), lora, scale=10.0).tolist()
    [31.0, 32.0]

    Hu et al. 2021, arXiv:2106.09685.
    """
    y = product("lora_dense", x, kernel)
    inner = product("lora_dense", x, lora.down)
    y = y + scale * product("lora_dense", inner, lora.up.astype(inner.dtype), "x down")
    if bias is not None:
        y = y + spread("lora_dense", "bias", bias, y)
    return y.astype(jnp.result_type(x))


def merge_lora(
    kernel: Float[Array, "i o"], lora: LoRAParams, *, scale: Scalar = 1.0
) -> Float[Array, "i o"]:
    """kernel + scale · down · up: one kernel for inference.

    >>> lora = LoRAParams(jnp.ones((2, 1)), jnp.ones((1, 2)))
    >>> merge_lora(jnp.eye(2), lora).tolist()
    [[2.0, 1.0], [1.0, 2.0]]

    Hu et al. 2021, arXiv:2106.09685.
    """
    update = product("merge_lora", lora.down, lora.up, "lora.down")
    _check.same_shape("merge_lora", **{"kernel": kernel, "down · up": update})
    return (kernel.astype(update.dtype) + scale * update).astype(kernel.dtype)


def unmerge_lora(
    kernel: Float[Array, "i o"], lora: LoRAParams, *, scale: Scalar = 1.0
) -> Float[Array, "i o"]:
    """kernel − scale · down · up: what `merge_lora` did, undone to rounding.

    >>> lora = LoRAParams(jnp.ones((2, 1)), jnp.ones((1, 2)))
    >>> unmerge_lora(merge_lora(jnp.eye(2), lora), lora).tolist()
    [[1.0, 0.0], [0.0, 1.0]]

    Hu et al. 2021, arXiv:2106.09685.
    """
    update = product("unmerge_lora", lora.down, lora.up, "lora.down")
    _check.same_shape("unmerge_lora", **{"kernel": kernel, "down · up": update})
    return (kernel.astype(update.dtype) - scale * update).astype(kernel.dtype)

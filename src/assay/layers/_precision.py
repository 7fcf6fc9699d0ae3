"""Half precision is computed in float32 and rounded once: what the layers share."""

from typing import Any

import jax.numpy as jnp

from assay import _check
from assay.typing import Array


def wide(dtype: Any) -> Any:
    """The dtype to compute in: float32 for half precision, else the dtype itself."""
    half = jnp.issubdtype(dtype, jnp.floating) and jnp.finfo(dtype).bits < 32
    return jnp.float32 if half else dtype


def product(who: str, x: Array, kernel: Array, name: str = "x") -> Array:
    """x · kernel over the last axis of x, accumulated and returned in `wide`."""
    if jnp.shape(x)[-1:] != jnp.shape(kernel)[:1]:
        must = f"{name} must be (*batch, features), one for each row of the kernel"
        got = f"{name}.shape={jnp.shape(x)}, kernel.shape={jnp.shape(kernel)}"
        _check.fail(who, must, got)
    return jnp.matmul(x, kernel, preferred_element_type=wide(jnp.result_type(x)))


def spread(
    who: str, name: str, values: Array, like: Array, axes: tuple[int, ...] = (-1,)
) -> Array:
    """The values of `axes`, laid over `like`; a wrong shape raises."""
    named = tuple(sorted(a % like.ndim for a in axes))
    sizes = tuple(like.shape[a] for a in named)
    if jnp.shape(values) != sizes:
        must = f"{name} must have the sizes of the features, {sizes}"
        _check.fail(who, must, f"{name}.shape={jnp.shape(values)}")
    kept = [s if a in named else 1 for a, s in enumerate(like.shape)]
    return jnp.broadcast_to(
        jnp.reshape(jnp.asarray(values, like.dtype), kept), like.shape
    )


def plus(who: str, net: Array, bias: Array) -> Array:
    """net + bias, a bias of the wrong size named."""
    return net + spread(who, "bias", bias, net)

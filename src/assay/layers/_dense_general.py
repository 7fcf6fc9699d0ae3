"""A dense layer over several axes at once."""

import math

import jax.numpy as jnp

from assay import _check
from assay.layers._precision import product, spread
from assay.typing import Array, Float


def dense_general(
    x: Float[Array, "..."],
    kernel: Float[Array, "..."],
    bias: Float[Array, "..."] | None = None,
    *,
    ndim: int = 1,
) -> Float[Array, "..."]:
    """Σᵢ x[…, i] · kernel[i, o] + bias[o], i over the last `ndim` axes of x.

    The first `ndim` axes of the kernel are summed over, the others are the result's
    last: a kernel (d, n, h) makes n heads of size h, and with ndim=2 a kernel (n, h, o)
    merges them.

    >>> dense_general(jnp.ones((5, 3)), jnp.ones((3, 2, 4))).shape
    (5, 2, 4)

    Flax `LinearGeneral`.
    """
    taken, made = _split("dense_general", x, kernel, ndim)
    x = jnp.asarray(x)
    batch = x.shape[: x.ndim - ndim]
    flat = jnp.reshape(kernel, (math.prod(taken), math.prod(made)))
    y = product("dense_general", jnp.reshape(x, (*batch, flat.shape[0])), flat)
    y = jnp.reshape(y, (*batch, *made))
    if bias is not None:
        last = tuple(range(-len(made), 0))
        y = y + spread("dense_general", "bias", bias, y, last)
    return y.astype(x.dtype)


def _split(
    who: str, x: Array, kernel: Array, ndim: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The kernel's sizes: those that are summed over, those that are made."""
    sizes = jnp.shape(kernel)
    if not 1 <= ndim <= len(sizes):
        _check.fail(who, f"ndim must be in [1, {len(sizes)}], the kernel's axes", ndim)
    taken, made = sizes[:ndim], sizes[ndim:]
    if jnp.ndim(x) < ndim or jnp.shape(x)[jnp.ndim(x) - ndim :] != taken:
        must = f"the last axes of x must be the first {ndim} of the kernel, {taken}"
        _check.fail(who, must, f"x.shape={jnp.shape(x)}, kernel.shape={sizes}")
    return taken, made

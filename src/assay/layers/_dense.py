"""Dense layers, and the two ways of joining layers: residual and flatten."""

import math
from collections.abc import Callable

import jax.numpy as jnp

from assay import _check
from assay.layers._precision import product, spread
from assay.typing import Array, Float, Num


def dense(
    x: Float[Array, "*batch i"],
    kernel: Float[Array, "i o"],
    bias: Float[Array, " o"] | None = None,
) -> Float[Array, "*batch o"]:
    """x · kernel + bias, over the last axis.

    >>> dense(jnp.array([1.0, 2.0]), jnp.eye(2), jnp.ones(2)).tolist()
    [2.0, 3.0]
    """
    if jnp.ndim(kernel) != 2:
        must = "kernel must have the axes (inputs, outputs)"
        _check.fail("dense", must, f"kernel.shape={jnp.shape(kernel)}")
    y = product("dense", x, kernel)
    if bias is not None:
        y = y + spread("dense", "bias", bias, y)
    return y.astype(jnp.result_type(x))


def residual(x: Num[Array, "..."], f: Callable[[Array], Array]) -> Num[Array, "..."]:
    """x + f(x): the gradient reaches x undiminished, whatever f does.

    >>> residual(jnp.array([1.0, 2.0]), jnp.square).tolist()
    [2.0, 6.0]

    He et al. 2015, arXiv:1512.03385.
    """
    y = f(x)
    _check.same_shape("residual", **{"x": x, "f(x)": y})
    return x + y


def flatten(x: Num[Array, "..."], *, ndim: int = 3) -> Num[Array, "*batch features"]:
    """(*batch, a, b, c) → (*batch, a·b·c): the last `ndim` axes become one.

    >>> flatten(jnp.zeros((2, 4, 4, 16))).shape
    (2, 256)
    """
    if ndim < 1:
        _check.fail("flatten", "ndim must be at least 1", ndim)
    _check.rank_at_least("flatten", "x", x, ndim, "(*batch, *features)")
    shape = jnp.shape(x)
    return jnp.reshape(x, (*shape[:-ndim], math.prod(shape[-ndim:])))

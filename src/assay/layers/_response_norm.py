"""Local response normalization: each channel among its neighbours."""

import math

import jax
import jax.numpy as jnp

from assay import _check
from assay.layers._statistics import scaled_down
from assay.typing import Array, Float, Scalar


def local_response_norm(
    x: Float[Array, "*batch c"],
    *,
    size: int = 5,
    alpha: Scalar = 1e-4,
    beta: Scalar = 0.75,
    k: Scalar = 1.0,
) -> Float[Array, "*batch c"]:
    """x / (k + alpha / size · Σ x²)^beta, of the `size` channels around each.

    Of an even size one more stands before than after; outside there are zeros. Names
    and defaults are torch's; the paper, which has no / size, takes k = 2, size = 5,
    alpha = 5e-4 (as given here), beta = 0.75. Rows of 1e38 are right.

    >>> x = jnp.array([1.0, 1.0, 0.0])
    >>> local_response_norm(x, size=3, alpha=3.0, beta=1.0).round(3).tolist()
    [0.333..., 0.333..., 0.0]

    Krizhevsky et al. 2012, ImageNet classification, section 3.3.
    """
    who = "local_response_norm"
    _check.floating(who, x=x)
    _check.rank_at_least(who, "x", x, 1, "(*batch, channels)")
    if not isinstance(size, int) or size < 1:
        _check.fail(who, "size must be a positive integer", size)
    for name, value in {"alpha": alpha, "k": k}.items():
        _check.within(who, name, value, 0, math.inf)
    x = jnp.asarray(x)
    z, unit = scaled_down(x, (x.ndim - 1,))
    alpha, beta, k = (jnp.asarray(a, z.dtype) for a in (alpha, beta, k))
    power = k * unit * unit + alpha / size * _around(jnp.square(z), size)
    power = jnp.where(power == 0, 1, power)  # k is 0, and so are all of them
    return (z * unit ** (2 * beta - 1) / power**beta).astype(x.dtype)


def _around(x: Array, size: int) -> Array:
    """The sum of the `size` channels around each, zeros outside."""
    window = (*(1 for _ in x.shape[:-1]), size)
    pads = [*((0, 0) for _ in x.shape[:-1]), (size // 2, (size - 1) // 2)]
    ones = (1,) * x.ndim
    return jax.lax.reduce_window(x, x.dtype.type(0), jax.lax.add, window, ones, pads)

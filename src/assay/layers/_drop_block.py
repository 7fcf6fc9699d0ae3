"""Dropout of squares of an image, or of whatever is larger than an entry."""

import jax
import jax.numpy as jnp

from assay import _check
from assay._numerics import random_bits
from assay.layers._dropout import pick
from assay.layers._precision import wide
from assay.typing import Array, Float, Key, Scalar


def drop_block(
    x: Float[Array, "*batch_and_space c"],
    *,
    rate: Scalar,
    key: Key,
    block_size: int = 7,
    spatial: int = 2,
) -> Float[Array, "*batch_and_space c"]:
    """x·m / (1 − rate) with m = 0 on blocks of `block_size` places along each axis.

    Every channel has its own blocks. One begins at any place with probability
    γ = 1 − (1 − rate)^(1/kᵈ), k the block's size and d = `spatial`; blocks may overlap
    and hang over the border, so that each entry, at the border too, is dropped with
    probability `rate` exactly, and E[y] = x. (The paper's γ ignores overlaps, its
    border is dropped less, and it divides by the share that was kept in this batch.)
    Rates 0 and 1 are allowed, and a traced rate.

    >>> x, key = jnp.ones((5, 8, 1)), jax.random.key(7)
    >>> y = drop_block(x, rate=0.3, key=key, block_size=3)[..., 0]
    >>> print("\\n".join("".join("#" if v else "." for v in row) for row in y))
    ########
    .....###
    .....###
    .....###
    ########

    Ghiasi, Lin and Le 2018, arXiv:1810.12890.
    """
    _check.floating("drop_block", x=x)
    _check.within("drop_block", "rate", rate, 0, 1)
    _check.within("drop_block", "block_size", block_size, 1, jnp.inf)
    _check.within("drop_block", "spatial", spatial, 0, jnp.inf)
    layout = f"(*batch, {spatial} spatial, channels)"
    _check.rank_at_least("drop_block", "x", x, spatial + 1, layout)
    x = jnp.asarray(x)
    axes = range(x.ndim - 1 - spatial, x.ndim - 1)
    dropped = _begins(x.shape, axes, rate, key, block_size)
    for axis in axes:
        dropped = _any_of_the_last(dropped, block_size, axis)
    rate = jnp.asarray(rate, wide(x.dtype))
    factor = jnp.where(rate < 1, 1 / jnp.where(rate < 1, 1 - rate, 1), 0)
    y = (x.astype(factor.dtype) * jax.lax.stop_gradient(factor)).astype(x.dtype)
    return pick(~dropped, y, jnp.zeros((), y.dtype))


def _begins(shape: tuple, axes: range, rate: Scalar, key: Key, size: int) -> Array:
    """Where blocks begin: at the places of x, or before them by less than a block."""
    rate = jnp.asarray(rate, wide(jnp.result_type(float)))
    share = -jnp.expm1(jnp.log1p(-rate) / size ** len(axes))
    longer = [n + (size - 1) * (i in axes) for i, n in enumerate(shape)]
    # All 32 bits: a share of 1e-3 in 16 bits would be wrong by a percent.
    draws = random_bits(key, tuple(longer))
    threshold = jnp.minimum(share * 2.0**32, 2.0**32 - 256).astype(jnp.uint32)
    return (draws < threshold) | (rate >= 1)


def _any_of_the_last(hit: Array, size: int, axis: int) -> Array:
    """y[i] = hit[i] or … or hit[i + size − 1], by doubling: log₂ size steps."""
    width = 1
    while width < size:
        step = min(width, size - width)
        n = hit.shape[axis] - step
        first = jax.lax.slice_in_dim(hit, 0, n, axis=axis)
        hit = first | jax.lax.slice_in_dim(hit, step, n + step, axis=axis)
        width += step
    return hit

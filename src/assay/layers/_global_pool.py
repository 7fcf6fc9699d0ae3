"""One number a channel: the pools whose window is the whole image or sequence."""

from math import prod

import jax.numpy as jnp

from assay import _check
from assay.layers import _pool_forms, _precision
from assay.typing import Array, Bool, Float, Num


def global_max_pool(
    x: Num[Array, "*batch_and_space c"],
    *,
    spatial: int = 2,
    mask: Bool[Array, "*batch_and_space"] | None = None,
) -> Num[Array, "*batch c"]:
    """y = max over the `spatial` axes before the last, where `mask` is True.

    Where it is nowhere True, y is 0 with the gradient 0: as `global_avg_pool`, and
    whatever −∞ meets next would be NaN. What is masked may be NaN.

    >>> global_max_pool(jnp.arange(6.0).reshape(3, 2), spatial=1)
    Array([4., 5.], dtype=float32)
    >>> x, mask = jnp.array([[1.0], [3.0], [jnp.nan]]), jnp.array([True, True, False])
    >>> global_max_pool(x, spatial=1, mask=mask)
    Array([3.], dtype=float32)

    Collobert et al. 2011, Natural language processing (almost) from scratch,
    arXiv:1103.0398, section 3.3.2: the max over time.
    """
    _check.real("global_max_pool", x=x)
    rows = _rows("global_max_pool", x, spatial)
    there = _there("global_max_pool", x, mask, rows.shape)
    if there is not None:
        rows = jnp.where(there, rows, jnp.asarray(_pool_forms.lowest(rows.dtype)))
    first = jnp.argmax(rows, axis=-2, keepdims=True)
    y = jnp.take_along_axis(rows, first, axis=-2)[..., 0, :]
    return y if there is None else jnp.where(there.any(-2), y, 0)


def global_avg_pool(
    x: Float[Array, "*batch_and_space c"],
    *,
    spatial: int = 2,
    mask: Bool[Array, "*batch_and_space"] | None = None,
) -> Float[Array, "*batch c"]:
    """y = mean over the `spatial` axes before the last, where `mask` is True.

    Where it is nowhere True, y is 0 with the gradient 0. What is masked may be NaN.

    >>> global_avg_pool(jnp.arange(6.0).reshape(3, 2), spatial=1)
    Array([2., 3.], dtype=float32)
    >>> x, mask = jnp.array([[1.0], [3.0], [jnp.nan]]), jnp.array([True, True, False])
    >>> global_avg_pool(x, spatial=1, mask=mask)
    Array([2.], dtype=float32)

    Lin et al. 2013, Network in network, arXiv:1312.4400.
    """
    _check.floating("global_avg_pool", x=x)
    rows = _rows("global_avg_pool", x, spatial)
    wide = _precision.wide(rows.dtype)
    there = _there("global_avg_pool", x, mask, rows.shape)
    if there is None:
        return rows.mean(-2, dtype=wide).astype(rows.dtype)
    total = jnp.where(there, rows, 0).sum(-2, dtype=wide)
    counts = jnp.maximum(there.sum(-2, dtype=wide), 1)
    return (total / counts).astype(rows.dtype)


def _rows(who: str, x: Array, spatial: int) -> Array:
    """(*batch, places, channels)."""
    layout = f"(*batch, {spatial} spatial, channels)"
    _check.rank_at_least(who, "x", x, spatial + 1, layout)
    shape = jnp.shape(x)
    places = prod(shape[-spatial - 1 : -1])
    if not places:
        _check.fail(who, "x must have at least one place", f"x.shape={shape}")
    return jnp.reshape(x, (*shape[: -spatial - 1], places, shape[-1]))


def _there(who: str, x: Array, mask: Array | None, shape) -> Array | None:
    """The mask, laid over the rows."""
    if mask is None:
        return None
    if jnp.shape(mask) != jnp.shape(x)[:-1]:
        must = f"mask must have the shape of x without channels, {jnp.shape(x)[:-1]}"
        _check.fail(who, must, f"mask.shape={jnp.shape(mask)}")
    there = jnp.reshape(jnp.asarray(mask, bool), (*shape[:-1], 1))
    return jnp.broadcast_to(there, shape)

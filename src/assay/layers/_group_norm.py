"""Normalization of groups of channels: group and instance norm."""

import jax.numpy as jnp

from assay import _check
from assay.layers._normalized import laid, normalized
from assay.typing import Array, Float, Scalar


def group_norm(
    x: Float[Array, "*batch_and_space c"],
    scale: Float[Array, " c"] | None,
    bias: Float[Array, " c"] | None,
    *,
    groups: int,
    spatial: int = 2,
    eps: Scalar = 1e-6,
) -> Float[Array, "*batch_and_space c"]:
    """(x − mean) / √(var + eps) · scale + bias, of each of `groups` of the channels.

    Mean and variance are over the `spatial` axes before the last and over the c/groups
    channels that stand side by side. A group of one value gives `bias`. eps is Flax's;
    torch's is 1e-5, Keras's 1e-3.

    >>> x = jnp.array([[1.0, 3.0, 10.0, 30.0], [3.0, 1.0, 30.0, 10.0]])
    >>> group_norm(x, None, None, groups=2, spatial=1).round(3).tolist()
    [[-1.0, 1.0, -1.0, 1.0], [1.0, -1.0, 1.0, -1.0]]

    Wu and He 2018, arXiv:1803.08494.
    """
    x = _checked("group_norm", x, spatial)
    c = x.shape[-1]
    if not isinstance(groups, int) or groups < 1 or c % groups:
        must = f"groups must be a positive divisor of the {c} channels"
        _check.fail("group_norm", must, groups)
    grouped = x.reshape(*x.shape[:-1], groups, c // groups)
    axes = (*range(x.ndim - spatial - 1, x.ndim - 1), x.ndim)
    scale, bias = (
        None if v is None else v.reshape(*v.shape[:-1], groups, c // groups)
        for v in _laid("group_norm", scale, bias, x)
    )
    y, _ = normalized(grouped, scale, bias, axes, eps)
    return y.reshape(x.shape).astype(x.dtype)


def instance_norm(
    x: Float[Array, "*batch_and_space c"],
    scale: Float[Array, " c"] | None,
    bias: Float[Array, " c"] | None,
    *,
    spatial: int = 2,
    eps: Scalar = 1e-6,
) -> Float[Array, "*batch_and_space c"]:
    """(x − mean) / √(var + eps) · scale + bias, over `spatial` axes before the last.

    One mean for each channel of each example: with one place, y is `bias`. eps is
    Flax's; torch's is 1e-5.

    >>> x = jnp.array([[1.0, 10.0], [3.0, 10.0]])
    >>> instance_norm(x, None, None, spatial=1).round(3).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]

    Ulyanov et al. 2016, arXiv:1607.08022.
    """
    x = _checked("instance_norm", x, spatial)
    axes = tuple(range(x.ndim - spatial - 1, x.ndim - 1))
    y, _ = normalized(x, *_laid("instance_norm", scale, bias, x), axes, eps)
    return y.astype(x.dtype)


def _laid(
    who: str, scale: Array | None, bias: Array | None, x: Array
) -> tuple[Array | None, Array | None]:
    channels = (x.ndim - 1,)
    scale = laid(who, "scale", scale, x, channels)
    return scale, laid(who, "bias", bias, x, channels)


def _checked(who: str, x: Array, spatial: int) -> Array:
    """x as floating array (*batch, `spatial` axes, channels)."""
    _check.floating(who, x=x)
    layout = f"(*batch, {spatial} spatial, channels)"
    _check.rank_at_least(who, "x", x, spatial + 1, layout)
    return jnp.asarray(x)

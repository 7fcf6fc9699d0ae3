"""A gain a channel, and the gate that lets x pass."""

import jax.numpy as jnp

from assay import _check, activations
from assay.layers._precision import product, spread, wide
from assay.typing import Array, Float


def affine(
    x: Float[Array, "*batch c"],
    scale: Float[Array, " c"],
    bias: Float[Array, " c"] | None = None,
) -> Float[Array, "*batch c"]:
    """scale · x + bias, a number per channel.

    >>> affine(jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0]), jnp.ones(2)).tolist()
    [4.0, 9.0]

    ResMLP, Touvron et al. 2021, arXiv:2105.03404.
    """
    return _scaled("affine", x, scale, bias)


def layer_scale(
    x: Float[Array, "*batch c"], scale: Float[Array, " c"]
) -> Float[Array, "*batch c"]:
    """scale · x, a number per channel, at the end of a residual branch; begin near 0.

    >>> layer_scale(jnp.array([1.0, 2.0]), jnp.array([0.5, 0.25])).tolist()
    [0.5, 0.5]

    Touvron et al. 2021 (CaiT), arXiv:2103.17239.
    """
    return _scaled("layer_scale", x, scale, None)


def highway(
    x: Float[Array, "*batch d"],
    kernel: Float[Array, "d d"],
    bias: Float[Array, " d"],
    y: Float[Array, "*batch d"],
) -> Float[Array, "*batch d"]:
    """g · y + (1 − g) · x, g = σ(x · kernel + bias), y what a layer made of x.

    A bias below 0 lets x pass at first.

    >>> highway(jnp.ones(1), jnp.zeros((1, 1)), jnp.zeros(1), jnp.array([5.0])).tolist()
    [3.0]

    Srivastava et al. 2015, arXiv:1505.00387.
    """
    _check.same_shape("highway", x=x, y=y)
    net = product("highway", x, kernel)
    gate = activations.sigmoid(net + spread("highway", "bias", bias, net))
    x, dtype = jnp.asarray(x).astype(net.dtype), jnp.result_type(x)
    return (x + gate * (y.astype(net.dtype) - x)).astype(dtype)


def _scaled(who: str, x: Array, scale: Array, bias: Array | None) -> Array:
    _check.floating(who, x=x)
    _check.rank_at_least(who, "x", x, 1, "(*batch, channels)")
    x = jnp.asarray(x)
    z = x.astype(wide(x.dtype))
    z = z * spread(who, "scale", scale, z)
    z = z if bias is None else z + spread(who, "bias", bias, z)
    return z.astype(x.dtype)

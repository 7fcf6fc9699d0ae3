"""Scale and bias that another network makes for each example."""

import jax.numpy as jnp

from assay import _check
from assay.layers._precision import wide
from assay.layers._statistics import Over, standardized
from assay.typing import Array, Float, Scalar


def film(
    x: Float[Array, "*batch_and_space c"],
    scale: Float[Array, "*batch c"],
    bias: Float[Array, "*batch c"],
) -> Float[Array, "*batch_and_space c"]:
    """scale · x + bias, one number per channel of each example.

    The axes that x has more than `scale` and `bias` are spatial: they stand before the
    channels. After `instance_norm` without scale and bias this is conditional instance
    norm, and with the style's moments as scale and bias AdaIN.

    >>> film(jnp.ones((2, 3, 1)), jnp.array([[2.0], [3.0]]), jnp.zeros((2, 1)))[:, 0, 0]
    Array([2., 3.], dtype=float32)

    Perez et al. 2018, arXiv:1709.07871.
    """
    _check.floating("film", x=x)
    x = jnp.asarray(x)
    z = x.astype(wide(x.dtype))
    z = z * _of_each("film", "scale", scale, z) + _of_each("film", "bias", bias, z)
    return z.astype(x.dtype)


def adaptive_layer_norm(
    x: Float[Array, "*batch_and_space c"],
    scale: Float[Array, "*batch c"],
    bias: Float[Array, "*batch c"],
    *,
    eps: Scalar = 1e-6,
) -> Float[Array, "*batch_and_space c"]:
    """(x − mean) / √(var + eps) · (1 + scale) + bias, over the last axis.

    One scale and bias per channel of each example: the axes that x has more than
    `scale` and `bias` (tokens, places) stand before the channels. Zero for both is
    layer norm: so AdaLN-Zero begins. 1 + and eps are those of DiT.

    >>> x = jnp.array([[[1.0, 3.0], [9.0, 5.0]]])
    >>> adaptive_layer_norm(x, jnp.ones((1, 2)), jnp.zeros((1, 2))).round(3).tolist()
    [[[-2.0, 2.0], [2.0, -2.0]]]

    Peebles and Xie 2022, arXiv:2212.09748.
    """
    who = "adaptive_layer_norm"
    _check.floating(who, x=x)
    _check.rank_at_least(who, "x", x, 1, "(*batch, *spatial, channels)")
    x = jnp.asarray(x)
    y, _ = standardized(x, Over((x.ndim - 1,)), eps)
    y = y * (1 + _of_each(who, "scale", scale, y)) + _of_each(who, "bias", bias, y)
    return y.astype(x.dtype)


def _of_each(who: str, name: str, values: Array, x: Array) -> Array:
    """(*batch, c) laid over x (*batch, *spatial, c)."""
    shape = jnp.shape(values)
    batch = max(len(shape) - 1, 0)
    if not shape or len(shape) > x.ndim or shape != (*x.shape[:batch], x.shape[-1]):
        must = f"{name} must have the batch axes and the channels of x {x.shape}"
        _check.fail(who, must, f"{name}.shape={shape}")
    places = (1,) * (x.ndim - len(shape))
    values = jnp.asarray(values, x.dtype).reshape(*shape[:-1], *places, shape[-1])
    return jnp.broadcast_to(values, x.shape)

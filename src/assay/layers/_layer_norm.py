"""Normalization of each example along its features: layer, RMS and unit norm."""

import jax.numpy as jnp

from assay import _check
from assay.activations import normalize
from assay.layers._normalized import laid, normalized
from assay.layers._statistics import (
    Over,
    affine,
    named_axes,
    one_over_root,
    scaled_down,
)
from assay.typing import Array, Axis, Float, Scalar


def layer_norm(
    x: Float[Array, "..."],
    scale: Float[Array, "..."] | None,
    bias: Float[Array, "..."] | None,
    *,
    axis: Axis = -1,
    eps: Scalar = 1e-6,
) -> Float[Array, "..."]:
    """(x − mean) / √(var + eps) · scale + bias, over `axis` of each example.

    `scale` and `bias` have the sizes of the axes named. A row of one value gives
    `bias`; rows of a mean 1e4 times their spread, and of 1e20, are right.

    >>> layer_norm(jnp.array([1.0, 3.0]), jnp.ones(2), jnp.zeros(2)).round(3).tolist()
    [-1.0, 1.0]

    Ba et al. 2016, arXiv:1607.06450.
    """
    _check.floating("layer_norm", x=x)
    x = jnp.asarray(x)
    axes = named_axes("layer_norm", axis, x.ndim)
    scale = laid("layer_norm", "scale", scale, x, axes)
    bias = laid("layer_norm", "bias", bias, x, axes)
    return normalized(x, scale, bias, axes, eps)[0].astype(x.dtype)


def rms_norm(
    x: Float[Array, "..."],
    scale: Float[Array, "..."] | None,
    *,
    axis: Axis = -1,
    eps: Scalar = 1e-6,
) -> Float[Array, "..."]:
    """x / √(mean x² + eps) · scale, over `axis` of each example.

    `scale` has the sizes of the axes named. The zero row gives 0, also where eps is 0;
    rows of 1e38 are right. eps is Flax's and Keras's; torch takes the machine's.

    >>> rms_norm(jnp.array([2.0, -2.0]), jnp.array([1.0, 4.0])).round(2).tolist()
    [1.0, -4.0]

    Zhang and Sennrich 2019, arXiv:1910.07467.
    """
    _check.floating("rms_norm", x=x)
    x = jnp.asarray(x)
    axes = named_axes("rms_norm", axis, x.ndim)
    z, _ = scaled_down(x, axes)
    over = Over(axes)
    power = over.total(jnp.square(z)) / max(1, over.count(z))
    return affine("rms_norm", z * one_over_root(power, eps), scale, None, axes).astype(
        x.dtype
    )


def unit_norm(
    x: Float[Array, "..."], *, axis: Axis = -1, eps: Scalar = 1e-12
) -> Float[Array, "..."]:
    """x / max(‖x‖₂, eps) over `axis`: `assay.activations.normalize` as a layer.

    Every derivative of the zero row is 0, and rows of 1e-38 and 1e38 have norm 1. The
    eps is torch's and Keras's.

    >>> unit_norm(jnp.array([3.0, 4.0])).round(3).tolist()
    [0.6..., 0.8...]

    Keras `UnitNormalization`, torch `functional.normalize`.
    """
    _check.floating("unit_norm", x=x)
    named_axes("unit_norm", axis, jnp.ndim(x))
    return normalize(x, axis=axis, eps=eps)

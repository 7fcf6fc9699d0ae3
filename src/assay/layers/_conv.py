"""Convolutions in 1-d, 2-d and 3-d: the rank of the kernel says which.

A deep learning convolution is a cross-correlation: the kernel is not flipped.
`x` is (*batch, *spatial, channels). `padding` is that of `conv`; `strides` and
`dilation` are a number or one an axis.
"""

from math import prod

import jax.numpy as jnp

from assay import _check, _geometry
from assay.layers import _border, _conv_forms, _fitting
from assay.typing import Array, Float

Features = Float[Array, "*batch_and_space c"]
Result = Float[Array, "*batch_and_space_out o"]


def conv(
    x: Features,
    kernel: Float[Array, "*window c o"],
    bias: Float[Array, " o"] | None = None,
    *,
    strides: _geometry.PerAxis = 1,
    padding: _geometry.Padding = "VALID",
    dilation: _geometry.PerAxis = 1,
) -> Result:
    """y[t, o] = Σₖ Σᵢ x[s·t + d·k, i] · kernel[k, i, o] + bias[o].

    `padding`: zeros by "SAME", "SAME_LOWER" (an odd one goes before), "VALID", "CAUSAL"
    (y at t sees x up to t), a number for both sides of every axis, or a pair (low,
    high) an axis. "CIRCULAR", "REFLECT" and "REPLICATE" lay the image itself around it,
    (reach − 1) // 2 before and reach // 2 after, reach = (k − 1)·d + 1: Flax's numbers,
    and torch's padding="same" with that padding_mode. For torch's padding=p, and other
    widths, `images.pad` first; for Flax's input_dilation `images.insert_zeros` first.

    >>> conv(jnp.arange(5.0)[:, None], jnp.array([1.0, 0.0, -1.0])[:, None, None])[:, 0]
    Array([-2., -2., -2.], dtype=float32)

    LeCun et al. 1998, Gradient-based learning applied to document recognition.
    """
    return dense_conv("conv", x, kernel, bias, (strides, padding, dilation))


def grouped_conv(
    x: Features,
    kernel: Float[Array, "*window i o"],
    bias: Float[Array, " o"] | None = None,
    *,
    strides: _geometry.PerAxis = 1,
    padding: _geometry.Padding = "VALID",
    dilation: _geometry.PerAxis = 1,
) -> Result:
    """c / i convolutions side by side, each from i channels to its share of the o.

    The number of groups is read off the kernel: channels of x / inputs of the kernel.

    >>> x = jnp.array([[1.0, 2.0, 3.0, 4.0]])
    >>> grouped_conv(x, jnp.ones((1, 2, 2)))
    Array([[3., 7.]], dtype=float32)

    Krizhevsky et al. 2012, ImageNet classification with deep networks.
    """
    _fitting.kernel_rank("grouped_conv", x, kernel)
    _fitting.groups("grouped_conv", x, kernel)
    return _convolved("grouped_conv", x, kernel, bias, (strides, padding, dilation))


def depthwise_conv(
    x: Features,
    kernel: Float[Array, "*window 1 o"],
    bias: Float[Array, " o"] | None = None,
    *,
    strides: _geometry.PerAxis = 1,
    padding: _geometry.Padding = "VALID",
    dilation: _geometry.PerAxis = 1,
) -> Result:
    """y[t, c·m + j] = Σₖ x[s·t + d·k, c] · kernel[k, 0, c·m + j]: m filters a channel.

    >>> depthwise_conv(jnp.ones((3, 2)), jnp.array([[[1.0, 10.0]], [[2.0, 20.0]]]))
    Array([[ 3., 30.],
           [ 3., 30.]], dtype=float32)

    Howard et al. 2017, MobileNets, arXiv:1704.04861.
    """
    _fitting.kernel_rank("depthwise_conv", x, kernel)
    _fitting.filters("depthwise_conv", x, kernel)
    return _convolved("depthwise_conv", x, kernel, bias, (strides, padding, dilation))


def pointwise_conv(
    x: Features,
    kernel: Float[Array, "c o"],
    bias: Float[Array, " o"] | None = None,
) -> Result:
    """y[…, o] = Σᵢ x[…, i] · kernel[i, o] + bias[o]: a 1×1 convolution of any rank.

    >>> pointwise_conv(jnp.ones((2, 2, 3)), jnp.ones((3, 1)))[..., 0]
    Array([[3., 3.],
           [3., 3.]], dtype=float32)

    Lin et al. 2013, Network in network, arXiv:1312.4400.
    """
    if jnp.ndim(kernel) != 2 or jnp.ndim(x) < 1 or x.shape[-1] != kernel.shape[0]:
        must = "kernel must be (channels of x, outputs)"
        got = f"x.shape={jnp.shape(x)}, kernel.shape={jnp.shape(kernel)}"
        _check.fail("pointwise_conv", must, got)
    rows = jnp.reshape(x, (prod(x.shape[:-1]), 1, x.shape[-1]))
    w = _geometry.Window((1,), (1,), ((0, 0),), (1,))
    y = _apply("pointwise_conv", rows, kernel[None], bias, w, 1)
    return y.reshape(*x.shape[:-1], kernel.shape[-1])


def separable_conv(
    x: Features,
    depthwise: Float[Array, "*window 1 m"],
    pointwise: Float[Array, "m o"],
    bias: Float[Array, " o"] | None = None,
    *,
    strides: _geometry.PerAxis = 1,
    padding: _geometry.Padding = "VALID",
) -> Result:
    """pointwise(depthwise(x)): space and channels convolved one after the other.

    >>> separable_conv(jnp.ones((3, 2)), jnp.ones((2, 1, 2)), jnp.ones((2, 1)))
    Array([[4.],
           [4.]], dtype=float32)

    Chollet 2017, Xception, arXiv:1610.02357.
    """
    _fitting.kernel_rank("separable_conv", x, depthwise)
    _fitting.filters("separable_conv", x, depthwise)
    between = depthwise_conv(x, depthwise, strides=strides, padding=padding)
    return pointwise_conv(between, pointwise, bias)


def spatially_separable_conv(
    x: Float[Array, "*batch h w c"],
    column: Float[Array, " k"],
    row: Float[Array, " m"],
    *,
    strides: _geometry.PerAxis = 1,
    padding: _geometry.Padding = "VALID",
) -> Float[Array, "*batch h_out w_out c"]:
    """The rank-1 kernel column ⊗ row, applied to every channel in two passes.

    k + m multiplications a pixel instead of k · m.

    >>> x = jnp.arange(9.0).reshape(3, 3, 1)
    >>> smooth, slope = jnp.array([1.0, 2.0, 1.0]), jnp.array([-1.0, 0.0, 1.0])
    >>> spatially_separable_conv(x, smooth, slope).item()  # Sobel's kernel
    8.0
    """
    who = "spatially_separable_conv"
    _check.rank_at_least(who, "x", x, 3, "(*batch, height, width, channels)")
    if jnp.ndim(column) != 1 or jnp.ndim(row) != 1:
        got = f"{jnp.shape(column)} and {jnp.shape(row)}"
        _check.fail(who, "column and row must be vectors", got)
    k, m, c = column.shape[0], row.shape[0], x.shape[-1]
    x, padding = _border.bordered(who, x, (k, m), padding)
    w = _geometry.window(who, x.shape[-3:-1], (k, m), strides=strides, padding=padding)
    _geometry.output_sizes(who, x.shape[-3:-1], w)
    down = jnp.broadcast_to(jnp.reshape(column, (k, 1, 1, 1)), (k, 1, 1, c))
    across = jnp.broadcast_to(jnp.reshape(row, (1, m, 1, 1)), (1, m, 1, c))
    (s, t), (top, left) = w.strides, w.pads
    x = depthwise_conv(x, down, strides=(s, 1), padding=(top, (0, 0)))
    return depthwise_conv(x, across, strides=(1, t), padding=((0, 0), left))


def _window(who, x, kernel, strides, padding, dilation) -> _geometry.Window:
    rank = kernel.ndim - 2
    return _geometry.window(
        who,
        x.shape[-rank - 1 : -1],
        kernel.shape[:-2],
        strides=strides,
        padding=padding,
        dilation=dilation,
    )


def dense_conv(who, x, kernel, bias, steps):
    """`conv`, in the name of who asks."""
    _fitting.kernel_rank(who, x, kernel)
    _fitting.inputs(who, x, kernel, "For groups use grouped_conv.")
    return _convolved(who, x, kernel, bias, steps)


def _convolved(who, x, kernel, bias, steps):
    """`steps` are (strides, padding, dilation); borders but zeros are laid first."""
    strides, padding, dilation = steps
    x, padding = _border.bordered(who, x, kernel.shape[:-2], padding, dilation)
    w = _window(who, x, kernel, strides, padding, dilation)
    return _apply(who, x, kernel, bias, w, kernel.ndim - 2)


def _apply(who, x, kernel, bias, w: _geometry.Window, rank: int):
    _geometry.output_sizes(who, x.shape[-rank - 1 : -1], w)
    flat, kernel, bias, dtype = _fitting.one_batch(who, x, kernel, bias)
    groups = x.shape[-1] // max(kernel.shape[-2], 1)
    y = _conv_forms.convolution(w, groups)(flat, kernel, bias)
    return y.astype(dtype).reshape(*x.shape[: -rank - 1], *y.shape[1:])

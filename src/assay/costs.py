"""What a layer costs: output shapes, multiplications, parameters, iterations."""

from collections.abc import Sequence
from math import prod

import jax
import numpy as np

from assay import _check, _geometry
from assay.typing import PyTree


def conv_output_shape(
    shape: Sequence[int],
    window: Sequence[int],
    *,
    strides: _geometry.PerAxis = 1,
    padding: _geometry.Padding = "VALID",
    dilation: _geometry.PerAxis = 1,
) -> tuple[int, ...]:
    """⌊(n + p − d·(k − 1) − 1) / s⌋ + 1 for each spatial axis, p on both sides.

    Of every kind of `layers.conv` but the transposed, and of `images.unfold`.

    >>> conv_output_shape((28, 28), (5, 5))
    (24, 24)
    """
    who = "conv_output_shape"
    w = _window(who, shape, window, strides, padding, dilation)
    return _geometry.output_sizes(who, shape, w)


def conv_transpose_output_shape(
    shape: Sequence[int],
    window: Sequence[int],
    *,
    strides: _geometry.PerAxis = 1,
    padding: _geometry.Padding = "VALID",
    dilation: _geometry.PerAxis = 1,
) -> tuple[int, ...]:
    """(n − 1)·s + d·(k − 1) + 1 − p for each spatial axis, p cut off both ends.

    >>> conv_transpose_output_shape((14, 14), (4, 4), strides=2, padding="SAME")
    (28, 28)
    """
    _, out = _geometry.transposed(
        "conv_transpose_output_shape",
        shape,
        window,
        strides=strides,
        padding=padding,
        dilation=dilation,
    )
    return out


def pool_output_shape(
    shape: Sequence[int],
    window: Sequence[int],
    *,
    strides: _geometry.PerAxis | None = None,
    padding: _geometry.Padding = "VALID",
    dilation: _geometry.PerAxis = 1,
    ceil_mode: bool = False,
) -> tuple[int, ...]:
    """⌊(n + p − d·(k − 1) − 1) / s⌋ + 1 for each spatial axis; `ceil_mode`: ⌈·⌉ + 1.

    Of every pool of `layers` that has a window, which s is where `strides` do not say.

    >>> pool_output_shape((28, 27), (2, 2))
    (14, 13)
    >>> pool_output_shape((28, 27), (2, 2), ceil_mode=True)
    (14, 14)
    """
    w = _geometry.window(
        "pool_output_shape",
        shape,
        window,
        strides=window if strides is None else strides,
        padding=padding,
        dilation=dilation,
    )
    _geometry.output_sizes("pool_output_shape", shape, w)
    w = _geometry.ceiled(shape, w) if ceil_mode else w
    return _geometry.output_sizes("pool_output_shape", shape, w)


def conv_multiplications(
    shape: Sequence[int],
    window: Sequence[int],
    inputs: int,
    outputs: int,
    *,
    strides: _geometry.PerAxis = 1,
    padding: _geometry.Padding = "SAME",
) -> int:
    """Output pixels · window · inputs · outputs: a standard convolution.

    `shape` is the spatial size of the input; `inputs` and `outputs` are channels. A
    grouped convolution has the `inputs` of its kernel, channels / groups; a local one
    multiplies as often, with as many weights; a masked one too, zeros included.

    >>> conv_multiplications((32, 32), (3, 3), 3, 64)
    1769472
    """
    out = conv_output_shape(shape, window, strides=strides, padding=padding)
    return prod(out) * prod(window) * inputs * outputs


def conv_transpose_multiplications(
    shape: Sequence[int], window: Sequence[int], inputs: int, outputs: int
) -> int:
    """Input pixels · window · inputs · outputs, for any strides and padding.

    What the padding cuts off is counted, as zeros are by `conv_multiplications`.

    >>> conv_transpose_multiplications((14, 14), (4, 4), 64, 32)
    6422528
    """
    return prod(shape) * prod(window) * inputs * outputs


def deformable_multiplications(
    shape: Sequence[int],
    window: Sequence[int],
    inputs: int,
    outputs: int,
    *,
    strides: _geometry.PerAxis = 1,
    padding: _geometry.Padding = "SAME",
) -> int:
    """Output pixels · window · inputs · (2ᵈ + outputs), d spatial axes.

    The weights of the 2ᵈ pixels around a sample are shared by all channels of a group,
    and not counted; nor is the convolution that finds the offsets.

    >>> deformable_multiplications((32, 32), (3, 3), 3, 64)
    1880064
    """
    out = conv_output_shape(shape, window, strides=strides, padding=padding)
    return prod(out) * prod(window) * inputs * (2 ** len(window) + outputs)


def fft_conv_multiplications(
    shape: Sequence[int],
    window: Sequence[int],
    inputs: int,
    outputs: int,
    *,
    padding: _geometry.Padding = "SAME",
) -> int:
    """About N·log₂N·(inputs + outputs + inputs·outputs) + 2·N·inputs·outputs.

    N = ∏ n are the pixels with their padding. A transform of N real numbers by halves
    takes N·log₂N real multiplications (here N·Σ⌈log₂n⌉), and half the frequencies are
    products of complex numbers. Those of the kernel, inputs·outputs, serve all images.

    >>> fft_conv_multiplications((32, 32), (31, 31), 3, 64, padding="VALID")
    3045376
    >>> conv_multiplications((32, 32), (31, 31), 3, 64, padding="VALID")
    738048
    """
    who = "fft_conv_multiplications"
    w = _window(who, shape, window, 1, padding, 1)
    _geometry.output_sizes(who, shape, w)
    padded = [n + sum(pair) for n, pair in zip(shape, w.pads, strict=True)]
    transform = prod(padded) * sum((n - 1).bit_length() for n in padded)
    pairs = inputs * outputs
    return transform * (inputs + outputs + pairs) + 2 * prod(padded) * pairs


def depthwise_multiplications(
    shape: Sequence[int],
    window: Sequence[int],
    inputs: int,
    *,
    strides: _geometry.PerAxis = 1,
    padding: _geometry.Padding = "SAME",
) -> int:
    """Output pixels · window · inputs: one filter a channel.

    >>> depthwise_multiplications((32, 32), (3, 3), 3)
    27648
    """
    return conv_multiplications(
        shape, window, inputs, 1, strides=strides, padding=padding
    )


def pointwise_multiplications(shape: Sequence[int], inputs: int, outputs: int) -> int:
    """Pixels · inputs · outputs: a 1×1 convolution.

    >>> pointwise_multiplications((32, 32), 3, 64)
    196608
    """
    return prod(shape) * inputs * outputs


def separable_multiplications(
    shape: Sequence[int],
    window: Sequence[int],
    inputs: int,
    outputs: int,
    *,
    strides: _geometry.PerAxis = 1,
    padding: _geometry.Padding = "SAME",
) -> int:
    """Depthwise + pointwise.

    >>> separable_multiplications((32, 32), (3, 3), 3, 64)
    224256
    """
    between = conv_output_shape(shape, window, strides=strides, padding=padding)
    depthwise = prod(between) * prod(window) * inputs
    return depthwise + pointwise_multiplications(between, inputs, outputs)


def spatially_separable_multiplications(
    shape: Sequence[int],
    window: Sequence[int],
    *,
    strides: _geometry.PerAxis = 1,
    padding: _geometry.Padding = "SAME",
) -> int:
    """One channel through a column k and then a row m: k·(pixels) + m·(pixels).

    With SAME padding k + m a pixel, where the full window costs k · m. The column
    runs over all columns of the input, the row over what the column left.

    >>> spatially_separable_multiplications((1, 1), (3, 3))
    6
    >>> conv_multiplications((1, 1), (3, 3), 1, 1)
    9
    """
    out = conv_output_shape(shape, window, strides=strides, padding=padding)
    (k, m), columns = window, shape[1]
    if isinstance(padding, str) and padding in _geometry.BORDERS:
        columns += m - 1  # a border that is not zeros is laid before both
    return k * out[0] * columns + m * prod(out)


def parameters(params: PyTree) -> int:
    """How many numbers the tree holds.

    >>> parameters({"kernel": np.zeros((5, 5, 1, 6)), "bias": np.zeros(6)})
    156
    """
    return sum(int(np.size(leaf)) for leaf in jax.tree.leaves(params))


def iterations(
    samples: int, batch_size: int, epochs: int = 1, *, drop_last: bool = False
) -> int:
    """epochs · ⌈samples / batch_size⌉ updates; ⌊·⌋ where the last one is dropped.

    >>> iterations(1000, 32), iterations(1000, 32, drop_last=True)
    (32, 31)
    """
    _check.within("iterations", "batch_size", batch_size, 1, float("inf"))
    full, rest = divmod(samples, batch_size)
    return epochs * (full + (rest > 0 and not drop_last))


def _window(who: str, shape, window, strides, padding, dilation) -> _geometry.Window:
    """The window of a convolution, whose padding may be a border too."""
    if isinstance(padding, str):
        _check.choice(who, "padding", padding, _geometry.NAMES)
        if padding in _geometry.BORDERS:
            d = _geometry.per_axis(who, "dilation", dilation, len(window))
            padding = _geometry.border(_geometry.extent(window, d))
    return _geometry.window(
        who, shape, window, strides=strides, padding=padding, dilation=dilation
    )

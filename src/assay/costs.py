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

    >>> conv_output_shape((28, 28), (5, 5))
    (24, 24)
    """
    who = "conv_output_shape"
    w = _geometry.window(
        who, shape, window, strides=strides, padding=padding, dilation=dilation
    )
    return _geometry.output_sizes(who, shape, w)


def conv_multiplications(
    shape: Sequence[int],
    window: Sequence[int],
    inputs: int,
    outputs: int,
    *,
    padding: _geometry.Padding = "SAME",
) -> int:
    """Output pixels · window · inputs · outputs: a standard convolution.

    `shape` is the spatial size of the input; `inputs` and `outputs` are channels.

    >>> conv_multiplications((32, 32), (3, 3), 3, 64)
    1769472
    """
    pixels = prod(conv_output_shape(shape, window, padding=padding))
    return pixels * prod(window) * inputs * outputs


def depthwise_multiplications(
    shape: Sequence[int],
    window: Sequence[int],
    inputs: int,
    *,
    padding: _geometry.Padding = "SAME",
) -> int:
    """Output pixels · window · inputs: one filter a channel.

    >>> depthwise_multiplications((32, 32), (3, 3), 3)
    27648
    """
    return conv_multiplications(shape, window, inputs, 1, padding=padding)


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
    padding: _geometry.Padding = "SAME",
) -> int:
    """Depthwise + pointwise.

    >>> separable_multiplications((32, 32), (3, 3), 3, 64)
    224256
    """
    between = conv_output_shape(shape, window, padding=padding)
    depthwise = depthwise_multiplications(shape, window, inputs, padding=padding)
    return depthwise + pointwise_multiplications(between, inputs, outputs)


def spatially_separable_multiplications(
    shape: Sequence[int],
    window: Sequence[int],
    *,
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
    out = conv_output_shape(shape, window, padding=padding)
    k, m = window
    return k * out[0] * shape[1] + m * prod(out)


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

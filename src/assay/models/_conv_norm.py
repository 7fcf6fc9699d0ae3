"""Convolution, batch norm and an activation: what image networks are made of."""

from collections.abc import Callable

from flax import nnx

from assay import activations, initializers
from assay.models._modules import Conv, DepthwiseConv
from assay.models._norms import BatchNorm
from assay.typing import Array

# torch's figure: a running statistic keeps nine tenths of what it was.
MOMENTUM = 0.9


class ConvNorm(nnx.Module):
    """activation(norm(conv(x))), with (k − 1) / 2 zeros on every side, as torch pads.

    "SAME" would put the odd zero of a stride 2 behind, and see other pixels. A window
    for every channel alone with `depthwise`; `scale` is what the norm's starts as.
    """

    def __init__(
        self,
        i: int,
        o: int,
        window: int = 3,
        *,
        strides: int = 1,
        depthwise: bool = False,
        activation: Callable[[Array], Array] | None = activations.relu,
        scale: float = 1.0,
        rngs: nnx.Rngs,
    ):
        how = {"strides": strides, "padding": (window - 1) // 2, "use_bias": False}
        how |= {"init": initializers.he_normal(), "rngs": rngs}
        square = (window, window)
        self.conv = (
            DepthwiseConv(o, square, **how) if depthwise else Conv(i, o, square, **how)
        )
        self.norm = BatchNorm(o, momentum=MOMENTUM, scale=scale)
        self.activation = activation

    def __call__(self, x: Array) -> Array:
        y = self.norm(self.conv(x))
        return y if self.activation is None else self.activation(y)

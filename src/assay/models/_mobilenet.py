"""MobileNetV2: Sandler et al. 2018, arXiv:1801.04381."""

from collections.abc import Sequence

import jax  # noqa: F401 (the examples)
import jax.numpy as jnp  # noqa: F401 (the examples)
from flax import nnx

from assay import activations, layers
from assay.models._conv_norm import ConvNorm
from assay.models._modules import Dense
from assay.models._noise import Dropout
from assay.typing import Array

# Table 2: (expansion t, channels c, repeats n, strides s).
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class InvertedResidual(nnx.Module):
    """[x +] project(depthwise(expand(x))): narrow outside, wide where it convolves.

    The projection has no activation (the linear bottleneck). x is added where it fits.
    """

    def __init__(self, i: int, o: int, *, expansion: int, strides: int, rngs: nnx.Rngs):
        wide, how = i * expansion, {"activation": activations.relu6, "rngs": rngs}
        self.expand = None if expansion == 1 else ConvNorm(i, wide, 1, **how)
        between = {"strides": strides, "depthwise": True}
        self.depthwise = ConvNorm(wide, wide, 3, **between, **how)
        self.project = ConvNorm(wide, o, 1, activation=None, rngs=rngs)
        self.fits = i == o and strides == 1

    def __call__(self, x: Array) -> Array:
        return layers.residual(x, self.branch) if self.fits else self.branch(x)

    def branch(self, x: Array) -> Array:
        y = x if self.expand is None else self.expand(x)
        return self.project(self.depthwise(y))


class MobileNetV2(nnx.Module):
    """Stem → 17 inverted residuals → 1280 channels → mean → dropout → logits.

    3,504,872 parameters at `width` 1, which multiplies all channels but those of the
    last convolution, rounded to multiples of 8. `small`: strides of 1 in the stem and
    the first stage that has them, for images of about 32 pixels.

    >>> run = lambda x: MobileNetV2(width=0.25, rate=0.0, rngs=nnx.Rngs(0))(x)
    >>> jax.eval_shape(run, jnp.ones((2, 32, 32, 3))).shape  # shapes only
    (2, 1000)

    Sandler et al. 2018, arXiv:1801.04381.
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        classes: int = 1000,
        width: float = 1.0,
        rate: float = 0.2,
        stages: Sequence[tuple[int, int, int, int]] = STAGES,
        size: int = 224,
        small: bool = False,
        rngs: nnx.Rngs,
    ):
        how = {"activation": activations.relu6, "rngs": rngs}
        i = _eighths(32 * width)
        self.stem = ConvNorm(channels, i, 3, strides=1 if small else 2, **how)
        blocks = []
        for t, c, n, s in stages:
            o, s = _eighths(c * width), 1 if small and c == 24 else s
            for strides in (s, *(1,) * (n - 1)):
                sizes = {"expansion": t, "strides": strides}
                blocks.append(InvertedResidual(i, o, **sizes, rngs=rngs))
                i = o
        self.blocks = nnx.List(blocks)
        last = _eighths(1280 * max(1.0, width))
        self.last = ConvNorm(i, last, 1, **how)
        self.dropout = Dropout(rate, rngs=rngs)
        self.out = Dense(last, classes, rngs=rngs)
        self.input_shape = (size, size, channels)

    def __call__(self, x: Array) -> Array:
        x = layers.sequential(self.stem(x), self.blocks)
        return self.out(self.dropout(layers.global_avg_pool(self.last(x))))


def _eighths(channels: float) -> int:
    """The nearest multiple of 8 that is at least 8 and not under 0.9 of them."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near

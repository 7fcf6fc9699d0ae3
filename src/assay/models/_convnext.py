"""ConvNeXt: Liu et al. 2022, arXiv:2201.03545."""

from collections.abc import Sequence
from typing import Any

import jax  # noqa: F401 (the examples)
import jax.numpy as jnp  # noqa: F401 (the examples)
import numpy as np
from flax import nnx

from assay import initializers, layers
from assay.models._attention import FeedForward, gelu_exact
from assay.models._modules import Conv, Dense, DepthwiseConv
from assay.models._noise import DropPath
from assay.models._norms import LayerNorm, LayerScale
from assay.typing import Array

INIT = initializers.truncated_normal(0.02)


class ConvNeXtBlock(nnx.Module):
    """x + drop_path(layer_scale(feed_forward(norm(depthwise7(x))))): figure 4.

    The feed-forward of four times the channels is the two 1x1 convolutions.
    """

    def __init__(self, channels: int, *, rate: float, scale: float, rngs: nnx.Rngs):
        how = {"padding": "SAME", "init": INIT, "rngs": rngs}
        self.depthwise = DepthwiseConv(channels, (7, 7), **how)
        self.norm = LayerNorm(channels)
        wide = {"activation": gelu_exact, "init": INIT, "rngs": rngs}
        self.feed_forward = FeedForward(channels, 4 * channels, **wide)
        self.layer_scale = LayerScale(channels, start=scale)
        self.drop_path = DropPath(rate, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return layers.residual(x, self.branch)

    def branch(self, x: Array) -> Array:
        y = self.feed_forward(self.norm(self.depthwise(x)))
        return self.drop_path(self.layer_scale(y))


class ConvNeXt(nnx.Module):
    """Patches of 4 → stages of blocks, halved between them → mean → norm → logits.

    `rate` of whole branches rises from 0 at the first block to itself at the last.
    `patch` is that of the stem: 1 or 2 for small images. 28,589,128 parameters by
    default (ConvNeXt-T).

    >>> how = {"depths": (1, 1), "widths": (4, 6), "rate": 0.0}
    >>> run = lambda x: ConvNeXt(**how, rngs=nnx.Rngs(0))(x)  # shapes only
    >>> jax.eval_shape(run, jnp.ones((2, 16, 16, 3))).shape
    (2, 1000)

    Liu et al. 2022, arXiv:2201.03545.
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        classes: int = 1000,
        depths: Sequence[int] = (3, 3, 9, 3),
        widths: Sequence[int] = (96, 192, 384, 768),
        patch: int = 4,
        rate: float = 0.1,
        scale: float = 1e-6,
        size: int = 224,
        rngs: nnx.Rngs,
    ):
        made, window = {"init": INIT, "rngs": rngs}, (patch, patch)
        self.stem = Conv(channels, widths[0], window, strides=patch, **made)
        self.stem_norm = LayerNorm(widths[0])
        pairs = list(zip(widths[:-1], widths[1:], strict=True))
        halves = [Conv(i, o, (2, 2), strides=2, **made) for i, o in pairs]
        self.norms = nnx.List([LayerNorm(i) for i, _ in pairs])
        self.halves = nnx.List(halves)
        rates, stages = iter(np.linspace(0.0, rate, sum(depths)).tolist()), []
        for width, depth in zip(widths, depths, strict=True):
            how = {"scale": scale, "rngs": rngs}
            stage = [
                ConvNeXtBlock(width, rate=next(rates), **how) for _ in range(depth)
            ]
            stages.append(nnx.List(stage))
        self.stages = nnx.List(stages)
        self.norm = LayerNorm(widths[-1])
        self.out = Dense(widths[-1], classes, **made)
        self.input_shape = (size, size, channels)

    def __call__(self, x: Array) -> Array:
        x = self.stem_norm(self.stem(x))
        first, *rest = self.stages
        x = layers.sequential(x, first)
        for norm, half, stage in zip(self.norms, self.halves, rest, strict=True):
            x = layers.sequential(half(norm(x)), stage)
        return self.out(self.norm(layers.global_avg_pool(x)))


def convnext_tiny(*, rngs: nnx.Rngs, **options: Any) -> ConvNeXt:
    """ConvNeXt-T, 28,589,128 parameters: `ConvNeXt` by default, with its options.

    >>> few = {"depths": (1, 1, 1, 1), "rate": 0.0}
    >>> run = lambda x: convnext_tiny(**few, rngs=nnx.Rngs(0))(x)
    >>> jax.eval_shape(run, jnp.ones((2, 32, 32, 3))).shape  # shapes only
    (2, 1000)
    """
    return ConvNeXt(rngs=rngs, **options)

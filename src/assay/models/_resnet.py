"""Residual networks: He et al. 2015, arXiv:1512.03385."""

from collections.abc import Sequence
from typing import Any

import jax  # noqa: F401 (the examples)
import jax.numpy as jnp  # noqa: F401 (the examples)
from flax import nnx

from assay import activations, layers
from assay.models._conv_norm import ConvNorm
from assay.models._modules import Dense
from assay.typing import Array


class BasicBlock(nnx.Module):
    """relu(shortcut(x) + conv3(conv3(x))): figure 5, left."""

    expansion = 1

    def __init__(
        self, i: int, width: int, *, strides: int = 1, scale: float, rngs: nnx.Rngs
    ):
        last = {"activation": None, "rngs": rngs}
        self.conv1 = ConvNorm(i, width, 3, strides=strides, rngs=rngs)
        self.conv2 = ConvNorm(width, width, 3, scale=scale, **last)
        self.shortcut = _shortcut(i, width, strides, rngs)

    def __call__(self, x: Array) -> Array:
        branch = self.conv2(self.conv1(x))
        straight = x if self.shortcut is None else self.shortcut(x)
        return activations.relu(layers.residual(straight, lambda _: branch))


class BottleneckBlock(nnx.Module):
    """relu(shortcut(x) + conv1(conv3(conv1(x)))): figure 5, right.

    The stride is that of the 3x3 convolution, as in torchvision ("v1.5"); the paper's
    is that of the first 1x1, which leaves three of four pixels unread.
    """

    expansion = 4

    def __init__(
        self, i: int, width: int, *, strides: int = 1, scale: float, rngs: nnx.Rngs
    ):
        o = width * self.expansion
        last = {"activation": None, "rngs": rngs}
        self.conv1 = ConvNorm(i, width, 1, rngs=rngs)
        self.conv2 = ConvNorm(width, width, 3, strides=strides, rngs=rngs)
        self.conv3 = ConvNorm(width, o, 1, scale=scale, **last)
        self.shortcut = _shortcut(i, o, strides, rngs)

    def __call__(self, x: Array) -> Array:
        branch = self.conv3(self.conv2(self.conv1(x)))
        straight = x if self.shortcut is None else self.shortcut(x)
        return activations.relu(layers.residual(straight, lambda _: branch))


class ResNet(nnx.Module):
    """Stem → stages of residual blocks, each at half the size → mean → logits.

    `depths` counts the blocks of every stage; the first has `width` channels, the next
    twice as many. `small`: a 3x3 stem that keeps the size, for images of about 32
    pixels, instead of 7x7 and pooling by 4. `zero_init`: every block begins as its
    shortcut (Goyal et al. 2017, arXiv:1706.02677).

    >>> run = lambda x: ResNet((1, 1), width=4, small=True, rngs=nnx.Rngs(0))(x)
    >>> jax.eval_shape(run, jnp.ones((2, 8, 8, 3))).shape  # shapes only
    (2, 1000)

    He et al. 2015, arXiv:1512.03385.
    """

    def __init__(
        self,
        depths: Sequence[int] = (2, 2, 2, 2),
        *,
        block: type[BasicBlock] | type[BottleneckBlock] = BasicBlock,
        channels: int = 3,
        classes: int = 1000,
        width: int = 64,
        size: int = 224,
        small: bool = False,
        zero_init: bool = False,
        rngs: nnx.Rngs,
    ):
        window, strides = (3, 1) if small else (7, 2)
        self.stem = ConvNorm(channels, width, window, strides=strides, rngs=rngs)
        self.small, self.input_shape = small, (size, size, channels)
        i, scale, stages = width, 0.0 if zero_init else 1.0, []
        for stage, depth in enumerate(depths):
            blocks = []
            for number in range(depth):
                halve = 2 if stage > 0 and number == 0 else 1
                how = {"strides": halve, "scale": scale, "rngs": rngs}
                blocks.append(block(i, width * 2**stage, **how))
                i = width * 2**stage * block.expansion
            stages.append(nnx.List(blocks))
        self.stages = nnx.List(stages)
        self.out = Dense(i, classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.stem(x)
        if not self.small:
            x = layers.max_pool(x, (3, 3), strides=2, padding=1)
        for stage in self.stages:
            x = layers.sequential(x, stage)
        return self.out(layers.global_avg_pool(x))


def resnet18(*, rngs: nnx.Rngs, **options: Any) -> ResNet:
    """ResNet-18: 2, 2, 2, 2 basic blocks, 11,689,512 parameters; options of `ResNet`.

    >>> run = lambda x: resnet18(width=4, rngs=nnx.Rngs(0))(x)  # shapes only
    >>> jax.eval_shape(run, jnp.ones((2, 32, 32, 3))).shape
    (2, 1000)
    """
    return ResNet((2, 2, 2, 2), block=BasicBlock, rngs=rngs, **options)


def resnet50(*, rngs: nnx.Rngs, **options: Any) -> ResNet:
    """ResNet-50: 3, 4, 6, 3 bottlenecks, 25,557,032 parameters; options of `ResNet`.

    >>> run = lambda x: resnet50(width=2, rngs=nnx.Rngs(0))(x)  # shapes only
    >>> jax.eval_shape(run, jnp.ones((2, 32, 32, 3))).shape
    (2, 1000)
    """
    return ResNet((3, 4, 6, 3), block=BottleneckBlock, rngs=rngs, **options)


def _shortcut(i: int, o: int, strides: int, rngs: nnx.Rngs) -> ConvNorm | None:
    """Nothing where x fits, else a 1x1 convolution: option B of the paper."""
    if i == o and strides == 1:
        return None
    return ConvNorm(i, o, 1, strides=strides, activation=None, rngs=rngs)

"""Convolutional networks for images (batch, height, width, channels)."""

from collections.abc import Callable

import jax  # noqa: F401 (the examples)
import jax.numpy as jnp  # noqa: F401 (the examples)
from flax import nnx

from assay import activations, costs, layers
from assay.models._modules import Conv, Dense, SeparableConv
from assay.models._norms import BatchNorm
from assay.typing import Array


class LeNet5(nnx.Module):
    """The lecture's LeNet-5: (28, 28, 1) → (24, 24, 6) → (12, 12, 6) → (8, 8, 16)
    → (4, 4, 16) → 256 → 120 → 84 → 10 logits, with ReLU and max pooling.

    >>> run = lambda x: LeNet5(rngs=nnx.Rngs(0))(x)  # shapes only
    >>> jax.eval_shape(run, jnp.ones((2, 28, 28, 1))).shape
    (2, 10)

    LeCun et al. 1998, Gradient-based learning applied to document recognition. For
    tanh and average pooling, as it was then: `lenet5_1998`.
    """

    def __init__(
        self,
        *,
        channels: int = 1,
        classes: int = 10,
        size: int = 28,
        activation: Callable[[Array], Array] = activations.relu,
        pool: Callable[..., Array] = layers.max_pool,
        rngs: nnx.Rngs,
    ):
        self.conv1 = Conv(channels, 6, (5, 5), rngs=rngs)
        self.conv2 = Conv(6, 16, (5, 5), rngs=rngs)
        self.dense1 = Dense(_side(size) ** 2 * 16, 120, rngs=rngs)
        self.dense2 = Dense(120, 84, rngs=rngs)
        self.out = Dense(84, classes, rngs=rngs)
        self.activation, self.pool = activation, pool
        self.input_shape = (size, size, channels)

    def __call__(self, x: Array) -> Array:
        x = self.pool(self.activation(self.conv1(x)), (2, 2))
        x = self.pool(self.activation(self.conv2(x)), (2, 2))
        x = layers.flatten(x)
        x = self.activation(self.dense1(x))
        return self.out(self.activation(self.dense2(x)))


def _side(size: int) -> int:
    """Height and width after both convolutions and poolings."""
    for _ in range(2):
        (size,) = costs.conv_output_shape((size,), (5,))
        (size,) = costs.conv_output_shape((size,), (2,), strides=2)
    return size


def lenet5_1998(
    *, channels: int = 1, classes: int = 10, size: int = 28, rngs: nnx.Rngs
) -> LeNet5:
    """LeNet-5 with tanh and average pooling.

    >>> run = lambda x: lenet5_1998(rngs=nnx.Rngs(0))(x)  # shapes only
    >>> jax.eval_shape(run, jnp.ones((2, 28, 28, 1))).shape
    (2, 10)
    """
    then = {"activation": activations.tanh, "pool": layers.avg_pool}
    return LeNet5(channels=channels, classes=classes, size=size, **then, rngs=rngs)


class ResidualBlock(nnx.Module):
    """shortcut(x) + norm(conv(relu(norm(conv(x))))), then relu."""

    def __init__(self, i: int, o: int, *, strides: int = 1, rngs: nnx.Rngs):
        same = {"padding": "SAME", "use_bias": False, "rngs": rngs}
        self.conv1 = Conv(i, o, (3, 3), strides=strides, **same)
        self.norm1 = BatchNorm(o)
        self.conv2 = Conv(o, o, (3, 3), **same)
        self.norm2 = BatchNorm(o)
        plain = i == o and strides == 1
        self.shortcut = None if plain else Conv(i, o, (1, 1), strides=strides, **same)

    def __call__(self, x: Array) -> Array:
        branch = self.norm2(self.conv2(activations.relu(self.norm1(self.conv1(x)))))
        straight = x if self.shortcut is None else self.shortcut(x)
        return activations.relu(layers.residual(straight, lambda _: branch))


class ResidualCNN(nnx.Module):
    """A small residual network with batch norm: stem, three blocks, global mean.

    >>> run = lambda x: ResidualCNN(width=4, rngs=nnx.Rngs(0))(x)  # shapes only
    >>> jax.eval_shape(run, jnp.ones((2, 8, 8, 1))).shape
    (2, 10)

    He et al. 2015, arXiv:1512.03385.
    """

    def __init__(
        self,
        *,
        channels: int = 1,
        classes: int = 10,
        width: int = 16,
        size: int = 28,
        rngs: nnx.Rngs,
    ):
        w = width
        same = {"padding": "SAME", "use_bias": False, "rngs": rngs}
        self.stem = Conv(channels, w, (3, 3), **same)
        self.norm = BatchNorm(w)
        steps = [(w, w, 1), (w, 2 * w, 2), (2 * w, 4 * w, 2)]
        blocks = [ResidualBlock(i, o, strides=s, rngs=rngs) for i, o, s in steps]
        self.blocks = nnx.List(blocks)
        self.out = Dense(4 * w, classes, rngs=rngs)
        self.input_shape = (size, size, channels)

    def __call__(self, x: Array) -> Array:
        x = activations.relu(self.norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        return self.out(layers.global_avg_pool(x))


class SeparableCNN(nnx.Module):
    """Depthwise-separable convolutions with batch norm, pooled twice.

    >>> run = lambda x: SeparableCNN(width=4, rngs=nnx.Rngs(0))(x)  # shapes only
    >>> jax.eval_shape(run, jnp.ones((2, 8, 8, 1))).shape
    (2, 10)

    Howard et al. 2017, arXiv:1704.04861.
    """

    def __init__(
        self,
        *,
        channels: int = 1,
        classes: int = 10,
        width: int = 16,
        size: int = 28,
        rngs: nnx.Rngs,
    ):
        w = width
        self.stem = Conv(channels, w, (3, 3), padding="SAME", rngs=rngs)
        sizes = [(w, 2 * w), (2 * w, 4 * w)]
        same = {"padding": "SAME", "rngs": rngs}
        self.convs = nnx.List([SeparableConv(i, o, (3, 3), **same) for i, o in sizes])
        self.norms = nnx.List([BatchNorm(o) for _, o in sizes])
        self.out = Dense(4 * w, classes, rngs=rngs)
        self.input_shape = (size, size, channels)

    def __call__(self, x: Array) -> Array:
        x = activations.relu(self.stem(x))
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = layers.max_pool(activations.relu(norm(conv(x))), (2, 2))
        return self.out(layers.global_avg_pool(x))

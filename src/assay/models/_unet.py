"""U-Net: Ronneberger et al. 2015, arXiv:1505.04597."""

import jax  # noqa: F401 (the examples)
import jax.numpy as jnp
from flax import nnx

from assay import activations, images, initializers, layers
from assay.models._modules import Conv, ConvTranspose
from assay.models._noise import Dropout
from assay.typing import Array


class DoubleConv(nnx.Module):
    """relu(conv3(relu(conv3(x))))."""

    def __init__(self, i: int, o: int, *, padding: str, rngs: nnx.Rngs):
        how = {"padding": padding, "init": initializers.he_normal(), "rngs": rngs}
        self.conv1 = Conv(i, o, (3, 3), **how)
        self.conv2 = Conv(o, o, (3, 3), **how)

    def __call__(self, x: Array) -> Array:
        return activations.relu(self.conv2(activations.relu(self.conv1(x))))


class UpBlock(nnx.Module):
    """double_conv([middle of skip, up-conv(x)])."""

    def __init__(self, i: int, *, padding: str, rngs: nnx.Rngs):
        o = i // 2
        how = {"strides": 2, "init": initializers.he_normal(), "rngs": rngs}
        self.up = ConvTranspose(i, o, (2, 2), **how)
        self.conv = DoubleConv(i, o, padding=padding, rngs=rngs)

    def __call__(self, x: Array, skip: Array) -> Array:
        x = self.up(x)
        skip = images.center_crop(skip, x.shape[-3:-1])
        return self.conv(jnp.concatenate([skip, x], axis=-1))


class UNet(nnx.Module):
    """Down `depth` times, twice the channels each time, and up again beside what was.

    One logit a class for every pixel. The paper's convolutions have no padding, so
    that 572 pixels give 388; with "SAME" sizes that 2^depth divides are kept, and
    others become the next smaller one. 31,030,658 parameters by default.

    >>> how = {"depth": 2, "width": 4, "padding": "SAME", "rate": 0.0}
    >>> run = lambda x: UNet(**how, rngs=nnx.Rngs(0))(x)  # shapes only
    >>> jax.eval_shape(run, jnp.ones((2, 16, 16, 1))).shape
    (2, 16, 16, 2)

    Ronneberger et al. 2015, arXiv:1505.04597, figure 1; dropout at the bottom.
    """

    def __init__(
        self,
        *,
        channels: int = 1,
        classes: int = 2,
        depth: int = 4,
        width: int = 64,
        padding: str = "VALID",
        rate: float = 0.5,
        size: int = 572,
        rngs: nnx.Rngs,
    ):
        how = {"padding": padding, "rngs": rngs}
        widths = [channels, *(width * 2**level for level in range(depth + 1))]
        pairs = list(zip(widths[:-1], widths[1:], strict=True))
        self.downs = nnx.List([DoubleConv(i, o, **how) for i, o in pairs[:-1]])
        self.bottom = DoubleConv(*pairs[-1], **how)
        self.dropout = Dropout(rate, rngs=rngs)
        self.ups = nnx.List([UpBlock(i, **how) for i in widths[:1:-1]])
        self.out = Conv(width, classes, (1, 1), rngs=rngs)
        self.input_shape = (size, size, channels)

    def __call__(self, x: Array) -> Array:
        skips = []
        for down in self.downs:
            skips.append(down(x))
            x = layers.max_pool(skips[-1], (2, 2))
        x = self.dropout(self.bottom(x))
        for up, skip in zip(self.ups, reversed(skips), strict=True):
            x = up(x, skip)
        return self.out(x)

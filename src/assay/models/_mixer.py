"""MLP-Mixer: Tolstikhin et al. 2021, arXiv:2105.01601."""

from functools import partial
from typing import Any

import jax  # noqa: F401 (the examples)
import jax.numpy as jnp
from flax import nnx

from assay import layers
from assay.models._attention import FeedForward, Patches
from assay.models._modules import Dense
from assay.models._noise import Dropout
from assay.models._norms import LayerNorm
from assay.models._stack import stacked
from assay.typing import Array


class MixerBlock(nnx.Module):
    """x + tokens(norm(x)ᵀ)ᵀ, then x + channels(norm(x))."""

    def __init__(
        self,
        tokens: int,
        features: int,
        hidden: tuple[int, int],
        *,
        rate: float,
        rngs: nnx.Rngs,
    ):
        self.token_norm = LayerNorm(features)
        self.tokens = FeedForward(tokens, hidden[0], rngs=rngs)
        self.channel_norm = LayerNorm(features)
        self.channels = FeedForward(features, hidden[1], rngs=rngs)
        self.dropout1 = Dropout(rate, rngs=rngs)
        self.dropout2 = Dropout(rate, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = layers.pre_norm(x, self.mix_tokens, self.token_norm)
        return layers.pre_norm(x, self.mix_channels, self.channel_norm)

    def mix_tokens(self, x: Array) -> Array:
        turned = self.tokens(jnp.swapaxes(x, -1, -2))
        return self.dropout1(jnp.swapaxes(turned, -1, -2))

    def mix_channels(self, x: Array) -> Array:
        return self.dropout2(self.channels(x))


class Mixer(nnx.Module):
    """Patches → blocks that mix tokens, then channels → norm → mean → logits.

    `hidden` are the widths inside the two: between tokens, between channels. `scan`
    and `remat`: one scan over the blocks, see `stacked`.

    >>> how = {"size": 8, "patch": 4, "features": 6, "hidden": (3, 5), "depth": 2}
    >>> run = lambda x: Mixer(**how, rngs=nnx.Rngs(0))(x)  # shapes only
    >>> jax.eval_shape(run, jnp.ones((2, 8, 8, 3))).shape
    (2, 1000)

    Tolstikhin et al. 2021, arXiv:2105.01601, figure 1.
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        classes: int = 1000,
        size: int = 224,
        patch: int = 16,
        features: int = 768,
        hidden: tuple[int, int] = (384, 3072),
        depth: int = 12,
        rate: float = 0.0,
        rngs: nnx.Rngs,
        **how: Any,
    ):
        self.patches = Patches(channels, features, patch, rngs=rngs)
        tokens = (size // patch) ** 2
        block = partial(MixerBlock, tokens, features, hidden, rate=rate)
        self.blocks = stacked(block, depth, rngs=rngs, **how)
        self.norm = LayerNorm(features)
        self.out = Dense(features, classes, rngs=rngs)
        self.input_shape = (size, size, channels)

    def __call__(self, x: Array) -> Array:
        x = self.norm(self.blocks(self.patches(x)))
        return self.out(layers.global_avg_pool(x, spatial=1))


def mixer_b16(*, rngs: nnx.Rngs, **options: Any) -> Mixer:
    """Mixer-B/16, 59,880,472 parameters: the defaults of `Mixer`, whose options it has.

    >>> run = lambda x: mixer_b16(depth=1, rngs=nnx.Rngs(0))(x)  # shapes only
    >>> jax.eval_shape(run, jnp.ones((2, 224, 224, 3))).shape
    (2, 1000)
    """
    return Mixer(rngs=rngs, **options)

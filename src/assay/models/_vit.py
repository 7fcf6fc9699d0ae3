"""Vision transformer: Dosovitskiy et al. 2020, arXiv:2010.11929."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax  # noqa: F401 (the examples)
import jax.numpy as jnp
from flax import nnx

from assay import activations, initializers, layers
from assay.models._attention import Patches
from assay.models._modules import Dense, Embedding
from assay.models._noise import Dropout
from assay.models._norms import LayerNorm
from assay.models._stack import stacked
from assay.models._transformer import TransformerBlock
from assay.typing import Array


class ViT(nnx.Module):
    """[class, patches] + positions → pre-norm blocks → norm → logits of the first.

    `activation` is the paper's code's GELU with tanh; torch's models have the exact one
    (`partial(activations.gelu, approximate=False)`). 86,567,656 parameters by default
    (ViT-B/16). `scan`, `remat`: one scan over the blocks, see `stacked`.

    >>> how = {"size": 8, "patch": 4, "features": 6, "depth": 1, "heads": 2}
    >>> run = lambda x: ViT(**how, rngs=nnx.Rngs(0))(x)  # shapes only
    >>> jax.eval_shape(run, jnp.ones((2, 8, 8, 3))).shape
    (2, 1000)

    Dosovitskiy et al. 2020, arXiv:2010.11929, figure 1.
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        classes: int = 1000,
        size: int = 224,
        patch: int = 16,
        features: int = 768,
        depth: int = 12,
        heads: int = 12,
        hidden: int | None = None,
        rate: float = 0.0,
        activation: Callable[[Array], Array] = activations.gelu,
        scan: bool = False,
        remat: bool = False,
        rngs: nnx.Rngs,
    ):
        self.patches = Patches(channels, features, patch, rngs=rngs)
        self.class_token = nnx.Param(jnp.zeros((1, features)))
        places, init = 1 + (size // patch) ** 2, initializers.normal(0.02)
        self.positions = Embedding(places, features, init=init, rngs=rngs)
        self.dropout = Dropout(rate, rngs=rngs)
        sizes = (features, heads, hidden or 4 * features)
        block = partial(TransformerBlock, *sizes, activation=activation, rate=rate)
        self.blocks = stacked(block, depth, scan=scan, remat=remat, rngs=rngs)
        self.norm = LayerNorm(features)
        self.out = Dense(features, classes, rngs=rngs)
        self.input_shape = (size, size, channels)

    def __call__(self, x: Array) -> Array:
        x = self.patches(x)
        shape = (*x.shape[:-2], 1, x.shape[-1])
        first = jnp.broadcast_to(self.class_token[...], shape)
        x = jnp.concatenate([first, x], axis=-2)
        x = layers.learned_positions(x, self.positions.table[...])
        x = self.blocks(self.dropout(x))
        return self.out(self.norm(x[..., 0, :]))


def vit_b16(*, rngs: nnx.Rngs, **options: Any) -> ViT:
    """ViT-B/16, 86,567,656 parameters: the defaults of `ViT`, whose options it has.

    >>> run = lambda x: vit_b16(depth=1, scan=True, rngs=nnx.Rngs(0))(x)  # shapes only
    >>> jax.eval_shape(run, jnp.ones((2, 224, 224, 3))).shape
    (2, 1000)
    """
    return ViT(rngs=rngs, **options)

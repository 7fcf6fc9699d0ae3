"""Shells of what transformers are made of: attention, feed-forward, patches."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import nnx

from assay import activations, initializers, layers
from assay.models._modules import weights_of
from assay.typing import Array, Initializer

XAVIER = initializers.xavier_uniform()


class MultiHeadAttention(nnx.Module):
    """`layers.multi_head_attention` over `heads` heads that share the features.

    `kv_heads` below `heads` is grouped-query attention, 1 multi-query. `out_init` is of
    the kernel that merges the heads: with zeros a block begins as nothing.
    """

    def __init__(
        self,
        features: int,
        heads: int,
        *,
        kv_heads: int | None = None,
        use_bias: bool = True,
        init: Initializer = XAVIER,
        out_init: Initializer | None = None,
        rngs: nnx.Rngs,
    ):
        size, shared = features // heads, kv_heads or heads
        for name, n in (("q", heads), ("k", shared), ("v", shared)):
            # Drawn as a matrix: the fans of a kernel with heads would be others.
            flat = init(rngs.params(), (features, n * size), jnp.float32)
            kernel = nnx.Param(flat.reshape(features, n, size))
            setattr(self, f"{name}_kernel", kernel)
            bias = nnx.Param(jnp.zeros((n, size))) if use_bias else None
            setattr(self, f"{name}_bias", bias)
        shape = (heads * size, features)
        flat = (out_init or init)(rngs.params(), shape, jnp.float32)
        self.out_kernel = nnx.Param(flat.reshape(heads, size, features))
        self.out_bias = nnx.Param(jnp.zeros(features)) if use_bias else None

    def params(self) -> layers.AttentionParams:
        """The weights, as the functions take them."""
        return weights_of(self, layers.AttentionParams)

    def __call__(self, x: Array, **how: Any) -> Array:
        return layers.multi_head_attention(x, self.params(), **how)

    def cached(
        self, cache: layers.KVCache, x: Array, **how: Any
    ) -> tuple[layers.KVCache, Array]:
        """`layers.cached_attention`: x are the tokens after those of the cache."""
        return layers.cached_attention(self.params(), cache, x, **how)


class FeedForward(nnx.Module):
    """`layers.feed_forward`: two dense layers, GELU between."""

    def __init__(
        self,
        features: int,
        hidden: int,
        *,
        activation: Callable[[Array], Array] = activations.gelu,
        use_bias: bool = True,
        init: Initializer = XAVIER,
        out_init: Initializer | None = None,
        rngs: nnx.Rngs,
    ):
        shape, back = (features, hidden), (hidden, features)
        self.kernel = nnx.Param(init(rngs.params(), shape, jnp.float32))
        out = (out_init or init)(rngs.params(), back, jnp.float32)
        self.out_kernel = nnx.Param(out)
        self.bias = nnx.Param(jnp.zeros(hidden)) if use_bias else None
        self.out_bias = nnx.Param(jnp.zeros(features)) if use_bias else None
        self.activation = activation

    def __call__(self, x: Array) -> Array:
        params = weights_of(self, layers.FeedForwardParams)
        return layers.feed_forward(x, params, activation=self.activation)


class Patches(nnx.Module):
    """`layers.patch_embedding`: an image as a sequence of vectors, one a patch."""

    def __init__(self, channels: int, features: int, patch: int, *, rngs: nnx.Rngs):
        init, shape = initializers.lecun_normal(), (patch, patch, channels, features)
        self.kernel = nnx.Param(init(rngs.params(), shape, jnp.float32))
        self.bias = nnx.Param(jnp.zeros(features))

    def __call__(self, x: Array) -> Array:
        return layers.patch_embedding(x, self.kernel[...], self.bias[...])


def gelu_exact(x: Array) -> Array:
    """x Φ(x): the GELU of torch, BERT and ConvNeXt."""
    return activations.gelu(x, approximate=False)

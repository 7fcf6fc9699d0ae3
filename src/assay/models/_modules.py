"""Flax shells: they hold `Param`s and call the layer, and decide nothing.

After the sizes everything is keyword-only. What has modes is in `_norms.py` and
`_noise.py`, attention in `_attention.py`, cells in `_recurrent.py`.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from assay import initializers, layers
from assay.typing import Array, Initializer

Window = Sequence[int]


class Dense(nnx.Module):
    """x @ kernel + bias."""

    def __init__(
        self,
        i: int,
        o: int,
        *,
        use_bias: bool = True,
        init: Initializer = initializers.lecun_normal(),  # noqa: B008
        rngs: nnx.Rngs,
    ):
        self.kernel = nnx.Param(init(rngs.params(), (i, o), jnp.float32))
        self.bias = nnx.Param(jnp.zeros(o)) if use_bias else None

    def __call__(self, x: Array) -> Array:
        return layers.dense(x, self.kernel[...], value_of(self.bias))


class Conv(nnx.Module):
    """`layers.conv`: the length of `window` is the number of spatial axes."""

    def __init__(
        self,
        i: int,
        o: int,
        window: Window,
        *,
        strides: int = 1,
        padding: Any = "VALID",
        use_bias: bool = True,
        init: Initializer = initializers.lecun_normal(),  # noqa: B008
        rngs: nnx.Rngs,
    ):
        self.kernel = nnx.Param(init(rngs.params(), (*window, i, o), jnp.float32))
        self.bias = nnx.Param(jnp.zeros(o)) if use_bias else None
        self.strides, self.padding = strides, padding

    def __call__(self, x: Array) -> Array:
        how = {"strides": self.strides, "padding": self.padding}
        return layers.conv(x, self.kernel[...], value_of(self.bias), **how)


class DepthwiseConv(nnx.Module):
    """`layers.depthwise_conv`: one window for each channel."""

    def __init__(
        self,
        channels: int,
        window: Window,
        *,
        strides: int = 1,
        padding: Any = "VALID",
        use_bias: bool = True,
        init: Initializer = initializers.lecun_normal(),  # noqa: B008
        rngs: nnx.Rngs,
    ):
        shape = (*window, 1, channels)
        self.kernel = nnx.Param(init(rngs.params(), shape, jnp.float32))
        self.bias = nnx.Param(jnp.zeros(channels)) if use_bias else None
        self.strides, self.padding = strides, padding

    def __call__(self, x: Array) -> Array:
        how = {"strides": self.strides, "padding": self.padding}
        return layers.depthwise_conv(x, self.kernel[...], value_of(self.bias), **how)


class ConvTranspose(nnx.Module):
    """`layers.conv_transpose`: as many times larger as `strides` says."""

    def __init__(
        self,
        i: int,
        o: int,
        window: Window,
        *,
        strides: int = 1,
        padding: Any = "VALID",
        init: Initializer = initializers.lecun_normal(),  # noqa: B008
        rngs: nnx.Rngs,
    ):
        self.kernel = nnx.Param(init(rngs.params(), (*window, i, o), jnp.float32))
        self.bias = nnx.Param(jnp.zeros(o))
        self.strides, self.padding = strides, padding

    def __call__(self, x: Array) -> Array:
        how = {"strides": self.strides, "padding": self.padding}
        return layers.conv_transpose(x, self.kernel[...], self.bias[...], **how)


class PointwiseConv(nnx.Module):
    """`layers.pointwise_conv`: a mixture of the channels at each place."""

    def __init__(
        self,
        i: int,
        o: int,
        *,
        init: Initializer = initializers.lecun_normal(),  # noqa: B008
        rngs: nnx.Rngs,
    ):
        self.kernel = nnx.Param(init(rngs.params(), (i, o), jnp.float32))
        self.bias = nnx.Param(jnp.zeros(o))

    def __call__(self, x: Array) -> Array:
        return layers.pointwise_conv(x, self.kernel[...], self.bias[...])


class SeparableConv(nnx.Module):
    """`layers.separable_conv`: depthwise, then pointwise."""

    def __init__(
        self,
        i: int,
        o: int,
        window: Window,
        *,
        strides: int = 1,
        padding: Any = "VALID",
        init: Initializer = initializers.lecun_normal(),  # noqa: B008
        rngs: nnx.Rngs,
    ):
        self.depthwise = nnx.Param(init(rngs.params(), (*window, 1, i), jnp.float32))
        self.pointwise = nnx.Param(init(rngs.params(), (i, o), jnp.float32))
        self.bias = nnx.Param(jnp.zeros(o))
        self.strides, self.padding = strides, padding

    def __call__(self, x: Array) -> Array:
        weights = (self.depthwise[...], self.pointwise[...], self.bias[...])
        how = {"strides": self.strides, "padding": self.padding}
        return layers.separable_conv(x, *weights, **how)


class Embedding(nnx.Module):
    """table[ids]."""

    def __init__(
        self,
        vocabulary: int,
        features: int,
        *,
        init: Initializer = initializers.normal(1.0),  # noqa: B008
        rngs: nnx.Rngs,
    ):
        shape = (vocabulary, features)
        self.table = nnx.Param(init(rngs.params(), shape, jnp.float32))

    def __call__(self, ids: Array) -> Array:
        return layers.embedding(ids, self.table[...])

    def attend(self, x: Array) -> Array:
        """x · tableᵀ: one logit a row, with the weights of the embedding."""
        return layers.dense(x, jnp.swapaxes(self.table[...], 0, 1))


def value_of(param: nnx.Param | None) -> jax.Array | None:
    return None if param is None else param[...]


def weights_of(module: nnx.Module, kind: Any) -> Any:
    """The parameters of these names, as the NamedTuple that the functions take."""
    return kind(*(value_of(getattr(module, name)) for name in kind._fields))

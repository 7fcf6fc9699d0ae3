"""Flax shells: they hold `Param`s and call the layer, and decide nothing.

After the sizes everything is keyword-only. Mode attributes are named as Flax names
them (`deterministic`, `use_running_average`), so ``model.train()`` and ``model.eval()``
reach these shells as they reach Flax's own.
"""

from collections.abc import Callable, Sequence
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
        return layers.dense(x, self.kernel[...], _value(self.bias))


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
        return layers.conv(x, self.kernel[...], _value(self.bias), **how)


class DepthwiseConv(nnx.Module):
    """`layers.depthwise_conv`: one window for each channel."""

    def __init__(
        self,
        channels: int,
        window: Window,
        *,
        strides: int = 1,
        padding: Any = "VALID",
        init: Initializer = initializers.lecun_normal(),  # noqa: B008
        rngs: nnx.Rngs,
    ):
        shape = (*window, 1, channels)
        self.kernel = nnx.Param(init(rngs.params(), shape, jnp.float32))
        self.bias = nnx.Param(jnp.zeros(channels))
        self.strides, self.padding = strides, padding

    def __call__(self, x: Array) -> Array:
        how = {"strides": self.strides, "padding": self.padding}
        return layers.depthwise_conv(x, self.kernel[...], self.bias[...], **how)


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


class BatchNorm(nnx.Module):
    """`layers.batch_norm` in training, `layers.batch_norm_inference` at rest."""

    def __init__(self, channels: int, *, momentum: float = 0.99, eps: float = 1e-5):
        self.scale = nnx.Param(jnp.ones(channels))
        self.bias = nnx.Param(jnp.zeros(channels))
        self.mean = nnx.BatchStat(jnp.zeros(channels))
        self.var = nnx.BatchStat(jnp.ones(channels))
        self.momentum, self.eps = momentum, eps
        self.use_running_average = False

    def __call__(self, x: Array) -> Array:
        stats = layers.BatchStats(self.mean[...], self.var[...])
        args = (x, self.scale[...], self.bias[...], stats)
        if self.use_running_average:
            return layers.batch_norm_inference(*args, eps=self.eps)
        y, stats = layers.batch_norm(*args, momentum=self.momentum, eps=self.eps)
        self.mean[...], self.var[...] = stats.mean, stats.var
        return y


class LayerNorm(nnx.Module):
    """`layers.layer_norm` over the last axis."""

    def __init__(self, features: int, *, eps: float = 1e-6):
        self.scale = nnx.Param(jnp.ones(features))
        self.bias = nnx.Param(jnp.zeros(features))
        self.eps = eps

    def __call__(self, x: Array) -> Array:
        return layers.layer_norm(x, self.scale[...], self.bias[...], eps=self.eps)


class Dropout(nnx.Module):
    """`layers.dropout` in training, nothing at rest; a random stream of its own."""

    def __init__(self, rate: float, *, rngs: nnx.Rngs):
        self.rate, self.deterministic = rate, False
        self.rngs = rngs["dropout"].fork()

    def __call__(self, x: Array) -> Array:
        if self.deterministic or self.rate == 0:
            return x
        return layers.dropout(x, rate=self.rate, key=self.rngs())


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


# name -> (cell, its parameters, gates)
CELLS: dict[str, tuple[Callable, Callable, int]] = {
    "rnn": (layers.rnn_cell, layers.RNNParams, 1),
    "lstm": (layers.lstm_cell, layers.LSTMParams, 4),
    "gru": (layers.gru_cell, layers.GRUParams, 3),
}


class Recurrent(nnx.Module):
    """`layers.recurrent` from a zero carry, over "rnn", "lstm" or "gru"."""

    def __init__(
        self,
        i: int,
        h: int,
        *,
        cell: str = "lstm",
        rngs: nnx.Rngs,
        reverse: bool = False,
    ):
        _, _, gates = CELLS[cell]
        inward = initializers.lecun_normal()
        around = initializers.orthogonal()
        squares = [around(rngs.params(), (h, h), jnp.float32) for _ in range(gates)]
        self.kernel = nnx.Param(inward(rngs.params(), (i, gates * h), jnp.float32))
        self.recurrent_kernel = nnx.Param(jnp.concatenate(squares, axis=1))
        self.bias = nnx.Param(jnp.zeros(gates * h))
        if cell == "gru":
            self.recurrent_bias = nnx.Param(jnp.zeros(gates * h))
        self.cell, self.reverse = cell, reverse

    def __call__(self, x: Array, mask: Array | None = None) -> tuple[Any, Array]:
        """(the carry at the end, the outputs at every time)."""
        cell, fields, _ = CELLS[self.cell]
        params = fields(*(getattr(self, n)[...] for n in fields._fields))
        carry = layers.zero_carry(params, x[..., 0, :])
        how = {"mask": mask, "reverse": self.reverse}
        return layers.recurrent(cell, params, carry, x, **how)


def _value(param: nnx.Param | None) -> jax.Array | None:
    return None if param is None else param[...]

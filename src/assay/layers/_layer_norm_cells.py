"""The LSTM and the GRU whose inputs to the gates are normalized."""

from typing import NamedTuple

import jax.numpy as jnp

from assay import activations
from assay.layers._layer_norm import layer_norm
from assay.layers._lstm import LSTMCarry
from assay.layers._precision import plus, product, spread
from assay.typing import Array, Float


class LayerNormLSTMParams(NamedTuple):
    """The weights of `layer_norm_lstm_cell`; the gates in the order i f g o."""

    kernel: Float[Array, "i 4h"]
    recurrent_kernel: Float[Array, "h 4h"]
    bias: Float[Array, " 4h"]  # of both normalizations: they are added
    scale: Float[Array, " 4h"]
    recurrent_scale: Float[Array, " 4h"]
    memory_scale: Float[Array, " h"]
    memory_bias: Float[Array, " h"]


class LayerNormGRUParams(NamedTuple):
    """The weights of `layer_norm_gru_cell`; the gates in the order r z n."""

    kernel: Float[Array, "i 3h"]
    recurrent_kernel: Float[Array, "h 3h"]
    bias: Float[Array, " 3h"]
    recurrent_bias: Float[Array, " 3h"]
    scale: Float[Array, " 3h"]
    recurrent_scale: Float[Array, " 3h"]


def layer_norm_lstm_cell(
    params: LayerNormLSTMParams, carry: LSTMCarry, x: Float[Array, "*batch i"]
) -> tuple[LSTMCarry, Float[Array, "*batch h"]]:
    """c′ = σ(f) c + σ(i) tanh(g) and h′ = σ(o) tanh(LN(c′) s″ + b″).

    i f g o = LN(x W) s + LN(h U) s′ + b, each over all gates together: with a zero
    carry LN(h U) is 0. LN is `layer_norm` with its eps.

    >>> params = LayerNormLSTMParams(
    ...     jnp.arange(8.0)[None], jnp.ones((2, 8)), jnp.zeros(8), jnp.ones(8),
    ...     jnp.ones(8), jnp.ones(2), jnp.zeros(2))
    >>> zero = LSTMCarry(jnp.zeros(2), jnp.zeros(2))
    >>> carry, y = layer_norm_lstm_cell(params, zero, jnp.ones(1))
    >>> y.round(3).tolist()
    [-0.57..., 0.62...]

    Ba et al. 2016, arXiv:1607.06450.
    """
    who = "layer_norm_lstm_cell"
    net = _normed(product(who, x, params.kernel), params.scale)
    inner = product(who, carry.h, params.recurrent_kernel, "carry.h")
    net = plus(who, net + _normed(inner, params.recurrent_scale), params.bias)
    i, f, g, o = jnp.split(net, 4, axis=-1)
    sigmoid, tanh = activations.sigmoid, activations.tanh
    c = sigmoid(f) * carry.c.astype(net.dtype) + sigmoid(i) * tanh(g)
    seen = plus(who, _normed(c, params.memory_scale), params.memory_bias)
    h = (sigmoid(o) * tanh(seen)).astype(carry.h.dtype)
    return LSTMCarry(h, c.astype(carry.c.dtype)), h


def layer_norm_gru_cell(
    params: LayerNormGRUParams,
    carry: Float[Array, "*batch h"],
    x: Float[Array, "*batch i"],
) -> tuple[Float[Array, "*batch h"], Float[Array, "*batch h"]]:
    """h′ = (1 − z) n + z h, n = tanh(LN(x Wₙ) sₙ + bₙ + r (LN(h Uₙ) s′ₙ + b′ₙ)).

    r, z = σ(LN(x W) s + b + LN(h U) s′ + b′), normalized over both gates together. LN
    is `layer_norm` with its eps.

    >>> params = LayerNormGRUParams(
    ...     jnp.arange(6.0)[None], jnp.ones((2, 6)), jnp.zeros(6), jnp.zeros(6),
    ...     jnp.ones(6), jnp.ones(6))
    >>> h, y = layer_norm_gru_cell(params, jnp.zeros(2), jnp.ones(1))
    >>> y.round(3).tolist()
    [-0.29..., 0.15...]

    Ba et al. 2016, arXiv:1607.06450, whose z is 1 − z.
    """
    who, size = "layer_norm_gru_cell", 2 * jnp.shape(carry)[-1]
    net = product(who, x, params.kernel)
    inner = product(who, carry, params.recurrent_kernel, "carry")
    net = plus(who, _normed(net, params.scale, size), params.bias)
    inner = _normed(inner, params.recurrent_scale, size)
    inner = plus(who, inner, params.recurrent_bias)
    r, z = jnp.split(activations.sigmoid(net + inner)[..., :size], 2, axis=-1)
    n = activations.tanh(net[..., size:] + r * inner[..., size:])
    h = ((1 - z) * n + z * carry.astype(z.dtype)).astype(carry.dtype)
    return h, h


def _normed(net: Array, scale: Array, size: int | None = None) -> Array:
    """LN(net) · scale, of the first `size` features and of the others apart."""
    parts = [net] if size is None else [net[..., :size], net[..., size:]]
    apart = jnp.concatenate([layer_norm(p, None, None) for p in parts], axis=-1)
    return apart * spread("layer_norm", "scale", scale, apart)

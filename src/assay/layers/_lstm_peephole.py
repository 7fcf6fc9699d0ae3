"""The LSTM whose gates see the memory, and the LSTM of one gate less."""

from typing import NamedTuple

import jax.numpy as jnp

from assay import activations
from assay.layers._lstm import LSTMCarry
from assay.layers._precision import plus, product, spread
from assay.typing import Array, Float


class PeepholeLSTMParams(NamedTuple):
    """The weights of `peephole_lstm_cell`; the gates in the order i f g o."""

    kernel: Float[Array, "i 4h"]
    recurrent_kernel: Float[Array, "h 4h"]
    bias: Float[Array, " 4h"]
    peephole: Float[Array, " 3h"]  # of i, f and o


class CoupledLSTMParams(NamedTuple):
    """The weights of `coupled_lstm_cell`; the gates in the order i g o."""

    kernel: Float[Array, "i 3h"]
    recurrent_kernel: Float[Array, "h 3h"]
    bias: Float[Array, " 3h"]


def peephole_lstm_cell(
    params: PeepholeLSTMParams, carry: LSTMCarry, x: Float[Array, "*batch i"]
) -> tuple[LSTMCarry, Float[Array, "*batch h"]]:
    """c′ = σ(f + p c) c + σ(i + p c) tanh(g) and h′ = σ(o + p c′) tanh(c′).

    i f g o = x W + h U + b, and each of the three gates has its own weights p, one a
    unit: i and f look at the memory as it was, o at the new one.

    >>> params = PeepholeLSTMParams(
    ...     jnp.ones((1, 4)), jnp.ones((1, 4)), jnp.zeros(4), jnp.ones(3))
    >>> zero = LSTMCarry(jnp.zeros(1), jnp.zeros(1))
    >>> carry, y = peephole_lstm_cell(params, zero, jnp.ones(1))
    >>> y.tolist()
    [0.4175...]

    Gers and Schmidhuber 2000, doi:10.1109/IJCNN.2000.861302.
    """
    who = "peephole_lstm_cell"
    net = plus(who, product(who, x, params.kernel), params.bias)
    net = net + product(who, carry.h, params.recurrent_kernel, "carry.h")
    i, f, g, o = jnp.split(net, 4, axis=-1)
    pi, pf, po = (_peephole(who, p, i) for p in jnp.split(params.peephole, 3))
    sigmoid, c = activations.sigmoid, carry.c.astype(net.dtype)
    c = sigmoid(f + pf * c) * c + sigmoid(i + pi * c) * activations.tanh(g)
    h = (sigmoid(o + po * c) * activations.tanh(c)).astype(carry.h.dtype)
    return LSTMCarry(h, c.astype(carry.c.dtype)), h


def coupled_lstm_cell(
    params: CoupledLSTMParams, carry: LSTMCarry, x: Float[Array, "*batch i"]
) -> tuple[LSTMCarry, Float[Array, "*batch h"]]:
    """c′ = (1 − σ(i)) c + σ(i) tanh(g) and h′ = σ(o) tanh(c′), i g o = x W + h U + b.

    What comes in is what is forgotten: three quarters of the weights of an LSTM.

    >>> params = CoupledLSTMParams(jnp.ones((1, 3)), jnp.ones((1, 3)), jnp.zeros(3))
    >>> zero = LSTMCarry(jnp.zeros(1), jnp.zeros(1))
    >>> carry, y = coupled_lstm_cell(params, zero, jnp.ones(1))
    >>> y.tolist()
    [0.3696...]

    Greff et al. 2017, CIFG, arXiv:1503.04069.
    """
    who = "coupled_lstm_cell"
    net = plus(who, product(who, x, params.kernel), params.bias)
    net = net + product(who, carry.h, params.recurrent_kernel, "carry.h")
    i, g, o = jnp.split(net, 3, axis=-1)
    sigmoid, tanh = activations.sigmoid, activations.tanh
    # σ(−i), not 1 − σ(i), which is 0 where little is forgotten.
    c = sigmoid(-i) * carry.c.astype(net.dtype) + sigmoid(i) * tanh(g)
    h = (sigmoid(o) * tanh(c)).astype(carry.h.dtype)
    return LSTMCarry(h, c.astype(carry.c.dtype)), h


def _peephole(who: str, weights: Array, like: Array) -> Array:
    """One weight a unit, laid over the batch."""
    return spread(who, "a third of peephole", weights, like)

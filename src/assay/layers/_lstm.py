"""The long short-term memory: three gates around a memory.

Gates stand beside one another in the columns of the kernels, h columns each.
"""

from typing import NamedTuple

import jax.numpy as jnp

from assay import activations
from assay.layers._precision import plus, product
from assay.typing import Array, Float


class LSTMParams(NamedTuple):
    """The weights of `lstm_cell`; the gates in the order i f g o."""

    kernel: Float[Array, "i 4h"]
    recurrent_kernel: Float[Array, "h 4h"]
    bias: Float[Array, " 4h"]


class LSTMCarry(NamedTuple):
    """What an LSTM hands to the next step: its output and its memory."""

    h: Float[Array, "*batch h"]
    c: Float[Array, "*batch h"]


def lstm_cell(
    params: LSTMParams, carry: LSTMCarry, x: Float[Array, "*batch i"]
) -> tuple[LSTMCarry, Float[Array, "*batch h"]]:
    """c′ = σ(f) c + σ(i) tanh(g) and h′ = σ(o) tanh(c′), with i f g o = x W + h U + b.

    >>> params = LSTMParams(jnp.ones((1, 4)), jnp.ones((1, 4)), jnp.zeros(4))
    >>> carry, y = lstm_cell(params, LSTMCarry(jnp.zeros(1), jnp.zeros(1)), jnp.ones(1))
    >>> y.tolist()
    [0.3696...]

    Hochreiter and Schmidhuber 1997; the forget gate is of Gers et al. 2000.
    """
    net = plus("lstm_cell", product("lstm_cell", x, params.kernel), params.bias)
    net = net + product("lstm_cell", carry.h, params.recurrent_kernel, "carry.h")
    i, f, g, o = jnp.split(net, 4, axis=-1)
    sigmoid, tanh = activations.sigmoid, activations.tanh
    c = sigmoid(f) * carry.c.astype(net.dtype) + sigmoid(i) * tanh(g)
    h = (sigmoid(o) * tanh(c)).astype(carry.h.dtype)
    return LSTMCarry(h, c.astype(carry.c.dtype)), h

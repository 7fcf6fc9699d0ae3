"""The LSTM whose output is narrower than its memory."""

from typing import NamedTuple

import jax.numpy as jnp

from assay import activations
from assay.layers._lstm import LSTMCarry
from assay.layers._precision import plus, product
from assay.typing import Array, Float


class ProjectedLSTMParams(NamedTuple):
    """The weights of `projected_lstm_cell`; the gates in the order i f g o."""

    kernel: Float[Array, "i 4h"]
    recurrent_kernel: Float[Array, "p 4h"]
    bias: Float[Array, " 4h"]
    projection: Float[Array, "h p"]


def projected_lstm_cell(
    params: ProjectedLSTMParams, carry: LSTMCarry, x: Float[Array, "*batch i"]
) -> tuple[LSTMCarry, Float[Array, "*batch p"]]:
    """c′ = σ(f) c + σ(i) tanh(g) and h′ = (σ(o) tanh(c′)) P, i f g o = x W + h U + b.

    The carry's h has p features and its c has h: torch's ``LSTM(proj_size=p)``.

    >>> params = ProjectedLSTMParams(
    ...     jnp.ones((1, 8)), jnp.ones((1, 8)), jnp.zeros(8), jnp.ones((2, 1)))
    >>> zero = LSTMCarry(jnp.zeros(1), jnp.zeros(2))
    >>> carry, y = projected_lstm_cell(params, zero, jnp.ones(1))
    >>> y.tolist()
    [0.7392...]

    Sak et al. 2014, arXiv:1402.1128.
    """
    who = "projected_lstm_cell"
    net = plus(who, product(who, x, params.kernel), params.bias)
    net = net + product(who, carry.h, params.recurrent_kernel, "carry.h")
    i, f, g, o = jnp.split(net, 4, axis=-1)
    sigmoid, tanh = activations.sigmoid, activations.tanh
    c = sigmoid(f) * carry.c.astype(net.dtype) + sigmoid(i) * tanh(g)
    wide = (sigmoid(o) * tanh(c)).astype(params.projection.dtype)
    h = product(who, wide, params.projection, "the memory").astype(carry.h.dtype)
    return LSTMCarry(h, c.astype(carry.c.dtype)), h

"""The simple recurrent network: one tanh a step."""

from typing import NamedTuple

import jax.numpy as jnp  # noqa: F401 (the examples)

from assay import activations
from assay.layers._precision import plus, product
from assay.typing import Array, Float


class RNNParams(NamedTuple):
    """The weights of `rnn_cell`."""

    kernel: Float[Array, "i h"]
    recurrent_kernel: Float[Array, "h h"]
    bias: Float[Array, " h"]


def rnn_cell(
    params: RNNParams, carry: Float[Array, "*batch h"], x: Float[Array, "*batch i"]
) -> tuple[Float[Array, "*batch h"], Float[Array, "*batch h"]]:
    """h′ = tanh(x W + h U + b).

    >>> params = RNNParams(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.zeros(1))
    >>> h, y = rnn_cell(params, jnp.zeros(1), jnp.ones(1))
    >>> y.tolist()
    [0.76159...]

    Elman 1990, doi:10.1207/s15516709cog1402_1.
    """
    net = plus("rnn_cell", product("rnn_cell", x, params.kernel), params.bias)
    inner = product("rnn_cell", carry, params.recurrent_kernel, "carry")
    h = activations.tanh(net + inner)
    h = h.astype(carry.dtype)
    return h, h

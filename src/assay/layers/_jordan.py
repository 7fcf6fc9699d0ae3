"""The network that is told its own last output."""

from typing import NamedTuple

from assay import activations
from assay.layers._precision import plus, product
from assay.typing import Array, Float


class JordanParams(NamedTuple):
    """The weights of `jordan_cell`."""

    kernel: Float[Array, "i h"]
    recurrent_kernel: Float[Array, "o h"]  # from the last output to the hidden units
    bias: Float[Array, " h"]
    output_kernel: Float[Array, "h o"]
    output_bias: Float[Array, " o"]


def jordan_cell(
    params: JordanParams, carry: Float[Array, "*batch o"], x: Float[Array, "*batch i"]
) -> tuple[Float[Array, "*batch o"], Float[Array, "*batch o"]]:
    """y′ = σ(h V + c) with h = tanh(x W + y U + b): the output comes back, not h.

    In training the last target may be put in place of y: teacher forcing.

    >>> import jax.numpy as jnp
    >>> params = JordanParams(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.zeros(1),
    ...     jnp.ones((1, 1)), jnp.zeros(1))
    >>> carry, y = jordan_cell(params, jnp.zeros(1), jnp.ones(1))
    >>> y.tolist()
    [0.6816...]

    Jordan 1986, Serial order: a parallel distributed processing approach, ICS 8604.
    """
    who = "jordan_cell"
    net = plus(who, product(who, x, params.kernel), params.bias)
    inner = product(who, carry, params.recurrent_kernel, "carry")
    h = activations.tanh(net + inner).astype(carry.dtype)
    net = product(who, h, params.output_kernel, "the hidden units")
    y = activations.sigmoid(plus(who, net, params.output_bias)).astype(carry.dtype)
    return y, y

"""The gated recurrent unit, its reset gate after or before the product.

Gates stand beside one another in the columns of the kernels, h columns each.
"""

from typing import NamedTuple

import jax.numpy as jnp

from assay import activations
from assay.layers._precision import plus, product
from assay.typing import Array, Float


class GRUParams(NamedTuple):
    """The weights of both GRUs; the gates in the order r z n."""

    kernel: Float[Array, "i 3h"]
    recurrent_kernel: Float[Array, "h 3h"]
    bias: Float[Array, " 3h"]
    recurrent_bias: Float[Array, " 3h"]  # within the reset gate's reach, if it is last


def gru_cell(
    params: GRUParams, carry: Float[Array, "*batch h"], x: Float[Array, "*batch i"]
) -> tuple[Float[Array, "*batch h"], Float[Array, "*batch h"]]:
    """h′ = (1 − z) n + z h, n = tanh(x Wₙ + bₙ + r (h Uₙ + b′ₙ)): reset after.

    r, z = σ(x W + b + h U + b′). The form of torch, Flax and cuDNN: one product.

    >>> params = GRUParams(
    ...     jnp.ones((1, 3)), jnp.ones((1, 3)), jnp.zeros(3), jnp.ones(3))
    >>> h, y = gru_cell(params, jnp.zeros(1), jnp.ones(1))
    >>> y.tolist()
    [0.1137...]

    The variant of Cho et al. 2014, arXiv:1406.1078, version 1.
    """
    net = plus("gru_cell", product("gru_cell", x, params.kernel), params.bias)
    inner = product("gru_cell", carry, params.recurrent_kernel, "carry")
    inner = plus("gru_cell", inner, params.recurrent_bias)
    (r, z, n), (hr, hz, hn) = jnp.split(net, 3, axis=-1), jnp.split(inner, 3, axis=-1)
    n = activations.tanh(n + activations.sigmoid(r + hr) * hn)
    return _mixed(activations.sigmoid(z + hz), n, carry)


def gru_reset_before_cell(
    params: GRUParams, carry: Float[Array, "*batch h"], x: Float[Array, "*batch i"]
) -> tuple[Float[Array, "*batch h"], Float[Array, "*batch h"]]:
    """h′ = (1 − z) n + z h, n = tanh(x Wₙ + bₙ + (r h) Uₙ + b′ₙ): reset before.

    r, z = σ(x W + b + h U + b′). The form of the paper and of Keras's
    ``reset_after=False``, whose single bias is b + b′.

    >>> params = GRUParams(
    ...     jnp.ones((1, 3)), jnp.ones((1, 3)), jnp.zeros(3), jnp.ones(3))
    >>> h, y = gru_reset_before_cell(params, jnp.zeros(1), jnp.ones(1))
    >>> y.tolist()
    [0.1149...]

    Cho et al. 2014, arXiv:1406.1078.
    """
    who, size = "gru_reset_before_cell", carry.shape[-1]
    net = plus(who, product(who, x, params.kernel), params.bias)
    net = plus(who, net, params.recurrent_bias)
    gates = product(who, carry, params.recurrent_kernel[:, : 2 * size], "carry")
    r, z = jnp.split(net[..., : 2 * size] + gates, 2, axis=-1)
    kept = (activations.sigmoid(r) * carry.astype(net.dtype)).astype(carry.dtype)
    inner = product(who, kept, params.recurrent_kernel[:, 2 * size :], "carry")
    n = activations.tanh(net[..., 2 * size :] + inner)
    return _mixed(activations.sigmoid(z), n, carry)


def _mixed(z: Array, n: Array, h: Array) -> tuple[Array, Array]:
    """(1 − z) n + z h, as carry and as output."""
    new = ((1 - z) * n + z * h.astype(z.dtype)).astype(h.dtype)
    return new, new

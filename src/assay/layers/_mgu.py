"""The minimal gated unit: a GRU with one gate for both of its two."""

from typing import NamedTuple

import jax.numpy as jnp

from assay import activations
from assay.layers._precision import plus, product
from assay.typing import Array, Float


class MGUParams(NamedTuple):
    """The weights of `mgu_cell`; the gate f, then the candidate n."""

    kernel: Float[Array, "i 2h"]
    recurrent_kernel: Float[Array, "h 2h"]
    bias: Float[Array, " 2h"]


def mgu_cell(
    params: MGUParams, carry: Float[Array, "*batch h"], x: Float[Array, "*batch i"]
) -> tuple[Float[Array, "*batch h"], Float[Array, "*batch h"]]:
    """h′ = (1 − f) h + f n, n = tanh(x Wₙ + (f h) Uₙ + bₙ), f = σ(x W + h U + b).

    >>> params = MGUParams(jnp.ones((1, 2)), jnp.ones((1, 2)), jnp.zeros(2))
    >>> h, y = mgu_cell(params, jnp.zeros(1), jnp.ones(1))
    >>> y.tolist()
    [0.5567...]

    Zhou et al. 2016, arXiv:1603.09420.
    """
    who, size = "mgu_cell", jnp.shape(carry)[-1]
    net = plus(who, product(who, x, params.kernel), params.bias)
    inner = product(who, carry, params.recurrent_kernel[:, :size], "carry")
    f = activations.sigmoid(net[..., :size] + inner)
    old = carry.astype(f.dtype)
    kept = (f * old).astype(carry.dtype)
    inner = product(who, kept, params.recurrent_kernel[:, size:], "carry")
    n = activations.tanh(net[..., size:] + inner)
    h = ((1 - f) * old + f * n).astype(carry.dtype)
    return h, h

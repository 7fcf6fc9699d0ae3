"""The carry before the first step: zeros, or one that is learned."""

from typing import Any

import jax
import jax.numpy as jnp

from assay import _check
from assay.layers._conv_lstm import ConvLSTMParams
from assay.layers._layer_norm_cells import LayerNormLSTMParams
from assay.layers._lru import LRUParams
from assay.layers._lstm import LSTMCarry, LSTMParams
from assay.layers._lstm_peephole import CoupledLSTMParams, PeepholeLSTMParams
from assay.layers._lstm_projected import ProjectedLSTMParams
from assay.layers._mamba import MambaCarry, MambaParams
from assay.layers._min_gru import MinGRUParams, MinLSTMParams
from assay.typing import Array, Float, PyTree

LSTMS = (
    *(LSTMParams, PeepholeLSTMParams, ProjectedLSTMParams),
    *(LayerNormLSTMParams, ConvLSTMParams),
)


def zero_carry(params: Any, x: Float[Array, "*batch i"]) -> Any:
    """0: the carry before the first step, for one step's x; LSTM's is an LSTMCarry.

    `params` are the weights of any cell of this room.

    >>> from assay.layers import RNNParams
    >>> params = RNNParams(jnp.ones((3, 4)), jnp.ones((4, 4)), jnp.zeros(4))
    >>> zero_carry(params, jnp.ones((2, 3))).shape
    (2, 4)
    """
    _check.rank_at_least("zero_carry", "x", x, 1, "(*batch, features)")
    if isinstance(params, MambaParams):
        (k, _, d), n = params.conv_kernel.shape, params.a_log.shape[-1]
        return MambaCarry(_zeros(x, k - 1, d), _zeros(x, d, n))
    if isinstance(params, (MinGRUParams, MinLSTMParams)):
        gates = 2 if isinstance(params, MinGRUParams) else 3
        return _zeros(x, params.bias.shape[0] // gates)
    if isinstance(params, LRUParams):
        return _zeros(x, params.kernel.shape[-1])
    size = params.recurrent_kernel.shape[-2]
    if isinstance(params, LSTMS):
        return LSTMCarry(_zeros(x, size), _zeros(x, params.bias.shape[0] // 4))
    if isinstance(params, CoupledLSTMParams):
        return LSTMCarry(_zeros(x, size), _zeros(x, size))
    return _zeros(x, size)


def broadcast_carry(carry: PyTree, x: Float[Array, "*batch i"]) -> PyTree:
    """The carry of one sequence, given to every sequence of one step's x.

    So a carry before the first step is learned: it is a parameter like others, and its
    gradient is the sum over the batch.

    >>> broadcast_carry(jnp.array([1.0, 2.0]), jnp.ones((3, 5))).tolist()
    [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]
    """
    _check.rank_at_least("broadcast_carry", "x", x, 1, "(*batch, features)")
    batch = jnp.shape(x)[:-1]
    return jax.tree.map(lambda v: jnp.broadcast_to(v, (*batch, *jnp.shape(v))), carry)


def _zeros(x: Array, *sizes: int) -> Array:
    # zeros_like, not zeros: inside shard_map the carry must vary as x does.
    return jnp.zeros_like(x, shape=(*jnp.shape(x)[:-1], *sizes))

"""The shell of the recurrent layers."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import nnx

from assay import initializers, layers
from assay.typing import Array

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

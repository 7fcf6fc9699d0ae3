"""The shell of the recurrent layers."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import nnx

from assay import initializers, layers
from assay.models._modules import weights_of
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

    def params(self) -> Any:
        """The weights, as the cell takes them."""
        return weights_of(self, CELLS[self.cell][1])

    def empty(self, x: Array) -> Any:
        """The carry before the first step of x (*batch, time, features): zeros."""
        return layers.zero_carry(self.params(), x[..., 0, :])

    def __call__(
        self, x: Array, mask: Array | None = None, carry: Any = None
    ) -> tuple[Any, Array]:
        """(the carry at the end, the outputs at every time)."""
        carry = self.empty(x) if carry is None else carry
        how = {"mask": mask, "reverse": self.reverse}
        return layers.recurrent(CELLS[self.cell][0], self.params(), carry, x, **how)

"""Recurrent networks for sequences (batch, time, features)."""

import jax.numpy as jnp  # noqa: F401 (the examples)
from flax import nnx

from assay.models._modules import Dense, Embedding
from assay.models._recurrent import Recurrent
from assay.typing import Array


class RecurrentClassifier(nnx.Module):
    """A cell read over the sequence; logits from its last state.

    `mask` (batch, time) is True where a step takes part: the last state is that of the
    last such step. Through `functional`, hand both over as ``x = (sequence, mask)``.

    >>> model = RecurrentClassifier(3, 8, 2, cell="gru", rngs=nnx.Rngs(0))
    >>> model(jnp.ones((4, 5, 3))).shape
    (4, 2)
    """

    def __init__(
        self,
        features: int,
        hidden: int,
        classes: int,
        *,
        cell: str = "lstm",
        rngs: nnx.Rngs,
    ):
        self.recurrent = Recurrent(features, hidden, cell=cell, rngs=rngs)
        self.out = Dense(hidden, classes, rngs=rngs)

    def __call__(self, x: Array, mask: Array | None = None) -> Array:
        carry, _ = self.recurrent(x, mask)
        return self.out(getattr(carry, "h", carry))  # an LSTM's state is h beside c


class NextToken(nnx.Module):
    """Embedding, a cell, and logits of the next token at every place.

    >>> model = NextToken(27, 16, rngs=nnx.Rngs(0))
    >>> model(jnp.zeros((2, 5), jnp.int32)).shape
    (2, 5, 27)
    """

    def __init__(
        self, vocabulary: int, hidden: int, *, cell: str = "gru", rngs: nnx.Rngs
    ):
        self.embedding = Embedding(vocabulary, hidden, rngs=rngs)
        self.recurrent = Recurrent(hidden, hidden, cell=cell, rngs=rngs)
        self.out = Dense(hidden, vocabulary, rngs=rngs)

    def __call__(self, ids: Array, mask: Array | None = None) -> Array:
        _, ys = self.recurrent(self.embedding(ids), mask)
        return self.out(ys)

"""Recurrent networks for sequences (batch, time, features)."""

import jax  # noqa: F401 (the examples)
import jax.numpy as jnp  # noqa: F401 (the examples)
from flax import nnx

from assay import initializers
from assay.models._modules import Dense, Embedding
from assay.models._noise import Dropout
from assay.models._recurrent import Recurrent
from assay.typing import Array, PyTree


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


class LanguageModel(nnx.Module):
    """Embedding → `depth` recurrent layers, dropout between → logits of the next token.

    The table of the embedding is that of the logits, too, where `tied`. `decoder` makes
    a step of a generator of it.

    >>> run = lambda ids: LanguageModel(27, 16, rngs=nnx.Rngs(0))(ids)  # shapes only
    >>> jax.eval_shape(run, jnp.zeros((2, 5), jnp.int32)).shape
    (2, 5, 27)

    Zaremba et al. 2014, arXiv:1409.2329; tied: Press and Wolf 2016, arXiv:1608.05859.
    """

    def __init__(
        self,
        vocabulary: int,
        features: int,
        *,
        depth: int = 2,
        cell: str = "lstm",
        rate: float = 0.0,
        tied: bool = True,
        rngs: nnx.Rngs,
    ):
        f = features
        init = initializers.normal(f**-0.5)  # logits of about 1, where it is tied
        self.embedding = Embedding(vocabulary, f, init=init, rngs=rngs)
        cells = [Recurrent(f, f, cell=cell, rngs=rngs) for _ in range(depth)]
        self.cells = nnx.List(cells)
        drops = [Dropout(rate, rngs=rngs) for _ in range(depth + 1)]
        self.dropouts = nnx.List(drops)
        self.out = None if tied else Dense(f, vocabulary, rngs=rngs)

    def __call__(self, ids: Array, mask: Array | None = None) -> Array:
        return self._logits(self._read(None, ids, mask)[1])

    def empty(self, ids: Array, size: int) -> PyTree:
        """The carries before the first token; they need no room, whatever the size."""
        del size
        x = self.embedding(ids)
        return tuple(cell.empty(x) for cell in self.cells)

    def cached(self, cache: PyTree, ids: Array) -> tuple[PyTree, Array]:
        """The next tokens after those of the carries: (carries, logits of the last)."""
        cache, x = self._read(cache, ids, None)
        return cache, self._logits(x[..., -1, :])

    def _read(
        self, carries: PyTree, ids: Array, mask: Array | None
    ) -> tuple[PyTree, Array]:
        first, *drops = self.dropouts
        x, after = first(self.embedding(ids)), []
        before = carries or [None] * len(self.cells)
        for cell, drop, carry in zip(self.cells, drops, before, strict=True):
            carry, x = cell(x, mask, carry)
            x = drop(x)
            after.append(carry)
        return tuple(after), x

    def _logits(self, x: Array) -> Array:
        return self.embedding.attend(x) if self.out is None else self.out(x)

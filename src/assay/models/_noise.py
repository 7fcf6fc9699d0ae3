"""Shells of what is random in training and nothing at rest.

Their mode is named as Flax names it (`deterministic`), so that ``model.train()`` and
``model.eval()`` reach them. Each has a random stream of its own; at rate 0 it has none,
so that a model without dropout needs no key.
"""

from flax import nnx

from assay import layers
from assay.typing import Array


class Dropout(nnx.Module):
    """`layers.dropout` in training, nothing at rest."""

    def __init__(self, rate: float, *, rngs: nnx.Rngs):
        self.rate, self.deterministic = rate, False
        self.rngs = rngs["dropout"].fork() if rate else None

    def __call__(self, x: Array) -> Array:
        if self.deterministic or self.rngs is None:
            return x
        return layers.dropout(x, rate=self.rate, key=self.rngs())


class DropPath(nnx.Module):
    """`layers.drop_path` of a residual branch in training, nothing at rest."""

    def __init__(self, rate: float, *, spatial: int = 2, rngs: nnx.Rngs):
        self.rate, self.spatial, self.deterministic = rate, spatial, False
        self.rngs = rngs["dropout"].fork() if rate else None

    def __call__(self, x: Array) -> Array:
        if self.deterministic or self.rngs is None:
            return x
        how = {"rate": self.rate, "spatial": self.spatial}
        return layers.drop_path(x, **how, key=self.rngs())

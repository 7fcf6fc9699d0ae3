"""Multilayer perceptrons."""

from collections.abc import Callable, Sequence

import jax.numpy as jnp  # noqa: F401 (the examples)
from flax import nnx

from assay import activations
from assay.models._modules import Dense
from assay.models._noise import Dropout
from assay.typing import Array


class MLP(nnx.Module):
    """Dense layers of the given sizes, an activation between; logits at the end.

    >>> MLP([64, 128, 128, 10], rngs=nnx.Rngs(0))(jnp.ones((2, 64))).shape
    (2, 10)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: Callable[[Array], Array] = activations.relu,
        rngs: nnx.Rngs,
    ):
        pairs = zip(sizes[:-1], sizes[1:], strict=True)
        self.layers = nnx.List([Dense(i, o, rngs=rngs) for i, o in pairs])
        self.activation, self.input_shape = activation, (sizes[0],)

    def __call__(self, x: Array) -> Array:
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return last(x)


class DropoutNet(nnx.Module):
    """The lecture's dropout network: 784 → 512, relu → dropout ½ → 10 logits.

    >>> model = DropoutNet(rngs=nnx.Rngs(0))
    >>> model.eval()
    >>> model(jnp.ones((2, 784))).shape
    (2, 10)
    """

    def __init__(
        self,
        features: int = 784,
        hidden: int = 512,
        classes: int = 10,
        *,
        rate: float = 0.5,
        rngs: nnx.Rngs,
    ):
        self.hidden = Dense(features, hidden, rngs=rngs)
        self.dropout = Dropout(rate, rngs=rngs)
        self.out = Dense(hidden, classes, rngs=rngs)
        self.input_shape = (features,)

    def __call__(self, x: Array) -> Array:
        return self.out(self.dropout(activations.relu(self.hidden(x))))

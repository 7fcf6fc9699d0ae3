"""The single neurons of the lectures."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import nnx

from assay import activations, initializers, layers
from assay.typing import Array


class Neuron(nnx.Module):
    """`layers.neuron`: one number per example, sigmoid by default."""

    def __init__(
        self,
        features: int,
        *,
        activation: Callable[[Array], Array] = activations.sigmoid,
        rngs: nnx.Rngs,
    ):
        init = initializers.normal(0.1)
        self.weights = nnx.Param(init(rngs.params(), (features,), jnp.float32))
        self.bias = nnx.Param(jnp.zeros(()))
        self.activation, self.input_shape = activation, (features,)

    def __call__(self, x: Array) -> Array:
        weights = (self.weights[...], self.bias[...])
        return layers.neuron(x, *weights, activation=self.activation)


class Perceptron(nnx.Module):
    """`layers.perceptron`, from weights of zero; learn with `perceptron_rule`."""

    def __init__(self, features: int, *, at_threshold: float = 1.0):
        self.weights = nnx.Param(jnp.zeros(features))
        self.bias = nnx.Param(jnp.zeros(()))
        self.at_threshold, self.input_shape = at_threshold, (features,)

    def __call__(self, x: Array) -> Array:
        weights = (self.weights[...], self.bias[...])
        return layers.perceptron(x, *weights, at_threshold=self.at_threshold)


class Adaline(nnx.Module):
    """`layers.adaline`, from weights of zero; learn with `lms_step` or `sgd`."""

    def __init__(self, features: int):
        self.weights = nnx.Param(jnp.zeros(features))
        self.bias = nnx.Param(jnp.zeros(()))
        self.input_shape = (features,)

    def __call__(self, x: Array) -> Array:
        return layers.adaline(x, self.weights[...], self.bias[...])

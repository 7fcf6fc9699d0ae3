"""The neurons of the lectures: McCulloch-Pitts, perceptron, ADALINE.

A learning rule takes one sample and returns the new (weights, bias), so that a scan
over the samples is the online loop.
"""

from collections.abc import Callable

import jax.numpy as jnp

from assay import _check, activations
from assay.layers._precision import product
from assay.typing import Array, Float, Num, Scalar


def mcculloch_pitts(
    x: Num[Array, "*batch n"],
    weights: Float[Array, " n"],
    theta: Scalar,
    inhibitory: Num[Array, "*batch m"] | None = None,
) -> Float[Array, "*batch"]:
    """1 where Σ wᵢxᵢ ≥ θ and no inhibitory input is active, else 0.

    >>> bits = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> mcculloch_pitts(bits, jnp.ones(2), 1.5).tolist()
    [0.0, 0.0, 0.0, 1.0]

    McCulloch and Pitts 1943, doi:10.1007/BF02478259.
    """
    dtype = jnp.result_type(weights)
    total = _weighted("mcculloch_pitts", jnp.asarray(x, dtype), weights)
    fires = activations.step(total, jnp.asarray(theta, total.dtype)).astype(dtype)
    if inhibitory is None:
        return fires
    quiet = ~jnp.any(jnp.asarray(inhibitory) != 0, axis=-1)
    return jnp.where(quiet, fires, jnp.zeros_like(fires))


def mcculloch_pitts_theta(n: Scalar, w: Scalar, p: Scalar) -> Scalar:
    """n·w − p: the threshold at which n excitatory inputs of weight w fire together.

    `p` is the sum of the inhibitory weights. The neuron fires at sums ≥ θ.

    >>> mcculloch_pitts_theta(2, 1, 0)
    2
    """
    return n * w - p


def neuron(
    x: Float[Array, "*batch n"],
    weights: Float[Array, " n"],
    bias: Scalar,
    *,
    activation: Callable[[Array], Array] = activations.sigmoid,
) -> Float[Array, "*batch"]:
    """activation(Σ wᵢxᵢ + b).

    >>> round(float(neuron(jnp.array([2.0, 3.0]), jnp.array([0.4, 0.6]), 0.5)), 4)
    0.9569
    """
    return activation(_net("neuron", x, weights, bias)).astype(jnp.result_type(x))


def perceptron(
    x: Float[Array, "*batch n"],
    weights: Float[Array, " n"],
    bias: Scalar,
    *,
    at_threshold: Scalar = 1.0,
) -> Float[Array, "*batch"]:
    """1 where Σ wᵢxᵢ + b > 0, 0 where it is < 0, and `at_threshold` where it is 0.

    >>> perceptron(jnp.ones(2), jnp.array([0.6, 0.5]), -0.7).tolist()
    1.0

    Rosenblatt 1958, doi:10.1037/h0042519.
    """
    net = _net("perceptron", x, weights, bias)
    return activations.step(net, at_threshold=at_threshold).astype(jnp.result_type(x))


def perceptron_rule(
    weights: Float[Array, " n"],
    bias: Scalar,
    x: Float[Array, " n"],
    y: Scalar,
    *,
    learning_rate: Scalar = 1.0,
    at_threshold: Scalar = 1.0,
) -> tuple[Float[Array, " n"], Float[Array, ""]]:
    """w + η (y − ŷ) x and b + η (y − ŷ), with ŷ the perceptron's answer.

    >>> w, b = perceptron_rule(jnp.zeros(2), 0.0, jnp.array([1.0, 0.0]), 0.0)
    >>> w.tolist(), float(b)
    ([-1.0, 0.0], -1.0)
    """
    guess = perceptron(x, weights, bias, at_threshold=at_threshold)
    return _corrected(weights, bias, x, y, guess, learning_rate)


def adaline(
    x: Float[Array, "*batch n"], weights: Float[Array, " n"], bias: Scalar
) -> Float[Array, "*batch"]:
    """Σ wᵢxᵢ + b: the linear neuron, which learns from its sum before any threshold.

    >>> round(float(adaline(jnp.array([2.0, 5.0]), jnp.array([0.6, 0.4]), -0.7)), 4)
    2.5
    """
    return _net("adaline", x, weights, bias).astype(jnp.result_type(x))


def lms_step(
    weights: Float[Array, " n"],
    bias: Scalar,
    x: Float[Array, " n"],
    y: Scalar,
    *,
    learning_rate: Scalar,
) -> tuple[Float[Array, " n"], Float[Array, ""]]:
    """w + η e x and b + η e, with e = y − (Σ wᵢxᵢ + b).

    >>> w, b = lms_step(
    ...     jnp.array([0.2, -0.3]), 0.1, jnp.ones(2), 1.0, learning_rate=0.1)
    >>> [round(float(v), 4) for v in (*w, b)]
    [0.3, -0.2, 0.2]

    Widrow and Hoff 1960, Adaptive switching circuits.
    """
    return _corrected(weights, bias, x, y, adaline(x, weights, bias), learning_rate)


def _net(who: str, x: Array, weights: Array, bias: Scalar) -> Array:
    """Σ wᵢxᵢ + b in at least float32."""
    if jnp.ndim(weights) != 1 or jnp.ndim(bias) != 0:
        must = "weights must be one row and bias one number"
        got = f"weights.shape={jnp.shape(weights)}, bias.shape={jnp.shape(bias)}"
        _check.fail(who, must, got, "For several neurons use dense, or vmap.")
    total = _weighted(who, x, weights)
    return total + jnp.asarray(bias, total.dtype)


def _weighted(who: str, x: Array, weights: Array) -> Array:
    """Σ wᵢxᵢ in at least float32."""
    if jnp.shape(x)[-1:] != jnp.shape(weights):
        must = "x must be (*batch, inputs), one for each of the weights"
        got = f"x.shape={jnp.shape(x)}, weights.shape={jnp.shape(weights)}"
        _check.fail(who, must, got)
    return product(who, x, weights)


def _corrected(weights, bias, x, y, guess, learning_rate) -> tuple[Array, Array]:
    """w + η (y − guess) x and b + η (y − guess), in the weights' dtype."""
    dtype = jnp.result_type(weights)
    y, rate = jnp.asarray(y, dtype), jnp.asarray(learning_rate, dtype)
    change = rate * (y - guess.astype(dtype))
    return weights + change * jnp.asarray(x, dtype), jnp.asarray(bias, dtype) + change

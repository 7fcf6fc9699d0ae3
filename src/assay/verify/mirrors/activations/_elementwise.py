"""Activations by jax.nn, SciPy and NumPy; limits at infinity where those give NaN."""

import math

import jax
import numpy as np
from scipy import special

from assay.verify.mirrors._given import Draw, given, mark, normal, static


def scattered(*shape, scale):
    """Gaussian numbers that a step of the differences would carry over a corner."""
    return normal(*shape, scale=scale)._replace(differentiable=False)


def far(*shape):
    return scattered(*shape, scale=1e6)


def tiny(*shape):
    return scattered(*shape, scale=1e-6)


@mark(source="jax.nn")
def identity(x):
    return jax.nn.identity(x)


linear = identity


@mark(gradient=False)
@given(x=Draw(lambda rng: rng.integers(-2, 3, (5, 7)) / 2.0))
@given(x=normal(4, 3), threshold=static(0.5), at_threshold=static(0.0))
@given(
    x=Draw(lambda rng: rng.integers(-2, 3, (3, 8)) / 2.0),
    threshold=static(-0.5),
    at_threshold=static(0.25),
)
def step(x, threshold=0.0, at_threshold=1.0):
    return np.heaviside(np.asarray(x) - threshold, at_threshold)


@mark(gradient=False)
def sign(x):
    return np.sign(x)


@mark(source="NumPy")
def tanh(x):
    return np.tanh(x)


@mark(source="SciPy")
def sigmoid(x):
    return special.expit(x)


@mark(source="NumPy")
def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@mark(source="jax.nn")
def relu(x):
    return jax.nn.relu(x)


@mark(source="jax.nn")
@given(x=normal(5, 7))
@given(x=far(3, 2), negative_slope=static(0.25))
@given(x=normal(3, 4), negative_slope=normal(3, 4))
def leaky_relu(x, negative_slope=0.01):
    return jax.nn.leaky_relu(x, negative_slope)


@given(x=normal(5, 3), weight=normal(3))
@given(x=normal(2, 4, 3, scale=100.0), weight=normal(1))
@given(x=normal(7), weight=static(0.25))
def prelu(x, weight):
    return np.maximum(x, 0) + weight * np.minimum(x, 0)


@mark(source="jax.nn")
@given(x=normal(5, 7, scale=3.0))
@given(x=normal(40, scale=30.0), alpha=static(0.5))
@given(x=tiny(40), alpha=normal(40))
def elu(x, alpha=1.0):
    return jax.nn.elu(x, alpha)


def _times_gate(x, gate):
    """x · gate, where no gate at all closes infinity too."""
    with np.errstate(invalid="ignore"):
        return np.where(gate == 0, 0 * np.sign(x), x * gate)


@mark(source="SciPy")
def silu(x):
    return _times_gate(x, special.expit(x))


swish = silu


@mark(source="SciPy")
@given(x=normal(5, 3, scale=4.0), beta=normal(3))
@given(x=normal(2, 4, 3, scale=30.0), beta=normal(1))
@given(x=normal(7), beta=static(1.5))
def swish_beta(x, beta):
    return x * special.expit(beta * x)


_DENSE = Draw(lambda rng: np.sort(rng.uniform(-14, 14, 4001)))


def _gelu_case(x, approximate):
    return given(x=x, approximate=static(approximate))


@mark(ulp=8, source="SciPy")
@_gelu_case(normal(5, 7, scale=3.0), False)
@_gelu_case(normal(5, 7, scale=3.0), True)
@_gelu_case(_DENSE, False)
@_gelu_case(_DENSE, True)
@_gelu_case(Draw(lambda _: np.logspace(-30, 38, 99), False), True)
def gelu(x, approximate=True):
    if approximate:
        return x * special.expit(np.sqrt(8 / np.pi) * (x + 0.044715 * np.power(x, 3)))
    return x * special.ndtr(x)


@mark(source="SciPy")
def log_sigmoid(x):
    return special.log_expit(x)


@mark(source="SciPy")
def quick_gelu(x):
    return _times_gate(x, special.expit(1.702 * x))


@mark(source="NumPy")
def mish(x):
    return _times_gate(x, np.tanh(np.logaddexp(0, x)))


@mark(source="NumPy")
def exponential(x):
    with np.errstate(over="ignore"):
        return np.exp(x)


_SHARES = Draw(lambda rng: rng.uniform(0.001, 0.999, 41), False)


@mark(source="SciPy")
@given(x=Draw(lambda rng: rng.uniform(0.1, 0.9, (5, 7))))
@given(x=_SHARES)
@given(x=Draw(lambda _: np.array([0.0, 1.0, 1e-30, 0.5, np.nan, -0.5, 2.0]), False))
def logit(x):
    return special.logit(x)


@mark(source="NumPy")
@given(x=Draw(lambda rng: rng.uniform(0.1, 6, (5, 7))))
@given(x=Draw(lambda _: np.logspace(-37, 2, 400), False))
@given(x=Draw(lambda _: np.array([0.0, np.inf, np.nan]), False))
def log1mexp(x):
    with np.errstate(divide="ignore"):
        near = np.log(-np.expm1(-x))
    return np.where(x < 1, near, np.log1p(-np.exp(-np.maximum(x, 1))))


@mark(source="NumPy")
def tanh_shrink(x):
    terms = (2 * k / math.factorial(2 * k + 1) * x ** (2 * k - 2) for k in range(1, 20))
    with np.errstate(over="ignore", invalid="ignore"):
        near = x * x * x * sum(terms) / np.cosh(x)
        return np.where(np.abs(x) < 1, near, x - np.tanh(x))


@mark(source="NumPy")
def soft_sign(x):
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(x), np.sign(x), x / (1 + np.abs(x)))


@mark(source="NumPy")
@given(x=normal(5, 7, scale=3.0))
@given(x=far(3, 2), b=static(0.25))
@given(x=normal(3, 4), b=Draw(lambda rng: rng.uniform(0.5, 3, (3, 4))))
def squareplus(x, b=4.0):
    root = np.sqrt(x * x + b)
    return np.where(x < 0, b / 2 / (root - x), (x + root) / 2)

"""Activations in pieces and their surrogates: jax.nn, torch's formulas in NumPy."""

import jax
import numpy as np

from assay.verify.mirrors._given import Draw, given, mark, normal, static

_KEY = Draw(lambda _: np.array([0, 3], np.uint32), differentiable=False)


@mark(source="jax.nn")
def relu6(x):
    return jax.nn.relu6(x)


@mark(property=True, source="x or a slope in its range", ulp=1)
@given(x=normal(3, 7), lower=static(0.25), upper=static(0.75), key=_KEY)
@given(x=normal(40, 50), key=_KEY)
def rrelu(ours, x, lower=1 / 8, upper=1 / 3, key=None):
    """Positive numbers stay; the slopes of the others fill the range evenly."""
    y = np.asarray(ours(x, lower=lower, upper=upper, key=key), np.float64)
    x = np.asarray(x, np.float64)
    slopes = np.sort((y / x)[x < 0])
    inside = lower * (1 - 1e-6) <= slopes[0] and slopes[-1] <= upper * (1 + 1e-6)
    even = np.linspace(lower, upper, slopes.size)
    near = np.abs(slopes - even).max() <= 1.95 * (upper - lower) / slopes.size**0.5
    return (np.where(x < 0, 0, y), np.array(inside and near)), (
        np.maximum(x, 0),
        np.array(True),
    )


@given(x=normal(5, 7))
@given(x=normal(4, 3, scale=1e6), lower=static(-0.5), upper=static(1.0))
def rrelu_inference(x, lower=1 / 8, upper=1 / 3):
    return np.maximum(x, 0) + (lower + upper) / 2 * np.minimum(x, 0)


@mark(source="NumPy")
def squared_relu(x):
    return np.maximum(x, 0) * np.maximum(x, 0)


@given(x=Draw(lambda rng: rng.uniform(-3, 3, 37)))
@given(x=normal(5, 3, scale=30.0), scale=static(0.5), bias=static(2.0))
@given(x=normal(4), scale=static(-2.0), bias=static(0.0))
def star_relu(x, scale=0.8944, bias=-0.4472):
    return scale * np.maximum(x, 0) ** 2 + bias


@mark(source="jax.nn")
@given(x=normal(5, 7, scale=3.0))
@given(x=normal(40, scale=30.0), alpha=static(0.5))
@given(x=normal(3, 4), alpha=static(4.0))
def celu(x, alpha=1.0):
    return jax.nn.celu(x, alpha)


@mark(source="jax.nn")
def selu(x):
    return jax.nn.selu(x)


@mark(source="jax.nn")
def hard_sigmoid(x):
    return jax.nn.hard_sigmoid(x)


def _clip(x, low, high):
    return np.minimum(np.maximum(x, low), high)


@mark(source="NumPy")
def hard_silu(x):
    return np.where(x < -3, 0.0, x) * (_clip(x + 3, 0, 6) / 6)


hard_swish = hard_silu


@mark(source="jax.nn")
def hard_tanh(x):
    return jax.nn.hard_tanh(x)


@mark(source="NumPy")
def hard_mish(x):
    return np.where(x < -2, 0.0, x) * (_clip(x + 2, 0, 2) / 2)


@given(x=normal(5, 7), threshold=static(0.25), value=static(-7.0))
@given(x=normal(40, scale=1e6), threshold=static(-1e5), value=static(0.0))
def threshold(x, threshold, value):
    return np.where(x > threshold, x, value)


@given(x=normal(5, 7))
@given(x=normal(40, scale=1e6), threshold=static(3e5))
@given(x=normal(3, 2), threshold=static(0.0))
def hard_shrink(x, threshold=0.5):
    return np.where(np.abs(x) > threshold, x, 0.0)


@given(x=normal(5, 7))
@given(x=normal(40, scale=1e6), threshold=static(3e5))
@given(x=normal(3, 2), threshold=static(0.0))
def soft_shrink(x, threshold=0.5):
    return np.sign(x) * np.maximum(np.abs(x) - threshold, 0.0)


@mark(source="NumPy")
def sparse_plus(x):
    near = _clip(x, -1, 1)
    return np.where(x > 1, x, (near + 1) ** 2 / 4)


@mark(source="jax.nn")
def sparse_sigmoid(x):
    return jax.nn.sparse_sigmoid(x)


@mark(source="NumPy")
def gaussian(x):
    return np.exp(-np.square(x))


@mark(source="NumPy")
@given(x=normal(5, 7, scale=20.0))
@given(x=normal(4, 3), omega=static(32.0))
def sine(x, omega=1.0):
    return np.sin(omega * x)


@given(x=normal(5, 7, scale=20.0))
@given(x=normal(4, 3), alpha=static(4.0))
@given(x=normal(2, 6), alpha=Draw(lambda rng: 2.0 ** rng.integers(-2, 3, (2, 6))))
def snake(x, alpha=1.0):
    return x + np.sin(alpha * x) ** 2 / alpha


@given(x=normal(5, 7, scale=20.0))
@given(x=normal(40, scale=1e-3), cap=static(50.0))
@given(x=normal(6, scale=1e20), cap=static(2.0))
def soft_cap(x, cap=30.0):
    return cap * np.tanh(x / cap)


# The surrogates: values only, for their derivatives are meant to be another's.
_CORNERS = Draw(lambda rng: rng.integers(-2, 3, (5, 7)) / 2.0, differentiable=False)


def _hard(f):
    f = given(x=_CORNERS)(given(x=normal(4, 3, scale=1e6))(f))
    return mark(gradient=False, source="NumPy")(f)


@_hard
def step_straight_through(x):
    return np.heaviside(x, 1.0)


@_hard
def step_sigmoid(x, steepness=4.0):
    return np.heaviside(x, 1.0)


@_hard
def step_triangular(x, dampening=1.0):
    return np.heaviside(x, 1.0)


@_hard
def step_arctan(x, steepness=2.0):
    return np.heaviside(x, 1.0)


@_hard
def step_fast_sigmoid(x, steepness=10.0):
    return np.heaviside(x, 1.0)


@_hard
def sign_straight_through(x):
    return np.sign(x)


@_hard
def sign_sigmoid(x, steepness=2.0):
    return np.sign(x)


@_hard
def sign_triangular(x, dampening=1.0):
    return np.sign(x)


@_hard
def binarize(x):
    return np.where(np.asarray(x) < 0, -1.0, 1.0)


@_hard
@given(x=normal(4, 5), threshold=static(0.7))
def ternarize(x, threshold=0.05):
    return np.sign(x) * (np.abs(x) > threshold)

"""The neurons, one input at a time."""

import numpy as np

from assay.verify.mirrors._given import Draw, given, mark, positive, static

drawn_bits = Draw(
    lambda rng: rng.integers(0, 2, (7, 5)).astype(float), differentiable=False
)
rarely = Draw(
    lambda rng: (rng.random((7, 3)) < 0.2).astype(float), differentiable=False
)


def _net(x, weights, bias):
    """Σ wᵢxᵢ + b by a loop over the inputs."""
    total = np.zeros(np.shape(x)[:-1])
    for i, w in enumerate(weights):
        total = total + w * x[..., i]
    return total + bias


@mark(gradient=False)
@given(x=drawn_bits, weights=positive(5), theta=static(2.25))
@given(x=drawn_bits, weights=positive(5), theta=static(1.5), inhibitory=rarely)
def mcculloch_pitts(x, weights, theta, inhibitory=None):
    fires = _net(x, weights, 0.0) >= theta
    if inhibitory is not None:
        fires = fires & (np.sum(inhibitory, -1) == 0)
    return fires.astype(float)


@given(n=positive(3), w=positive(3), p=positive(3))
def mcculloch_pitts_theta(n, w, p):
    return np.array([a * b - c for a, b, c in zip(n, w, p, strict=True)])


@given(x=(5,), weights=(5,), bias=())
@given(x=(2, 3, 5), weights=(5,), bias=())
def neuron(x, weights, bias):
    return 1 / (1 + np.exp(-_net(x, weights, bias)))


@mark(gradient=False)
@given(x=(2, 3, 5), weights=(5,), bias=())
@given(x=drawn_bits, weights=(5,), bias=(), at_threshold=static(0.0))
def perceptron(x, weights, bias, at_threshold=1.0):
    net = _net(x, weights, bias)
    return np.where(net == 0, at_threshold, net > 0)


@mark(gradient=False)
@given(weights=(5,), bias=(), x=(5,), y=Draw(lambda _: np.array(1.0)))
@given(
    weights=(5,),
    bias=(),
    x=(5,),
    y=Draw(lambda _: np.array(0.0)),
    learning_rate=static(0.25),
)
def perceptron_rule(weights, bias, x, y, learning_rate=1.0):
    error = y - (_net(x, weights, bias) >= 0)
    moved = [w + learning_rate * error * v for w, v in zip(weights, x, strict=True)]
    return np.array(moved), bias + learning_rate * error


@given(x=(5,), weights=(5,), bias=())
@given(x=(2, 3, 5), weights=(5,), bias=())
def adaline(x, weights, bias):
    return _net(x, weights, bias)


@given(weights=(5,), bias=(), x=(5,), y=(), learning_rate=static(0.125))
def lms_step(weights, bias, x, y, learning_rate):
    error = y - _net(x, weights, bias)
    moved = [w + learning_rate * error * v for w, v in zip(weights, x, strict=True)]
    return np.array(moved), bias + learning_rate * error

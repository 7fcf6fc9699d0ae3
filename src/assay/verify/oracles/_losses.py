"""Losses along one argument, the others held: "losses.NAME" or "losses.NAME(y)"."""

import math

from assay.verify.oracles._oracle import Oracle, namespace
from assay.verify.oracles._piecewise import piecewise, plus, same, square, times
from assay.verify.oracles._sigmoid import (
    dsigmoid,
    log_cosh,
    sech2,
    sigmoid,
    softplus,
    tanh,
)


def falling(f):
    """f(−x)."""
    return lambda x: f(-x)


def negative(f):
    return lambda x: -f(x)


def exp(x):
    return namespace(x).exp(x)


def poisson(x):
    """eˣ − x: the negative log-likelihood of one event."""
    xp = namespace(x)
    return xp.where(x > 1e3, math.inf, xp.exp(xp.minimum(x, 1e3)) - x)


HUBER = (
    (plus(-0.5, -1.0), times(0.5, square), plus(-0.5)),
    (-1.0, same, 1.0),
    (0.0, 1.0, 0.0),
)
RISING = Oracle(softplus, sigmoid, dsigmoid)
FALLING = Oracle(falling(softplus), negative(falling(sigmoid)), dsigmoid)

LOSSES = {
    "losses.log_cosh": Oracle(log_cosh, tanh, sech2, (), (0.0,)),
    "losses.squared_error": piecewise(
        (), (square,), (times(2.0, same),), (2.0,), roots=(0.0,)
    ),
    "losses.l2_loss": piecewise(
        (), (times(0.5, square),), (same,), (1.0,), roots=(0.0,)
    ),
    "losses.absolute_error": piecewise(
        (0.0,), (plus(0, -1.0), same), (-1.0, 1.0), (0.0, 0.0)
    ),
    "losses.huber_loss": piecewise((-1.0, 1.0), *HUBER, roots=(0.0,)),
    "losses.smooth_l1_loss": piecewise((-1.0, 1.0), *HUBER, roots=(0.0,)),
    "losses.sigmoid_binary_cross_entropy(1)": FALLING,
    "losses.sigmoid_binary_cross_entropy(0)": RISING,
    "losses.soft_margin_loss(1)": FALLING,
    "losses.hinge_loss(1)": piecewise(
        (1.0,), (plus(1.0, -1.0), 0.0), (-1.0, 0.0), (0.0, 0.0)
    ),
    "losses.squared_hinge_loss(1)": piecewise(
        (1.0,), (lambda x: (1 - x) ** 2, 0.0), (plus(-2.0, 2.0), 0.0), (2.0, 0.0)
    ),
    "losses.perceptron_loss(1)": piecewise(
        (0.0,), (plus(0, -1.0), 0.0), (-1.0, 0.0), (0.0, 0.0)
    ),
    "losses.poisson_nll_loss(1)": Oracle(
        poisson, lambda x: namespace(x).expm1(x), exp, (), (0.0,)
    ),
}

"""Losses by Optax, and by NumPy in extended precision where Optax cancels."""

import jax
import numpy as np
import optax
from scipy import special

from assay.verify.mirrors._given import (
    Draw,
    booleans,
    given,
    integers,
    mark,
    normal,
    positive,
    probabilities,
    signs,
    static,
    tree,
)
from assay.verify.mirrors.activations._elementwise import far, tiny
from assay.verify.mirrors.activations._rows import log_shares


def errors(mirror):
    """The cases of a loss of two real arrays: near, far, tiny, integers."""
    mirror = given(predictions=normal(7), targets=integers(7, high=3))(mirror)
    for draw in (tiny, far, normal):
        mirror = given(predictions=draw(3, 4), targets=draw(3, 4))(mirror)
    return mirror


@mark(source="Optax")
@errors
@given(predictions=normal(5))
def squared_error(predictions, targets=None):
    return optax.losses.squared_error(predictions, targets)


@mark(source="Optax")
@errors
@given(predictions=normal(5))
def l2_loss(predictions, targets=None):
    return optax.losses.l2_loss(predictions, targets)


@errors
def absolute_error(predictions, targets):
    return np.abs(predictions - targets)


@mark(source="SciPy")
@errors
@given(predictions=normal(5))
@given(predictions=normal(3, 2), targets=normal(3, 2), delta=static(0.25))
def huber_loss(predictions, targets=None, delta=1.0):
    return special.huber(delta, predictions - (0 if targets is None else targets))


@given(predictions=positive(3, 4), targets=positive(3, 4))
@given(predictions=positive(3, 4, high=1e6), targets=positive(3, 4))
@given(predictions=positive(3, 4, low=1.0, high=1.001), targets=positive(3, 4))
@given(
    predictions=positive(9, low=1.0, high=1.1), targets=positive(9, low=1.0, high=1.1)
)
@given(predictions=positive(7), targets=integers(7, high=4))
def squared_log_error(predictions, targets):
    return (np.log1p(predictions) - np.log1p(targets)) ** 2


@errors
@given(predictions=normal(2, 3, 4), targets=normal(2, 3, 4), axis=static((0, 2)))
@given(predictions=normal(2, 3, 4), targets=normal(2, 3, 4), axis=static(None))
def half_sum_of_squares(predictions, targets, axis=-1):
    return 0.5 * np.sum((targets - predictions) ** 2, axis)


def extremes(*shape):
    """Logits of every magnitude, too far apart for a step of the differences."""

    def make(rng):
        return rng.choice([-1, 1], shape) * 10 ** rng.uniform(-9, 7, shape)

    return Draw(make, differentiable=False)


unit = positive(4, 3, low=0.01, high=0.99)


@mark(source="NumPy")
@given(logits=normal(4, 3, scale=5.0), labels=unit)
@given(logits=normal(4, 3, scale=40.0), labels=integers(4, 3, high=2))
@given(logits=extremes(50), labels=integers(50, high=2))
def sigmoid_binary_cross_entropy(logits, labels):
    return labels * np.logaddexp(0, -logits) + (1 - labels) * np.logaddexp(0, logits)


def rare(*shape):
    """Probabilities that a step of the differences would make negative."""
    return positive(*shape, low=1e-9, high=1e-6)._replace(differentiable=False)


@mark(source="SciPy")
@given(probabilities=unit, labels=unit)
@given(probabilities=unit, labels=integers(4, 3, high=2))
@given(probabilities=rare(9), labels=integers(9, high=2))
def binary_cross_entropy(probabilities, labels):
    one, zero = special.xlogy, special.xlog1py
    return -one(labels, probabilities) - zero(1 - labels, -probabilities)


CONFIDENT = Draw(lambda rng: rng.normal(size=(6, 5)) + 20 * np.eye(6, 5))
HUGE = Draw(lambda rng: 1e8 + 8 * rng.integers(-2, 3, (3, 5)), differentiable=False)


@mark(source="NumPy")
@given(logits=normal(4, 7), labels=probabilities(4, 7))
@given(logits=normal(3, 5, scale=30.0), labels=probabilities(3, 5), axis=static(0))
@given(logits=normal(3, 5, scale=1e-5), labels=probabilities(3, 5))
@given(logits=CONFIDENT, labels=static(np.eye(6, 5)))
@given(logits=CONFIDENT, labels=Draw(lambda _: np.eye(6, 5)))
@given(logits=HUGE, labels=Draw(lambda _: np.eye(3, 5), differentiable=False))
@given(logits=normal(2, 3, 4), labels=normal(2, 3, 4, shift=3.0), axis=static((0, 2)))
@given(logits=normal(6, 5), labels=probabilities(6, 5), where=booleans(6, 5))
@given(logits=normal(6, 5), labels=probabilities(6, 5), where=booleans(6))
def softmax_cross_entropy(logits, labels, axis=-1, where=None):
    where = _mask(where, logits, axis)
    cost = -np.where(where, log_shares(logits, axis, where), 0)
    return np.where(where, labels * cost, 0).sum(axis)


def _mask(where, logits, axis):
    if where is None:
        return np.ones(np.shape(logits), bool)
    where = where if where.ndim == logits.ndim else np.expand_dims(where, axis)
    return np.broadcast_to(where, logits.shape)


FIRST = Draw(lambda _: np.zeros(6, int), differentiable=False)


@mark(source="NumPy")
@given(logits=normal(4, 7), labels=integers(4, high=7))
@given(logits=normal(3, 5, scale=30.0), labels=integers(5, high=3), axis=static(0))
@given(logits=CONFIDENT, labels=Draw(lambda _: np.arange(6) % 5, False))
@given(logits=HUGE, labels=integers(3, high=5))
@given(logits=normal(2, 3, 4), labels=integers(3, high=8), axis=static((0, 2)))
@given(logits=normal(6, 5), labels=FIRST, where=booleans(6, 5))
@given(logits=normal(6, 5), labels=integers(6, high=5), where=booleans(6))
def softmax_cross_entropy_with_integer_labels(logits, labels, axis=-1, where=None):
    axes = (axis,) if isinstance(axis, int) else axis
    cost = log_shares(logits, axes, where := _mask(where, logits, axis))
    cost = -np.moveaxis(np.where(where, cost, 0), axes, range(-len(axes), 0))
    flat = cost.reshape(*labels.shape, -1)
    return np.take_along_axis(flat, labels[..., None], -1)[..., 0]


@mark(source="Optax")
@given(labels=probabilities(4, 7), alpha=static(0.125))
@given(labels=probabilities(4, 7), alpha=static(0.0), axis=static(None))
@given(labels=normal(3, 2, 4), alpha=static(1.0), axis=static(1))
@given(labels=normal(6, 5), alpha=static(0.25), where=booleans(6, 5))
def smooth_labels(labels, alpha, axis=-1, where=None):
    return optax.losses.smooth_labels(labels, alpha, axis=axis, where=where)


@mark(source="Optax")
@given(predictor_outputs=normal(4, 3), targets=signs(4, 3))
@given(predictor_outputs=far(9), targets=signs(9))
def perceptron_loss(predictor_outputs, targets):
    return optax.losses.perceptron_loss(predictor_outputs, targets)


@mark(source="Optax")
@given(predictor_outputs=normal(4, 3), targets=signs(4, 3))
@given(predictor_outputs=far(9), targets=signs(9))
def hinge_loss(predictor_outputs, targets):
    return optax.losses.hinge_loss(predictor_outputs, targets)


@tree
def two_layers(rng):
    """A parameter tree in which a pattern can find the kernels."""

    def layer(i, o):
        return {"kernel": rng.normal(size=(i, o)), "bias": rng.normal(size=o)}

    return {"first": layer(3, 4), "second": layer(4, 2)}


def _kernels(params, matching):
    names = ("kernel",) if matching == "kernel" else ("kernel", "bias")
    return [layer[name] for layer in params.values() for name in names]


@given(params=two_layers)
@given(params=two_layers, matching=static("kernel"))
def l1_penalty(params, matching=".*"):
    return sum(np.abs(w).sum() for w in _kernels(params, matching))


@given(params=two_layers)
@given(params=two_layers, matching=static("kernel"))
def l2_penalty(params, matching=".*"):
    return sum((w**2).sum() for w in _kernels(params, matching))


@given(params=two_layers, l1=static(0.3), l2=static(2.0))
@given(params=two_layers, l2=static(0.0), matching=static("kernel"))
def elastic_net_penalty(params, l1=0.01, l2=0.01, matching=".*"):
    size, squares = l1_penalty(params, matching), l2_penalty(params, matching)
    return l1 * size + l2 * squares


def _kernels_of_both_kinds(rng):
    return {"conv": rng.normal(size=(3, 2, 4)), "dense": rng.normal(size=(3, 5))}


@given(params=two_layers)
@given(params=tree(_kernels_of_both_kinds))
@given(params=tree(_kernels_of_both_kinds), matching=static("conv"))
def orthogonal_penalty(params, matching=".*"):
    total = 0.0
    for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]:
        w = np.asarray(leaf, np.longdouble)
        if w.ndim < 2 or (matching == "conv" and "conv" not in str(path)):
            continue
        w = w.reshape(-1, w.shape[-1])
        for i, j in np.ndindex(w.shape[1], w.shape[1]):
            total += (np.dot(w[:, i], w[:, j]) - (i == j)) ** 2
    return np.float64(total)

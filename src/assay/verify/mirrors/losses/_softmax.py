"""Cross-entropies and divergences by NumPy and SciPy, from extended precision."""

import numpy as np
from scipy import special

from assay.verify.mirrors._given import (
    Draw,
    booleans,
    given,
    integers,
    mark,
    normal,
    probabilities,
    static,
)
from assay.verify.mirrors.activations._rows import log_shares
from assay.verify.mirrors.losses._basic import (
    _mask,
    softmax_cross_entropy,
    softmax_cross_entropy_with_integer_labels,
)

MARGIN = Draw(lambda rng: rng.normal(size=(6, 5)) + 12 * np.eye(6, 5))
DIAGONAL = Draw(lambda _: np.arange(6) % 5, False)


@mark(source="NumPy")
@given(logits=normal(4, 7), labels=probabilities(4, 7))
@given(logits=MARGIN, labels=static(np.eye(6, 5)))
def safe_softmax_cross_entropy(logits, labels):
    return softmax_cross_entropy(logits, labels)


@mark(source="NumPy")
@given(logits=normal(4, 7), labels=probabilities(4, 7))
@given(logits=MARGIN, labels=static(np.eye(6, 5)), epsilon=static(-0.5))
@given(logits=normal(3, 5, scale=9.0), labels=probabilities(3, 5), axis=static(0))
@given(logits=normal(6, 5), labels=probabilities(6, 5), where=booleans(6, 5))
def poly_loss_cross_entropy(logits, labels, epsilon=2.0, axis=-1, where=None):
    where = _mask(where, logits, axis)
    missing = -np.expm1(log_shares(logits, axis, where))
    missing = np.where(where, labels * missing, 0).sum(axis)
    return softmax_cross_entropy(logits, labels, axis, where) + epsilon * missing


@mark(source="NumPy")
@given(log_probabilities=normal(4, 7), labels=integers(4, high=7))
@given(log_probabilities=normal(3, 5), labels=integers(5, high=3), axis=static(0))
@given(log_probabilities=normal(6, 5), labels=integers(6, high=5), where=booleans(6))
def nll_loss(log_probabilities, labels, axis=-1, where=None):
    x = np.moveaxis(log_probabilities, axis, -1)
    y = -np.take_along_axis(x, labels[..., None], -1)[..., 0]
    return y if where is None else np.where(where, y, 0)


@mark(source="NumPy")
@given(logits=normal(4, 7), labels=integers(4, high=7))
@given(logits=MARGIN, labels=DIAGONAL, q=static(0.25))
@given(logits=normal(3, 5, scale=9.0), labels=integers(5, high=3), axis=static(0))
@given(logits=normal(6, 5), labels=integers(6, high=5), where=booleans(6))
def generalized_cross_entropy(logits, labels, q=0.7, axis=-1, where=None):
    cost = softmax_cross_entropy_with_integer_labels(logits, labels, axis, where)
    return -np.expm1(-q * cost) / q


@mark(source="NumPy")
@given(logits=normal(4, 7), labels=integers(4, high=7))
@given(logits=MARGIN, labels=DIAGONAL, gamma=static(0.5))
@given(logits=normal(3, 5, scale=9.0), labels=integers(5, high=3), axis=static(0))
@given(logits=normal(6, 5), labels=integers(6, high=5), where=booleans(6))
def softmax_focal_loss(logits, labels, gamma=2.0, axis=-1, where=None):
    cost = softmax_cross_entropy_with_integer_labels(logits, labels, axis, where)
    return cost * (-np.expm1(-cost)) ** gamma


@mark(source="NumPy")
@given(logits=normal(4, 7))
@given(logits=normal(3, 5, scale=9.0), weights=Draw(lambda rng: rng.uniform(1, 2, 5)))
@given(logits=normal(6, 5), where=booleans(6, 5))
def uniform_cross_entropy(logits, weights=None, where=None):
    where = _mask(where, logits, -1)
    weights = np.ones(logits.shape[-1]) if weights is None else weights
    labels = where * weights / where.sum(-1, keepdims=True)
    return softmax_cross_entropy(logits, labels, -1, where)


@mark(source="SciPy")
@given(logits=normal(4, 7, shift=3.0))
@given(logits=normal(3, 5, scale=3.0, shift=20.0), axis=static(0))
@given(logits=normal(6, 5, shift=3.0), where=booleans(6, 5))
def z_loss(logits, axis=-1, where=None):
    where = _mask(where, logits, axis)
    return special.logsumexp(np.where(where, logits, -np.inf), axis) ** 2


@mark(source="NumPy")
@given(logits=normal(4, 7), labels=Draw(lambda rng: rng.uniform(0.1, 0.9, (4, 7))))
@given(logits=normal(4, 7, scale=9.0), labels=integers(4, 7, high=2))
@given(logits=normal(9), labels=integers(9, high=2), alpha=static(0.25))
@given(logits=normal(9), labels=integers(9, high=2), gamma=static(0.5))
def sigmoid_focal_loss(logits, labels, alpha=None, gamma=2.0):
    one, zero = np.logaddexp(0, -logits), np.logaddexp(0, logits)
    missing = labels * np.exp(-zero) + (1 - labels) * np.exp(-one)
    y = (labels * one + (1 - labels) * zero) * missing**gamma
    return y if alpha is None else y * (alpha * labels + (1 - alpha) * (1 - labels))


def logs(*shape):
    """Logarithms of probabilities."""
    return Draw(lambda rng: np.log(probabilities(*shape).make(rng)))


def _pairs(mirror):
    """The cases of a divergence: normalised rows, another axis, sharp rows, masks."""
    masked = {"targets": probabilities(6, 5), "where": booleans(6, 5)}
    mirror = given(log_predictions=logs(6, 5), **masked)(mirror)
    wide = Draw(lambda rng: rng.uniform(-20, -3, (3, 5)))
    mirror = given(log_predictions=wide, targets=probabilities(3, 5), axis=static(0))(
        mirror
    )
    return given(log_predictions=logs(4, 7), targets=probabilities(4, 7))(mirror)


def _summed(terms, where, axis):
    return np.where(_mask(where, terms, axis), terms, 0).sum(axis)


# Terms of either sign: relative to their size, of which the sum may be a thousandth.
@mark(source="SciPy", rows=True)
@_pairs
def kl_divergence(log_predictions, targets, axis=-1, where=None):
    terms = special.xlogy(targets, targets) - targets * log_predictions
    return _summed(terms, where, axis)


@mark(source="SciPy", rows=True)
@given(log_predictions=logs(4, 7), log_targets=logs(4, 7))
@given(log_predictions=logs(6, 5), log_targets=logs(6, 5), where=booleans(6, 5))
def kl_divergence_with_log_targets(log_predictions, log_targets, axis=-1, where=None):
    terms = np.exp(log_targets) * (log_targets - log_predictions)
    return _summed(terms, where, axis)


@mark(source="SciPy")
@_pairs
def generalized_kl_divergence(log_predictions, targets, axis=-1, where=None):
    terms = special.kl_div(targets, np.exp(log_predictions))
    return _summed(terms, where, axis)


convex_kl_divergence = generalized_kl_divergence


@mark(source="SciPy")
@_pairs
def js_divergence(log_predictions, targets, axis=-1, where=None):
    q = np.exp(log_predictions)
    middle = (targets + q) / 2
    terms = special.kl_div(targets, middle) + special.kl_div(q, middle)
    return _summed(terms / 2, where, axis)


@mark(source="NumPy")
@given(hidden=normal(7, 3), kernel=normal(3, 5), labels=integers(7, high=5))
@given(
    hidden=normal(2, 9, 3),
    kernel=normal(3, 5),
    labels=integers(2, 9, high=5),
    weights=Draw(lambda rng: rng.uniform(1, 2, (2, 9))),
)
@given(
    hidden=normal(20, 3),
    kernel=normal(3, 40),
    labels=integers(20, high=40),
    where=booleans(20),
)
def linear_cross_entropy(hidden, kernel, labels, weights=None, where=None):
    cost = softmax_cross_entropy_with_integer_labels(hidden @ kernel, labels)
    cost = cost if weights is None else weights * cost
    return cost if where is None else np.where(where, cost, 0)

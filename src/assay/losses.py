"""Losses: one number per example, and the caller reduces.

Shapes must match exactly, since broadcasting would give a number too. Half precision
is computed in float32 and rounded once.
"""

import functools
import math
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations import log_softmax, relu, sigmoid, softmax, softplus
from assay.typing import Array, Axis, Bool, Float, Int, Num, PyTree, Scalar


def _pair(who: str, **arrays: Any) -> tuple[Array, Array]:
    """Both arrays in the wider of their dtypes, at least float32; shapes must match."""
    _check.same_shape(who, **arrays)
    name = next(iter(arrays))
    _check.floating(who, **{name: arrays[name]})
    a, b = _numerics.widest(*arrays.values())
    return a, b


def _error(who: str, predictions: Any, targets: Any) -> Array:
    targets = jnp.zeros_like(predictions) if targets is None else targets
    p, t = _pair(who, predictions=predictions, targets=targets)
    return p - t


def squared_error(
    predictions: Float[Array, "*shape"], targets: Num[Array, "*shape"] | None = None
) -> Float[Array, "*shape"]:
    """(prediction − target)², with targets 0 if not given.

    >>> squared_error(jnp.array([1.0, 2.0]), jnp.array([0.5, 4.0])).tolist()
    [0.25, 4.0]
    """
    e = _error("squared_error", predictions, targets)
    return _numerics.narrow(e * e, predictions)


def l2_loss(
    predictions: Float[Array, "*shape"], targets: Num[Array, "*shape"] | None = None
) -> Float[Array, "*shape"]:
    """½ (prediction − target)², with targets 0 if not given.

    >>> l2_loss(jnp.array([1.0, 2.0]), jnp.array([0.5, 4.0])).tolist()
    [0.125, 2.0]

    Bishop 2006, Pattern Recognition and Machine Learning, has the ½.
    """
    e = _error("l2_loss", predictions, targets)
    return _numerics.narrow(e * e / 2, predictions)


def absolute_error(
    predictions: Float[Array, "*shape"], targets: Num[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """|prediction − target|. The derivative at 0 is 0.

    >>> absolute_error(jnp.array([1.0, 2.0]), jnp.array([0.5, 4.0])).tolist()
    [0.5, 2.0]
    """
    e = _error("absolute_error", predictions, targets)
    return _numerics.narrow(jnp.abs(e), predictions)


def huber_loss(
    predictions: Float[Array, "*shape"],
    targets: Num[Array, "*shape"] | None = None,
    *,
    delta: Scalar = 1.0,
) -> Float[Array, "*shape"]:
    """e²/2 where |e| ≤ delta, else delta (|e| − delta/2); e = prediction − target.

    >>> huber_loss(jnp.array([0.5, 3.0]), jnp.array([0.0, 0.0])).tolist()
    [0.125, 2.5]

    Huber 1964, doi:10.1214/aoms/1177703732.
    """
    size = jnp.abs(_error("huber_loss", predictions, targets))
    delta = jnp.asarray(delta, size.dtype)
    bent = jnp.minimum(size, delta)
    return _numerics.narrow(bent * bent / 2 + delta * (size - bent), predictions)


def squared_log_error(
    predictions: Float[Array, "*shape"], targets: Num[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """(log(1 + prediction) − log(1 + target))².

    >>> squared_log_error(jnp.array([1.0]), jnp.array([0.0])).tolist()
    [0.480...]
    """
    p, t = _pair("squared_log_error", predictions=predictions, targets=targets)
    # The logarithm of the quotient where the difference of logarithms would cancel.
    ratio = (p - t) / (1 + t)
    near = jnp.abs(ratio) < 0.5
    beside = jnp.log1p(jnp.where(near, ratio, 0))
    e = jnp.where(near, beside, jnp.log1p(p) - jnp.log1p(t))
    return _numerics.narrow(e * e, predictions)


def half_sum_of_squares(
    predictions: Float[Array, "*shape"],
    targets: Num[Array, "*shape"],
    *,
    axis: Axis = -1,
) -> Float[Array, "*batch"]:
    """½ Σ (target − prediction)² over `axis`: the E of backpropagation by hand.

    >>> half_sum_of_squares(jnp.array([1.0, 2.0]), jnp.array([0.0, 4.0])).tolist()
    2.5

    Rumelhart, Hinton and Williams 1986, doi:10.1038/323533a0.
    """
    e = _error("half_sum_of_squares", predictions, targets)
    return _numerics.narrow(jnp.sum(e * e, axis) / 2, predictions)


@jax.custom_jvp
def _binary_cross_entropy_of_logits(x, labels):
    costs = softplus(-x), softplus(x)
    return _numerics.mass(labels, costs[0]) + _numerics.mass(1 - labels, costs[1])


@_binary_cross_entropy_of_logits.defjvp
def _(primals, tangents):
    (x, labels), (tx, tl) = primals, tangents
    slope = (1 - labels) * sigmoid(x) - labels * sigmoid(-x)
    bend = jnp.where(jnp.isinf(x), 0, -x)
    return _binary_cross_entropy_of_logits(x, labels), slope * tx + bend * tl


def sigmoid_binary_cross_entropy(
    logits: Float[Array, "*shape"], labels: Num[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """−label · log σ(logit) − (1 − label) · log σ(−logit).

    >>> sigmoid_binary_cross_entropy(jnp.array([0.0, 90.0]), jnp.array([1, 0])).tolist()
    [0.693..., 90.0]
    """
    who = "sigmoid_binary_cross_entropy"
    x, labels = _pair(who, logits=logits, labels=labels)
    return _numerics.narrow(_binary_cross_entropy_of_logits(x, labels), logits)


@jax.custom_jvp
def _binary_cross_entropy(p, labels):
    costs = -jnp.log(p), -jnp.log1p(-p)
    return _numerics.mass(labels, costs[0]) + _numerics.mass(1 - labels, costs[1])


def _quotient(weight, p):
    """weight / p, and 0 / 0 = 0."""
    return weight / jnp.where((weight == 0) & (p == 0), 1, p)


@_binary_cross_entropy.defjvp
def _(primals, tangents):
    (p, labels), (tp, tl) = primals, tangents
    slope = _quotient(1 - labels, 1 - p) - _quotient(labels, p)
    odds = jnp.log1p(-p) - jnp.log(p)
    bend = jnp.where(jnp.isinf(odds), 0, odds)
    return _binary_cross_entropy(p, labels), slope * tp + bend * tl


def binary_cross_entropy(
    probabilities: Float[Array, "*shape"], labels: Num[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """−label · log p − (1 − label) · log(1 − p), unclipped; 0 · log 0 = 0.

    Prefer `sigmoid_binary_cross_entropy`: near p = 1 the probability has lost what the
    logit knew.

    >>> binary_cross_entropy(jnp.array([0.5, 1.0]), jnp.array([1, 1])).tolist()
    [0.693..., 0.0]
    """
    who = "binary_cross_entropy"
    p, labels = _pair(who, probabilities=probabilities, labels=labels)
    return _numerics.narrow(_binary_cross_entropy(p, labels), probabilities)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _excess(x, labels, axis):
    """softmax(x) Σlabels − labels; where p is nearly 1, by Σ of the others."""
    e, rest, at_top = _numerics.beside_top(x, axis)
    total = jnp.sum(labels, axis, keepdims=True)
    plain = jnp.where(at_top, 1, e) / (1 + rest) * total - labels
    beside = jnp.sum(jnp.where(at_top, 0, labels), axis, keepdims=True)
    alone = jnp.sum(at_top, axis, keepdims=True) == 1
    return jnp.where(at_top & alone, beside - rest / (1 + rest) * total, plain)


@_excess.defjvp
def _(axis, primals, tangents):
    def plain(x, labels):
        return softmax(x, axis) * jnp.sum(labels, axis, keepdims=True) - labels

    return _excess(*primals, axis), jax.jvp(plain, primals, tangents)[1]


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _cross_entropy(x, labels, axis):
    return jnp.sum(_numerics.mass(labels, -log_softmax(x, axis)), axis)


@_cross_entropy.defjvp
def _(axis, primals, tangents):
    (x, labels), (tx, tl) = primals, tangents
    cost = -log_softmax(x, axis)
    bend = jnp.where(jnp.isinf(cost), 0, cost)
    t = jnp.sum(_excess(x, labels, axis) * tx + bend * tl, axis)
    return _cross_entropy(x, labels, axis), t


def _mask(where, logits, axis):
    """`where` in the shape of the logits; it may come as one for each example."""
    where = jnp.asarray(where)
    if where.ndim != logits.ndim:
        where = jnp.expand_dims(where, axis)
    return jnp.broadcast_to(where, logits.shape)


def softmax_cross_entropy(
    logits: Float[Array, "*shape"],
    labels: Num[Array, "*shape"],
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """−Σ label · log softmax(logits) over `axis`, where `where` is True.

    A label of 0 counts nothing, at a logit of -∞ too; no True in a row gives 0.

    >>> logits = jnp.array([[0.0, 0.0], [1e8, 1e8]])
    >>> softmax_cross_entropy(logits, jnp.array([[1.0, 0.0], [0.5, 0.5]])).tolist()
    [0.693..., 0.693...]

    Bridle 1990, doi:10.1007/978-3-642-76153-9_28.
    """
    x, labels = _pair("softmax_cross_entropy", logits=logits, labels=labels)
    if where is None:
        return _numerics.narrow(_cross_entropy(x, labels, axis), logits)
    where = _mask(where, x, axis)
    x, labels = jnp.where(where, x, -jnp.inf), jnp.where(where, labels, 0)
    y = jnp.where(jnp.any(where, axis), _cross_entropy(x, labels, axis), 0)
    return _numerics.narrow(y, logits)


def _classes_last(x: Array, axis: int | tuple[int, ...]) -> Array:
    """The axes of the classes flattened into one, the last."""
    axes = (axis,) if isinstance(axis, int) else axis
    x = jnp.moveaxis(x, axes, range(-len(axes), 0))
    batch, classes = x.shape[: -len(axes)], x.shape[-len(axes) :]
    return x.reshape(*batch, math.prod(classes))


def softmax_cross_entropy_with_integer_labels(
    logits: Float[Array, "*shape"],
    labels: Int[Array, "*batch"],
    axis: int | tuple[int, ...] = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """−log softmax(logits)[label] over `axis`, of the classes where `where` is True.

    A label that is no class gives NaN, a class of probability 0 gives ∞, and a row with
    no True gives 0: `where=labels != -100` ignores examples.

    >>> logits = jnp.array([[0.0, 0.0], [0.0, 20.0]])
    >>> softmax_cross_entropy_with_integer_labels(logits, jnp.array([0, 1])).tolist()
    [0.693..., 2.06...e-09]
    """
    who = "softmax_cross_entropy_with_integer_labels"
    _check.floating(who, logits=logits)
    _check.integer(who, labels=labels)
    x, labels = _classes_last(_numerics.wide(logits), axis), jnp.asarray(labels)
    if labels.shape != x.shape[:-1]:
        must = "labels must have the shape of the logits without the classes' axis"
        _check.fail(who, must, f"{labels.shape} and logits.shape={jnp.shape(logits)}")
    classes = jax.lax.broadcasted_iota(labels.dtype, x.shape, x.ndim - 1)
    chosen = classes == jnp.broadcast_to(labels[..., None], x.shape)
    if where is not None:
        where = _classes_last(_mask(where, jnp.asarray(logits), axis), axis)
        x = jnp.where(where, x, -jnp.inf)
    y = _cross_entropy(x, chosen.astype(x.dtype), -1)
    y = jnp.where((labels >= 0) & (labels < x.shape[-1]), y, jnp.nan)
    y = y if where is None else jnp.where(jnp.any(where, -1), y, 0)
    return _numerics.narrow(y, logits)


def smooth_labels(
    labels: Float[Array, "*shape"],
    alpha: Scalar,
    *,
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*shape"]:
    """(1 − alpha) · label + alpha / n, n the number of classes where `where` is True.

    >>> smooth_labels(jnp.array([1.0, 0.0, 0.0, 0.0]), 0.5).tolist()
    [0.625, 0.125, 0.125, 0.125]

    Szegedy et al. 2015, arXiv:1512.00567.
    """
    _check.floating("smooth_labels", labels=labels)
    _check.within("smooth_labels", "alpha", alpha, 0, 1)
    y = _numerics.wide(labels)
    alpha = jnp.asarray(alpha, y.dtype)
    taking_part = True if where is None else where
    taking_part = jnp.broadcast_to(jnp.asarray(taking_part), y.shape)
    n = jnp.sum(taking_part, axis, keepdims=True, dtype=y.dtype)
    smooth = (1 - alpha) * y + alpha / jnp.broadcast_to(jnp.maximum(n, 1), y.shape)
    return _numerics.narrow(smooth, labels)


def _margin(who: str, outputs: Any, targets: Any) -> Array:
    x, t = _pair(who, predictor_outputs=outputs, targets=targets)
    return x * t


def perceptron_loss(
    predictor_outputs: Float[Array, "*shape"], targets: Num[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """max(0, −target · output) for targets of -1 and 1. The derivative at 0 is 0.

    >>> perceptron_loss(jnp.array([2.0, -3.0]), jnp.array([1, 1])).tolist()
    [0.0, 3.0]

    Rosenblatt 1958, doi:10.1037/h0042519.
    """
    margin = _margin("perceptron_loss", predictor_outputs, targets)
    return _numerics.narrow(relu(-margin), predictor_outputs)


def hinge_loss(
    predictor_outputs: Float[Array, "*shape"], targets: Num[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """max(0, 1 − target · output) for targets of -1 and 1.

    >>> hinge_loss(jnp.array([2.0, -3.0]), jnp.array([1, 1])).tolist()
    [0.0, 4.0]

    Cortes and Vapnik 1995, doi:10.1007/BF00994018.
    """
    margin = _margin("hinge_loss", predictor_outputs, targets)
    return _numerics.narrow(relu(1 - margin), predictor_outputs)


def _matching(who: str, params: PyTree, pattern: str) -> list[Array]:
    """The leaves whose path, such as dense/kernel, has a match of `pattern`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(params)
    paths = [jax.tree_util.keystr(p, simple=True, separator="/") for p, _ in leaves]
    pairs = zip(paths, leaves, strict=True)
    found = [jnp.asarray(leaf) for path, (_, leaf) in pairs if re.search(pattern, path)]
    if leaves and not found:
        must = f"matching must find a parameter among {', '.join(paths)}"
        _check.fail(who, must, repr(pattern))
    return found


def _total(f: Callable, leaves: list[Array]) -> Array:
    """Σ f(w) over all leaves, in their dtype if they have one, else in the widest."""
    if not leaves:
        return jnp.zeros(())
    y = sum(jnp.sum(f(w)) for w in _numerics.widest(*leaves))
    return _numerics.narrow(y, leaves[0]) if len({w.dtype for w in leaves}) == 1 else y


def l1_penalty(params: PyTree, *, matching: str = ".*") -> Float[Array, ""]:
    """Σ |w| over the parameters whose path matches the regular expression.

    >>> params = {"dense": {"kernel": jnp.array([1.0, -2.0]), "bias": jnp.ones(1)}}
    >>> float(l1_penalty(params, matching="kernel"))
    3.0

    Tibshirani 1996, doi:10.1111/j.2517-6161.1996.tb02080.x.
    """
    return _total(jnp.abs, _matching("l1_penalty", params, matching))


def l2_penalty(params: PyTree, *, matching: str = ".*") -> Float[Array, ""]:
    """Σ w² over the parameters whose path matches; without the ½ of `l2_loss`.

    >>> params = {"dense": {"kernel": jnp.array([1.0, -2.0]), "bias": jnp.ones(1)}}
    >>> float(l2_penalty(params, matching="kernel"))
    5.0

    Hoerl and Kennard 1970, doi:10.1080/00401706.1970.10488634.
    """
    return _total(jnp.square, _matching("l2_penalty", params, matching))

"""Losses of many classes: softmax cross-entropies and smoothed labels."""

import functools
import math

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations import log_softmax, softmax
from assay.losses._pair import _pair
from assay.typing import Array, Axis, Bool, Float, Int, Num, Scalar


def _row_costs(x, axis):
    """(log Σ e^(x − max x), max x − x): of one sign, and their sum is the cost."""
    d, error, _ = _numerics.from_top(x, axis)
    rest = _numerics.beside_top(x, axis)
    return jnp.log1p(rest), -(d + error)


def _row_shares(x, axis):
    """(softmax p, Σ of the others where p > ½, where p > ½)."""
    d, error, at_top = _numerics.from_top(x, axis)
    rest = _numerics.beside_top(x, axis)
    scale = 1 / (1 + rest)
    return jnp.exp(d) * (1 + error) * scale, rest * scale, at_top & (rest < 1)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _excess(x, labels, axis):
    """softmax(x) Σlabels − labels; where p > ½, by Σ of the others."""
    p, others, top = _row_shares(x, axis)
    total = jnp.sum(labels, axis, keepdims=True)
    beside = jnp.sum(jnp.where(top, 0, labels), axis, keepdims=True)
    total, beside = jax.lax.optimization_barrier((total, beside))
    return jnp.where(top, beside - others * total, p * total - labels)


@_excess.defjvp
def _(axis, primals, tangents):
    def plain(x, labels):
        return softmax(x, axis) * jnp.sum(labels, axis, keepdims=True) - labels

    return _excess(*primals, axis), jax.jvp(plain, primals, tangents)[1]


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _cross_entropy(x, labels, axis):
    level, gaps = _row_costs(x, axis)
    total = jnp.sum(labels, axis)
    gap = jnp.sum(_numerics.mass(labels, gaps), axis)
    return jnp.squeeze(level, axis) * total + gap


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


def _chosen(labels, x):
    """Where each row's class is the label."""
    classes = jax.lax.broadcasted_iota(labels.dtype, x.shape, x.ndim - 1)
    return classes == jnp.broadcast_to(labels[..., None], x.shape)


@jax.custom_jvp
def _class_excess(x, labels):
    """softmax(x) − one_hot(labels), by Σ of the others where p > ½."""
    p, others, top = _row_shares(x, -1)
    at_label = jnp.where(top, -others, p - 1)
    return jnp.where(_chosen(labels, x), at_label, p)


@_class_excess.defjvp
def _(primals, tangents):
    (x, labels), (t, _) = primals, tangents
    bend = jax.jvp(functools.partial(softmax, axis=-1), (x,), (t,))[1]
    return _class_excess(x, labels), bend


@jax.custom_jvp
def _class_cost(x, labels):
    """−log softmax(x)[label]; NaN if the label is no class."""
    level, gaps = _row_costs(x, -1)
    gap = jnp.sum(jnp.where(_chosen(labels, x), gaps, 0), -1)
    valid = (labels >= 0) & (labels < x.shape[-1])
    return jnp.where(valid, jnp.squeeze(level, -1) + gap, jnp.nan)


@_class_cost.defjvp
def _(primals, tangents):
    (x, labels), (t, _) = primals, tangents
    return _class_cost(x, labels), jnp.sum(_class_excess(x, labels) * t, -1)


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
    if where is None:
        return _numerics.narrow(_class_cost(x, labels), logits)
    where = _classes_last(_mask(where, jnp.asarray(logits), axis), axis)
    y = _class_cost(jnp.where(where, x, -jnp.inf), labels)
    return _numerics.narrow(jnp.where(jnp.any(where, -1), y, 0), logits)


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

"""Cross-entropies of labels that are numbers of classes, and what bends them."""

import contextlib
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import checkify

from assay import _check, _numerics
from assay._numerics import compiled
from assay.activations import softmax
from assay.activations._rows import difference, log1p, settled, top_of, vanishes
from assay.losses._mask import _mask
from assay.typing import Array, Bool, Float, Int, Scalar


def _chosen(labels, x):
    """Where each row's class is the label."""
    classes = jax.lax.broadcasted_iota(labels.dtype, x.shape, x.ndim - 1)
    return classes == labels[..., None]


def _at_label(x, labels):
    """x[label] by row; NaN if the label is no class."""
    found = jnp.take_along_axis(
        x, labels[..., None], -1, mode="fill", fill_value=jnp.nan
    )
    return jnp.where(labels < 0, jnp.nan, found[..., 0])


def _parts(x, labels):
    """(e beside the label, its sum, e of the label, (max x − x[label]) as two words).

    Without the label, not without the largest: then p − 1 is minus a sum of the
    others in every row, and no tie has to be counted.
    """
    top = top_of(x, -1)
    d, error = difference(x, top)
    e = jnp.exp(d)
    e = jnp.where(vanishes(d) | _chosen(labels, x), 0, e + e * error)
    others = settled(jnp.sum(e, -1))
    own, top = _at_label(x, labels), top[..., 0]
    d, error = difference(own, top)
    gap = jnp.where(own == top, 0, d + jnp.where(vanishes(d), 0, error))
    return e, others, jnp.exp(gap), gap


@jax.custom_jvp
def _class_cost(x, labels):
    """−log softmax(x)[label]; NaN if the label is no class."""
    _, others, own, gap = _parts(x, labels)
    rest = jnp.where(gap == 0, others, (others - 1) + own)
    return log1p(rest) - gap


@jax.custom_jvp
def _class_excess(x, labels):
    """softmax(x) − one_hot(labels)."""
    e, others, own, _ = _parts(x, labels)
    total = settled(others + own)[..., None]
    signed = jnp.where(_chosen(labels, x), -others[..., None], e)
    # An entry's own divisor: one for all would become a product with its reciprocal.
    return signed / jnp.where(signed > total, signed, total)


@_class_excess.defjvp
def _(primals, tangents):
    (x, labels), (t, _) = primals, tangents
    bend = jax.jvp(functools.partial(softmax, axis=-1), (x,), (t,))[1]
    return _class_excess(x, labels), bend


@_class_cost.defjvp
def _(primals, tangents):
    (x, labels), (t, _) = primals, tangents
    return _class_cost(x, labels), jnp.sum(_class_excess(x, labels) * t, -1)


@compiled
def _class_costs(x, labels, mask, any_true):
    """The costs of the rows that have a True, 0 of the others."""
    x = x if mask is None else jnp.where(mask, x, -jnp.inf)
    cost = _numerics.by_rows(lambda *rows: _class_cost(*rows[:-1]), -1, x, labels)
    return jnp.where(any_true, cost, 0)


@compiled
def _picked_costs(x, labels, mask, any_true):
    x = x if mask is None else jnp.where(mask, x, -jnp.inf)
    return jnp.where(any_true, -_at_label(x, jnp.where(any_true, labels, 0)), 0)


def _classes_last(x: Array, axis: int | tuple[int, ...]) -> Array:
    """The axes of the classes flattened into one, the last."""
    axes = (axis,) if isinstance(axis, int) else axis
    x = jnp.moveaxis(x, axes, range(-len(axes), 0))
    batch, classes = x.shape[: -len(axes)], x.shape[-len(axes) :]
    return x.reshape(*batch, math.prod(classes))


def _rows(who: str, labels: Any, where: Any, axis: Any, **scores: Any) -> tuple:
    """(scores with the classes last, labels, mask, which rows have a True in it)."""
    ((name, given),) = scores.items()
    _check.floating(who, **scores)
    _check.integer(who, labels=labels)
    x, labels = _classes_last(_numerics.wide(given), axis), jnp.asarray(labels)
    if labels.shape != x.shape[:-1]:
        must = f"labels must have the shape of the {name} without the classes' axis"
        _check.fail(who, must, f"{labels.shape} and {name}.shape={jnp.shape(given)}")
    mask = None if where is None else _mask(where, jnp.asarray(given), axis)
    mask = None if mask is None else _classes_last(mask, axis)
    any_true = True if mask is None else jnp.any(mask, -1)
    _labels_are_classes(who, labels, x.shape[-1], any_true)
    return x, labels, mask, any_true


@compiled
def _range(labels, where):
    labels = jnp.where(where, labels, 0)
    return jnp.min(labels, initial=0), jnp.max(labels, initial=0)


def _labels_are_classes(who: str, labels: Array, n: int, where: Any) -> None:
    """Silent, and the loss NaN, until the caller wraps it in `checkify.checkify`."""
    low, high = _range(labels, where)
    must = f"{who}: labels must be in [0, {n}); got {{low}} to {{high}}."
    # JAX cannot batch a check over an axis of no elements, where all is well.
    with contextlib.suppress(IndexError):
        checkify.debug_check((low >= 0) & (high < n), must, low=low, high=high)


def softmax_cross_entropy_with_integer_labels(
    logits: Float[Array, "*shape"],
    labels: Int[Array, "*batch"],
    axis: int | tuple[int, ...] = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """−log softmax(logits)[label] over `axis`, of the classes where `where` is True.

    A label that is no class gives NaN (and an error inside `checkify.checkify`), a
    class of probability 0 gives ∞, and a row with no True gives 0. What other libraries
    bundle is a line each:

    ignored labels      `where=labels != -100`
    class weights       `weights[labels] * cost`
    label smoothing     `(1 - a) * cost + a * uniform_cross_entropy(logits)`
    z-loss              `cost + 1e-4 * z_loss(logits)`

    >>> logits = jnp.array([[0.0, 0.0], [0.0, 20.0]])
    >>> softmax_cross_entropy_with_integer_labels(logits, jnp.array([0, 1])).tolist()
    [0.693..., 2.06...e-09]

    Float32, CPU: within 4 ULP.
    """
    who = "softmax_cross_entropy_with_integer_labels"
    x, labels, mask, any_true = _rows(who, labels, where, axis, logits=logits)
    return _numerics.narrow(_class_costs(x, labels, mask, any_true), logits)


def nll_loss(
    log_probabilities: Float[Array, "*shape"],
    labels: Int[Array, "*batch"],
    *,
    axis: int | tuple[int, ...] = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """−log p[label] over `axis`; 0 for the examples where `where` is not True.

    >>> nll_loss(jnp.log(jnp.array([[0.25, 0.75]])), jnp.array([1])).tolist()
    [0.287...]

    Float32, CPU: within 0 ULP.
    """
    given = log_probabilities
    rows = _rows("nll_loss", labels, where, axis, log_probabilities=given)
    return _numerics.narrow(_picked_costs(*rows), given)


def generalized_cross_entropy(
    logits: Float[Array, "*shape"],
    labels: Int[Array, "*batch"],
    *,
    q: Scalar = 0.7,
    axis: int | tuple[int, ...] = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """(1 − p^q) / q, p = softmax(logits)[label]: between −log p (q → 0) and 1 − p.

    >>> generalized_cross_entropy(jnp.zeros((1, 2)), jnp.array([0]), q=1.0).tolist()
    [0.5]

    Zhang and Sabuncu 2018, arXiv:1805.07836.

    Float32, CPU: within 4 ULP.
    """
    if isinstance(q, (int, float)) and not 0 < q <= 1:
        _check.fail("generalized_cross_entropy", "q must be in (0, 1]", q)
    x = _numerics.wide(logits)
    cost = softmax_cross_entropy_with_integer_labels(x, labels, axis, where)
    q = jnp.asarray(q, x.dtype)
    return _numerics.narrow(-_numerics.expm1_of_negative(-q * cost) / q, logits)


@jax.custom_jvp
def _focal(cost, gamma):
    """c (1 − e⁻ᶜ)^γ."""
    return cost * _wrong(cost) ** gamma


def _wrong(cost):
    return -_numerics.expm1_of_negative(-cost)


@_focal.defjvp
def _(primals, tangents):
    (cost, gamma), (tc, tg) = primals, tangents
    wrong = _wrong(cost)
    some, finite = wrong > 0, jnp.where(jnp.isinf(cost), 0, cost)
    ratio = jnp.where(some, finite / jnp.where(some, wrong, 1), 1)  # → 1 at 0
    slope = wrong**gamma * (1 + gamma * ratio * jnp.exp(-cost))
    bend = jnp.where(
        some, finite * wrong**gamma * jnp.log(jnp.where(some, wrong, 1)), 0
    )
    return _focal(cost, gamma), slope * tc + bend * tg


def softmax_focal_loss(
    logits: Float[Array, "*shape"],
    labels: Int[Array, "*batch"],
    *,
    gamma: Scalar = 2.0,
    axis: int | tuple[int, ...] = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """−(1 − p)^gamma · log p, p = softmax(logits)[label]; alpha[label] is a factor.

    >>> softmax_focal_loss(jnp.zeros((1, 2)), jnp.array([0])).tolist()
    [0.173...]

    Lin et al. 2017, arXiv:1708.02002.

    Float32, CPU: within 8 ULP.
    """
    x = _numerics.wide(logits)
    cost = softmax_cross_entropy_with_integer_labels(x, labels, axis, where)
    gamma = jnp.broadcast_to(jnp.asarray(gamma, x.dtype), cost.shape)
    return _numerics.narrow(_focal(cost, gamma), logits)

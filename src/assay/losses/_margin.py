"""Losses that ask for a margin between the right class and the others."""

from typing import Any

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations import relu, softplus
from assay.losses._binary import sigmoid_binary_cross_entropy
from assay.losses._mask import _mask
from assay.losses._pair import _pair
from assay.losses._reduce import mean
from assay.typing import Array, Axis, Bool, Float, Int, Num, Scalar


def squared_hinge_loss(
    predictor_outputs: Float[Array, "*shape"], targets: Num[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """max(0, 1 − target · output)² for targets of -1 and 1.

    >>> squared_hinge_loss(jnp.array([2.0, -3.0]), jnp.array([1, 1])).tolist()
    [0.0, 16.0]

    Chang, Hsieh and Lin 2008, doi:10.1145/1390681.1442778.

    Float32, CPU: within 2 ULP; derivatives 0.5.
    """
    who = "squared_hinge_loss"
    x, t = _pair(who, predictor_outputs=predictor_outputs, targets=targets)
    short = relu(1 - x * t)
    return _numerics.narrow(short * short, predictor_outputs)


def soft_margin_loss(
    predictor_outputs: Float[Array, "*shape"], targets: Num[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """log(1 + e^(−target · output)) for targets of -1 and 1.

    >>> soft_margin_loss(jnp.array([0.0, -100.0]), jnp.array([1, 1])).tolist()
    [0.693..., 100.0]

    Float32, CPU: within 3 ULP; derivatives 3.
    """
    who = "soft_margin_loss"
    x, t = _pair(who, predictor_outputs=predictor_outputs, targets=targets)
    return _numerics.narrow(softplus(-x * t), predictor_outputs)


def _labelled(
    who: str, scores: Any, labels: Any, axis: int, where: Any
) -> tuple[Array, Array, Array]:
    """(scores, where the label is, where classes take part), the classes last."""
    _check.floating(who, scores=scores)
    _check.integer(who, labels=labels)
    x = _numerics.wide(scores)
    part = jnp.moveaxis(_mask(where, x, axis), axis, -1)
    x, labels = jnp.moveaxis(x, axis, -1), jnp.asarray(labels)
    if labels.shape != x.shape[:-1]:
        must = "labels must have the shape of the scores without the classes' axis"
        _check.fail(who, must, f"{labels.shape} and scores.shape={jnp.shape(scores)}")
    classes = jax.lax.broadcasted_iota(labels.dtype, x.shape, x.ndim - 1)
    chosen = classes == jnp.expand_dims(labels, -1)
    return jnp.where(part, x, -jnp.inf), chosen, part


def _gaps(x: Array, chosen: Array) -> Array:
    """Each score − the label's, exactly 0 there; all NaN if the label is no class.

    The differences come first: a margin would vanish beside a score of 1e8.
    """
    own = jnp.sum(jnp.where(chosen, x, 0), -1, keepdims=True)
    own = jnp.where(jnp.any(chosen, -1, keepdims=True), own, jnp.nan)
    known = ~jnp.isnan(own)
    gaps = jnp.where((x == -jnp.inf) & known, -jnp.inf, x - own)
    return jnp.where(chosen & known, 0, gaps)


def _worst(scores: Any, rows: tuple[Array, Array, Array], margin: float) -> Array:
    """The greatest gap, with the margin for every class but the label's own."""
    x, chosen, part = rows
    gaps = _gaps(x, chosen) + jnp.where(chosen, 0, margin)
    y = jnp.where(jnp.any(part, -1), jnp.max(gaps, -1, initial=-jnp.inf), 0)
    return _numerics.narrow(y, scores)


def multiclass_hinge_loss(
    scores: Float[Array, "*shape"],
    labels: Int[Array, "*batch"],
    *,
    axis: int = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """max(0, 1 + maxⱼ scoreⱼ − score[label]) over the other classes j.

    >>> scores = jnp.array([[3.0, 1.0, 2.5], [1e8, 1e8, 0.0]])
    >>> multiclass_hinge_loss(scores, jnp.array([0, 1])).tolist()
    [0.5, 1.0]

    Crammer and Singer 2001, Journal of Machine Learning Research 2.

    Float32, CPU: within 1 ULP of max(1, result).
    """
    rows = _labelled("multiclass_hinge_loss", scores, labels, axis, where)
    return _worst(scores, rows, 1.0)


def multiclass_perceptron_loss(
    scores: Float[Array, "*shape"],
    labels: Int[Array, "*batch"],
    *,
    axis: int = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """maxⱼ scoreⱼ − score[label].

    >>> scores = jnp.array([[3.0, 1.0], [3.0, 1.0]])
    >>> multiclass_perceptron_loss(scores, jnp.array([0, 1])).tolist()
    [0.0, 2.0]

    Collins 2002, doi:10.3115/1118693.1118694.

    Float32, CPU: within 1 ULP.
    """
    rows = _labelled("multiclass_perceptron_loss", scores, labels, axis, where)
    return _worst(scores, rows, 0.0)


def multi_margin_loss(
    scores: Float[Array, "*shape"],
    labels: Int[Array, "*batch"],
    *,
    p: int = 1,
    margin: Scalar = 1.0,
    axis: int = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """Σⱼ max(0, margin + scoreⱼ − score[label])^p / n over the n − 1 other classes j.

    PyTorch's weights of classes are a product: `weights[labels] * loss`.

    >>> scores = jnp.array([[3.0, 1.0, 2.5, 4.0]])
    >>> multi_margin_loss(scores, jnp.array([0])).tolist()
    [0.625]

    Weston and Watkins 1999, ESANN.

    Float32, CPU: within 3 ULP of max(1, result).
    """
    x, chosen, part = _labelled("multi_margin_loss", scores, labels, axis, where)
    if p not in (1, 2):
        _check.fail("multi_margin_loss", "p must be 1 or 2", p)
    short = relu(_gaps(x, chosen) + jnp.asarray(margin, x.dtype))
    short = jnp.where(part & ~chosen | jnp.isnan(short), short, 0)
    n = jnp.maximum(jnp.sum(part, -1, dtype=x.dtype), 1)
    y = jnp.sum(short if p == 1 else short * short, -1) / n
    return _numerics.narrow(jnp.where(jnp.any(part, -1), y, 0), scores)


def multilabel_margin_loss(
    scores: Float[Array, "*shape"],
    labels: Num[Array, "*shape"],
    *,
    axis: int = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """Σᵢ Σⱼ max(0, 1 + scoreᵢ − scoreⱼ) / n over labels i = 0 and j = 1.

    Labels are 0 or 1 for each of the n classes; PyTorch's lists of classes, filled up
    with -1, are `jax.nn.one_hot(lists, n).sum(-2)`.

    >>> scores, labels = jnp.array([[0.1, 0.2, 0.4, 0.8]]), jnp.array([[1, 0, 0, 1]])
    >>> multilabel_margin_loss(scores, labels).tolist()
    [0.85...]

    Float32, CPU: within 3 ULP of max(1, result).
    """
    x, labels = _pair("multilabel_margin_loss", scores=scores, labels=labels)
    part = jnp.moveaxis(_mask(where, x, axis), axis, -1)
    x, labels = jnp.moveaxis(x, axis, -1), jnp.moveaxis(labels, axis, -1)
    x, right, wrong = jnp.where(part, x, 0), part & (labels != 0), part & (labels == 0)
    pairs = jnp.expand_dims(wrong, -1) & jnp.expand_dims(right, -2)
    gaps = jnp.expand_dims(x, -1) - jnp.expand_dims(x, -2)
    short = relu(1 + jnp.where(pairs, gaps, -1))
    n = jnp.maximum(jnp.sum(part, -1, dtype=x.dtype), 1)
    return _numerics.narrow(jnp.sum(short, (-2, -1)) / n, scores)


def multilabel_soft_margin_loss(
    logits: Float[Array, "*shape"],
    labels: Num[Array, "*shape"],
    *,
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """The mean over `axis` of −label · log σ(logit) − (1 − label) · log σ(−logit).

    With weights of classes it is `mean(sigmoid_binary_cross_entropy(…), axis=-1)` of a
    product.

    >>> logits, labels = jnp.array([[0.0, 0.0, -90.0]]), jnp.array([[1, 0, 1]])
    >>> multilabel_soft_margin_loss(logits, labels).tolist()
    [30.462...]

    Float32, CPU: within 3 ULP.
    """
    x, labels = _pair("multilabel_soft_margin_loss", logits=logits, labels=labels)
    part = _mask(where, x, axis)
    costs = sigmoid_binary_cross_entropy(jnp.where(part, x, 0), labels)
    y = mean(costs, part, axis=axis)
    return _numerics.narrow(y, logits)

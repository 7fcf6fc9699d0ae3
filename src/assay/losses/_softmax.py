"""Softmax cross-entropy of labels that are probabilities."""

import functools

import jax
import jax.numpy as jnp

from assay import _numerics
from assay._numerics import compiled
from assay.activations import log_softmax, softmax
from assay.activations._rows import beside_top, settled, top_of
from assay.losses._mask import _mask
from assay.losses._pair import _pair
from assay.typing import Array, Axis, Bool, Float, Num, Scalar


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _cross_entropy(x, labels, axis):
    return jnp.sum(_numerics.mass(labels, -log_softmax(x, axis)), axis)


def _off_top(x, top):
    """0 where x is the top, 1 elsewhere; by what YNNPACK knows: its sums are fast."""
    info = jnp.finfo(x.dtype)
    gap = jnp.clip(top, info.min, info.max) - jnp.clip(x, info.min, info.max)
    return jnp.clip(gap / info.tiny, 0, 1)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _excess(x, labels, axis):
    """softmax(x) Σ labels − labels, where a share above ½ leaves nothing to cancel."""
    top = top_of(x, axis)
    e, rest = beside_top(x, top, axis)
    others = jnp.sum(labels * _off_top(x, top), axis, keepdims=True)
    whole = settled(jnp.sum(labels, axis, keepdims=True))
    lead = settled(others) - whole * (rest / (1 + rest))
    share = jnp.abs(e) * (1 / (1 + rest))
    return jnp.where(share > 0.5, lead, share * whole - labels)


@_excess.defjvp
def _(axis, primals, tangents):
    (x, labels), (tx, tl) = primals, tangents
    whole = jnp.sum(labels, axis, keepdims=True)
    bend = jax.jvp(functools.partial(softmax, axis=axis), (x,), (tx,))[1]
    return _excess(x, labels, axis), whole * bend + _excess(x, tl, axis)


@_cross_entropy.defjvp
def _(axis, primals, tangents):
    (x, labels), (tx, tl) = primals, tangents
    cost = -log_softmax(x, axis)
    bend = jnp.where(jnp.isinf(cost), 0, cost)
    slope = jnp.sum(_excess(x, labels, axis) * tx + bend * tl, axis)
    return _cross_entropy(x, labels, axis), slope


@compiled(static=("axis",))
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

    Float32, CPU: within 4 ULP.
    """
    x, labels = _pair("softmax_cross_entropy", logits=logits, labels=labels)
    if where is None:
        y = _numerics.by_rows(_cross_entropy, axis, x, labels)
        return _numerics.narrow(y, logits)
    where = _mask(where, x, axis)
    x, labels = jnp.where(where, x, -jnp.inf), jnp.where(where, labels, 0)
    y = _numerics.by_rows(_cross_entropy, axis, x, labels)
    y = jnp.where(jnp.any(where, axis), y, 0)
    return _numerics.narrow(y, logits)


def safe_softmax_cross_entropy(
    logits: Float[Array, "*shape"], labels: Num[Array, "*shape"]
) -> Float[Array, "*batch"]:
    """−Σ label · log softmax(logits): `softmax_cross_entropy`, which is safe.

    Optax has two, of which the other gives NaN where a label of 0 meets a logit of -∞.

    >>> logits, labels = jnp.array([-jnp.inf, 0.0]), jnp.array([0.0, 1.0])
    >>> safe_softmax_cross_entropy(logits, labels).item()
    0.0

    Float32, CPU: within 4 ULP.
    """
    return softmax_cross_entropy(logits, labels)


def poly_loss_cross_entropy(
    logits: Float[Array, "*shape"],
    labels: Num[Array, "*shape"],
    *,
    epsilon: Scalar = 2.0,
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """−Σ label · log p + epsilon · Σ label · (1 − p), p = softmax(logits).

    >>> poly_loss_cross_entropy(jnp.zeros(2), jnp.array([1.0, 0.0])).item()
    1.693...

    Leng et al. 2022, arXiv:2204.12511: 2 for classes, -1 for detection.

    Float32, CPU: within 4 ULP.
    """
    x, labels = _pair("poly_loss_cross_entropy", logits=logits, labels=labels)
    cost = softmax_cross_entropy(x, labels, axis, where)
    missing = jnp.where(_mask(where, x, axis), labels, 0) * _complement(x, axis, where)
    epsilon = jnp.asarray(epsilon, x.dtype)
    return _numerics.narrow(cost + epsilon * jnp.sum(missing, axis), logits)


def _complement(x, axis, where=None):
    """1 − softmax(x), as the sum of the others where that is the smaller one."""
    where = None if where is None else _mask(where, x, axis)
    p = softmax(x, axis, where)
    leads = p > 0.5
    others = jnp.sum(jnp.where(leads, 0, p), axis, keepdims=True)
    return jnp.where(leads, others, 1 - p)

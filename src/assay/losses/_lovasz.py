"""Lovász extensions of the Jaccard loss: convex in the errors, and exact at 0 and 1."""

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations import relu
from assay.losses._mask import _mask
from assay.losses._overlap import _ratio
from assay.losses._pair import _pair
from assay.typing import Array, Bool, Float, Int, Num


def _added(right, dtype):
    """What each error adds to 1 − IoU, when they come one by one, largest first.

    A missed positive takes one from the intersection I, so 1 / U; a false positive adds
    one to the union U, so I / (U (U − 1)): differences of the paper's 1 − I / U would
    cancel. An empty mask has lost everything with its first error.
    """
    positive = right.astype(jnp.int32)
    total = jnp.sum(positive, -1, keepdims=True, dtype=jnp.int32)
    total = jnp.broadcast_to(total, right.shape)
    both = (total - jnp.cumsum(positive, -1)).astype(dtype)
    union = (total + jnp.cumsum(1 - positive, -1)).astype(dtype)
    only = union <= 1
    false = both / (union * jnp.where(only, 1, union - 1))
    return jnp.where(right | only, 1 / union, false)


def _extension(errors, right):
    """Σ errors sorted · steps over the last axis; errors of -∞ take no part."""
    order = jax.lax.stop_gradient(jnp.argsort(-errors, -1))
    sorted_errors = jnp.take_along_axis(errors, order, -1)
    steps = _added(jnp.take_along_axis(right, order, -1), errors.dtype)
    return jnp.sum(relu(sorted_errors) * steps, -1)


def lovasz_hinge(
    logits: Float[Array, "*batch pixels"],
    labels: Num[Array, "*batch pixels"],
    *,
    where: Bool[Array, "*batch pixels"] | None = None,
) -> Float[Array, "*batch"]:
    """Σ Δₖ max(0, errorₖ), errors 1 − sign · logit sorted, Δₖ = the loss of IoU by k.

    Labels are 0 and 1. The last axis holds the pixels: ``image.reshape(n, -1)``. No
    pixel where `where` is True gives 0.

    >>> lovasz_hinge(jnp.array([2.0, -0.5, 0.5]), jnp.array([1, 0, 1])).tolist()
    0.333...

    Berman, Triki and Blaschko 2018, arXiv:1705.08790.

    Float32, CPU: within 4 ULP.
    """
    x, t = _pair("lovasz_hinge", logits=logits, labels=labels)
    right = t > 0
    errors = 1 - jnp.where(right, x, -x)
    if where is not None:
        inside = _mask(where, x, None)
        errors, right = jnp.where(inside, errors, -jnp.inf), right & inside
    return _numerics.narrow(_extension(errors, right), logits)


def lovasz_softmax(
    probabilities: Float[Array, "*batch pixels classes"],
    labels: Int[Array, "*batch pixels"],
    *,
    where: Bool[Array, "*batch pixels"] | None = None,
) -> Float[Array, "*batch"]:
    """The mean over the classes that the labels have of Σ Δₖ errorₖ, errors |t − p|.

    Of an image, flatten the pixels: ``p.reshape(n, -1, classes)``. A label that is no
    class gives NaN, no pixel where `where` is True gives 0.

    >>> p = jnp.array([[0.75, 0.25], [0.5, 0.5]])
    >>> lovasz_softmax(p, jnp.array([0, 1])).tolist()
    0.4375

    Berman, Triki and Blaschko 2018, arXiv:1705.08790.

    Float32, CPU: within 4 ULP.
    """
    who = "lovasz_softmax"
    _check.floating(who, probabilities=probabilities)
    _check.integer(who, labels=labels)
    _check.rank_at_least(who, "probabilities", probabilities, 2, "(pixels, classes)")
    labels = jnp.asarray(labels)
    p = jnp.swapaxes(_numerics.wide(probabilities), -1, -2)
    if labels.shape != jnp.shape(probabilities)[:-1]:
        must = "labels must have the shape of the probabilities without the classes"
        got = f"{labels.shape} and probabilities.shape={jnp.shape(probabilities)}"
        _check.fail(who, must, got)
    inside = _mask(where, labels, None)
    known = (labels >= 0) & (labels < p.shape[-2]) | ~inside
    _check.debug(who, f"labels must be in [0, {p.shape[-2]})", known, labels)
    classes = jax.lax.broadcasted_iota(labels.dtype, p.shape, p.ndim - 2)
    spread = jnp.broadcast_to(inside[..., None, :], p.shape)
    right = (classes == jnp.broadcast_to(labels[..., None, :], p.shape)) & spread
    errors = jnp.where(spread, jnp.where(right, 1 - p, p), -jnp.inf)
    present = jnp.any(right, -1)
    costs = jnp.where(present, _extension(errors, right), 0)
    y = _ratio(jnp.sum(costs, -1), jnp.sum(present, -1, dtype=p.dtype))
    return _numerics.narrow(jnp.where(jnp.all(known, -1), y, jnp.nan), probabilities)

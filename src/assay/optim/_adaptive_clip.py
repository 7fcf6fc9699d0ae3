"""Clipping each unit of a layer by the size of its own weights."""

import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim import _leaves
from assay.optim._grouped import leafwise
from assay.optim._moments import _unit
from assay.optim._transform import Transform, stateless
from assay.typing import Array, Axis, Scalar


def unitwise_norm(x: Array, axis: Axis = None) -> Array:
    """√(Σ x²) over the inputs of each unit, in the shape of x.

    Over `axis`, or by rank as Optax has it: all of a vector, the first axis of 2 or 3
    (dense, attention), all but the last of 4 or 5 (convolutions). At least float32,
    scaled so that no square overflows.

    >>> unitwise_norm(jnp.array([[3.0, 1.0], [4.0, 0.0]])).tolist()
    [[5.0, 1.0], [5.0, 1.0]]

    Brock et al. 2021, arXiv:2102.06171.
    """
    unit, norm = _unit_norm(x, axis)
    return jnp.broadcast_to(unit * norm, jnp.shape(x))


def adaptive_grad_clip(
    clipping: Scalar, eps: Scalar = 1e-3, axis: Axis = None
) -> Transform:
    """g · min(1, clipping · max(‖p‖, eps)/‖g‖), norms unit by unit (`unitwise_norm`).

    A unit with an entry that is not finite is all nan: it is not hidden.

    >>> tx = adaptive_grad_clip(0.1)
    >>> w, g = jnp.array([[3.0], [4.0]]), jnp.array([[0.0], [2.0]])
    >>> tx.update(g, (), w)[0].tolist()
    [[0.0], [0.5]]

    Brock et al. 2021, arXiv:2102.06171.
    """
    share, low = arithmetic.number(clipping), arithmetic.number(eps)

    def leaf(g, p):
        unit, size = _unit_norm(g, axis)
        scale, weight = _unit_norm(p, axis)
        weight = (scale * weight).astype(g.dtype)
        limit = jnp.maximum(weight, arithmetic.like(low, g)) * arithmetic.like(share, g)
        small = size <= limit / unit
        factor = limit / jnp.where(small, 1, size)
        shape = jnp.shape(g)
        unit, small, factor, finite = (
            jnp.broadcast_to(a, shape)
            for a in (unit, small, factor, jnp.isfinite(size))
        )
        return jnp.where(finite, jnp.where(small, g, g / unit * factor), jnp.nan)

    def update(updates, params):
        _leaves.need_params("adaptive_grad_clip", params)
        return arithmetic.each(leaf, updates, params)

    return leafwise("adaptive_grad_clip", stateless(update))


def _unit_norm(x: Array, axis: Axis) -> tuple[Array, Array]:
    """(unit, n), ‖x‖ = unit · n over the axes, which stay with size 1."""
    x = arithmetic.widen(x)
    axes = _inputs(x) if axis is None else axis
    unit = _unit(x, axes)
    squares = jnp.sum((x / unit) ** 2, axes, keepdims=True)
    return unit, arithmetic.safe_sqrt(squares)


def _inputs(x: Array) -> Axis:
    """The axes of the inputs of a unit, by the rank."""
    if jnp.squeeze(x).ndim <= 1:
        return tuple(range(x.ndim))
    if x.ndim > 5:
        todo = "Say over which axes a unit's inputs lie: axis=."
        _check.fail("unitwise_norm", "x must have at most 5 axes", x.ndim, todo)
    return 0 if x.ndim <= 3 else tuple(range(x.ndim - 1))

"""Clipping each unit of a layer by the size of its own weights."""

import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim import _leaves, _norms
from assay.optim._grouped import leafwise
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
    size = _size(x, axis)
    return jnp.broadcast_to(size.unit * size.n, jnp.shape(x))


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
        size, weight = _size(g, axis), _size(p, axis)
        scale = (weight.unit * weight.n).astype(g.dtype)
        limit = jnp.maximum(scale, arithmetic.like(low, g)) * arithmetic.like(share, g)
        whole = [jnp.broadcast_to(x, jnp.shape(g)) for x in (*size, limit)]
        return _norms.cut(g, _norms.Norm(*whole[:2]), whole[2])

    def update(updates, params):
        _leaves.need_params("adaptive_grad_clip", params)
        return arithmetic.each(leaf, updates, params)

    return leafwise("adaptive_grad_clip", stateless(update))


def _size(x: Array, axis: Axis) -> _norms.Norm:
    """The norms over the axes, those of a unit's inputs if there are none."""
    x = arithmetic.widen(x)
    return _norms.along(x, _inputs(x) if axis is None else axis)


def _inputs(x: Array) -> Axis:
    """The axes of the inputs of a unit, by the rank."""
    if jnp.squeeze(x).ndim <= 1:
        return tuple(range(x.ndim))
    if x.ndim > 5:
        todo = "Say over which axes a unit's inputs lie: axis=."
        _check.fail("unitwise_norm", "x must have at most 5 axes", x.ndim, todo)
    return 0 if x.ndim <= 3 else tuple(range(x.ndim - 1))

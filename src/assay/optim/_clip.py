"""Clipping by value and by global norm, right up to the largest finite number."""

import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim import _norms
from assay.optim._transform import Transform, stateless
from assay.typing import Array, PyTree, Scalar


def clip(max_delta: Scalar) -> Transform:
    """min(max(g, −max_delta), max_delta), entry by entry.

    >>> tx = clip(1.0)
    >>> tx.update(jnp.array([-3.0, 0.5]), tx.init(None))[0].tolist()
    [-1.0, 0.5]
    """
    limit = arithmetic.number(max_delta)

    def leaf(g):
        bound = arithmetic.like(limit, g)
        return jnp.clip(g, -bound, bound)

    return stateless(lambda updates, params: arithmetic.each(leaf, updates))


def global_norm(updates: PyTree) -> Array:
    """√(Σ g²) over all leaves, scaled so that no square overflows or vanishes.

    At least float32 whatever the leaves; its derivative at 0 is 0.

    >>> norm = global_norm({"a": jnp.array([3e30]), "b": jnp.array(4e30)})
    >>> f"{norm:.5g}"
    '5e+30'
    """
    size = _norms.norm(updates)
    return size.unit * size.n


def clip_by_global_norm(max_norm: Scalar) -> Transform:
    """g if ‖g‖ <= max_norm, else g · max_norm / ‖g‖; ‖g‖ over all leaves.

    Right even where ‖g‖ itself overflows. Zeros stay zeros. One entry that is not
    finite makes every entry nan: a step that cannot be trusted is not hidden.

    >>> tx = clip_by_global_norm(1.0)
    >>> [round(u, 6) for u in tx.update(jnp.array([3e38, 4e37]), ())[0].tolist()]
    [0.991228, 0.132164]

    Pascanu, Mikolov and Bengio 2013, arXiv:1211.5063.
    """

    def clipped(updates, params):
        del params
        size = _norms.norm(updates)
        return arithmetic.each(lambda g: _norms.cut(g, size, max_norm), updates)

    return stateless(clipped)

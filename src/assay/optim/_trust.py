"""The trust ratio: how large a leaf is over how large its update is."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim import _leaves, _mask, _norms
from assay.optim._grouped import leafwise
from assay.optim._transform import Transform, stateless
from assay.typing import PyTree, Scalar


def scale_by_trust_ratio(
    min_norm: Scalar = 0.0,
    trust_coefficient: Scalar = 1.0,
    eps: Scalar = 0.0,
    *,
    mask: PyTree | Callable | None = None,
) -> Transform:
    """u · trust_coefficient · ‖p‖ / (‖u‖ + eps), leaf by leaf; u where a norm is 0.

    Neither norm is taken smaller than min_norm. No square overflows or vanishes.
    `mask` (a tree of booleans, or params -> one) says which leaves take part.

    >>> tx = scale_by_trust_ratio()
    >>> w, u = jnp.array([3e30, 4e30]), jnp.array([0.0, 2e-30])
    >>> tx.update(u, tx.init(w), w)[0].tolist() == [0.0, float(jnp.float32(5e30))]
    True

    You, Gitman and Ginsburg 2017, arXiv:1708.03888.
    """
    who, eps = "scale_by_trust_ratio", arithmetic.number(eps)
    coefficient = arithmetic.number(trust_coefficient)

    def leaf(u, p):
        top = _norms.at_least(_norms.norm(jnp.asarray(p, u.dtype)), min_norm)
        below = _norms.at_least(_norms.norm(u), min_norm)
        some = (top.n > 0) & (below.n > 0)
        added = arithmetic.like(eps, below.n) * below.inverse
        ratio = top.n / jnp.where(some, below.n + added, 1)
        ratio = arithmetic.like(coefficient, ratio) * ratio
        # Each factor in its own unit: the ratio itself may overflow.
        scaled = u * below.inverse.astype(u.dtype) * ratio.astype(u.dtype)
        return jnp.where(some, scaled * top.unit.astype(u.dtype), u)

    def branch(chosen, us, ps):
        return arithmetic.each(leaf, us, ps) if chosen else us

    def update(updates, params):
        _leaves.need_params(who, params)
        chosen = True if mask is None else _mask.chosen(who, mask, params)
        return jax.tree.map(branch, chosen, updates, params)

    return leafwise(who, stateless(update))

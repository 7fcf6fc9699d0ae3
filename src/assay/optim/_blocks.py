"""Leaf by leaf: clipping by root mean square, scaling by the size of the parameters."""

from collections.abc import Callable

import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim import _leaves, _norms
from assay.optim._grouped import leafwise
from assay.optim._transform import Transform, stateless
from assay.typing import Scalar


def clip_by_block_rms(threshold: Scalar) -> Transform:
    """u / max(1, rms(u)/threshold), rms(u) = √mean(u²) of the leaf.

    One entry that is not finite makes every entry of its leaf nan: a step that cannot
    be trusted is not hidden.

    >>> tx = clip_by_block_rms(1.0)
    >>> [tx.update(jnp.full(2, u), ())[0].tolist() for u in (0.5, -2.0, 2.0**127)]
    [[0.5, 0.5], [-1.0, -1.0], [1.0, 1.0]]

    Shazeer and Stern 2018, arXiv:1804.04235.
    """

    def leaf(u):
        return _norms.cut(u, _norms.rms(u), threshold)

    clipped = stateless(lambda updates, params: arithmetic.each(leaf, updates))
    return leafwise("clip_by_block_rms", clipped)


def scale_by_param_block_norm(min_scale: Scalar = 1e-3) -> Transform:
    """u · max(‖p‖, min_scale), leaf by leaf.

    >>> tx = scale_by_param_block_norm()
    >>> tx.update(jnp.ones(2), tx.init(None), jnp.array([3.0, 4.0]))[0].tolist()
    [5.0, 5.0]

    Bernstein et al. 2020, arXiv:2002.03432.
    """
    return _scale_by("scale_by_param_block_norm", _norms.norm, min_scale)


def scale_by_param_block_rms(min_scale: Scalar = 1e-3) -> Transform:
    """u · max(rms(p), min_scale), leaf by leaf; rms(p) = √mean(p²).

    >>> tx = scale_by_param_block_rms()
    >>> tx.update(jnp.ones(2), tx.init(None), jnp.full(2, -3.0))[0].tolist()
    [3.0, 3.0]

    Shazeer and Stern 2018, arXiv:1804.04235.
    """
    return _scale_by("scale_by_param_block_rms", _norms.rms, min_scale)


def _scale_by(who: str, size_of: Callable, min_scale: Scalar) -> Transform:
    def leaf(u, p):
        unit, size = _norms.at_least(size_of(jnp.asarray(p, u.dtype)), min_scale)
        return u * size * unit

    def update(updates, params):
        _leaves.need_params(who, params)
        return arithmetic.each(leaf, updates, params)

    return leafwise(who, stateless(update))

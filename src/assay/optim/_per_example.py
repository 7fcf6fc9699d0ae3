"""Clipping the gradient of every example, for differential privacy."""

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim import _norms
from assay.typing import Array, PyTree, Scalar


def per_example_global_norm_clip(
    grads: PyTree, l2_norm_clip: Scalar
) -> tuple[PyTree, Array]:
    """(Σᵢ gᵢ min(1, l2_norm_clip/‖gᵢ‖), how many were clipped), i along axis 0.

    An example with an entry that is not finite makes the sum nan.

    >>> grads = [jnp.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])]
    >>> total, clipped = per_example_global_norm_clip(grads, 2.5)
    >>> total[0].tolist(), int(clipped)
    ([1.5, 3.0], 1)

    Abadi et al. 2016, arXiv:1607.00133.
    """
    _batched("per_example_global_norm_clip", grads)
    sizes = jax.vmap(_norms.norm)(grads)
    limit = arithmetic.like(arithmetic.number(l2_norm_clip), sizes.n)

    def leaf(g):
        cut = jax.vmap(lambda x, size: _norms.cut(x, size, l2_norm_clip))
        return jnp.sum(cut(arithmetic.widen(g), sizes), 0).astype(_float(g))

    clipped = ~(sizes.n <= limit * sizes.inverse)
    return jax.tree.map(leaf, grads), jnp.sum(clipped, dtype=jnp.int32)


def per_example_layer_norm_clip(
    grads: PyTree, global_l2_norm_clip: Scalar, uniform: bool = True
) -> tuple[PyTree, PyTree]:
    """`per_example_global_norm_clip` of each leaf at C/√K, for K leaves.

    C = global_l2_norm_clip; C √(Dᵢ/D) by the leaf's share Dᵢ of all D entries where
    not `uniform`. Both results are trees.

    >>> grads = [jnp.array([[3.0], [1.0]]), jnp.array([[0.5], [4.0]])]
    >>> total, clipped = per_example_layer_norm_clip(grads, 8.0**0.5)
    >>> [x.round(4).tolist() for x in total], [int(n) for n in clipped]
    ([[3.0], [2.5]], [1, 1])

    McMahan et al. 2018, arXiv:1710.06963.
    """
    _batched("per_example_layer_norm_clip", grads)
    leaves, structure = jax.tree.flatten(grads)
    sizes = [g[0].size for g in leaves]
    shares = [1 / len(leaves) if uniform else n / sum(sizes) for n in sizes]
    limit = arithmetic.number(global_l2_norm_clip)
    done = [
        per_example_global_norm_clip(g, limit * share**0.5)
        for g, share in zip(leaves, shares, strict=True)
    ]
    totals, counts = zip(*done, strict=True)
    return structure.unflatten(totals), structure.unflatten(counts)


def _batched(who: str, grads: PyTree) -> None:
    """Every leaf has the examples along axis 0."""
    shapes = [jnp.shape(g) for g in jax.tree.leaves(grads)]
    if not shapes or any(s[:1] != shapes[0][:1] or not s for s in shapes):
        must = "grads must have one axis 0 in all leaves, the examples"
        _check.fail(who, must, f"shapes {shapes}", "Make them with jax.vmap(jax.grad).")


def _float(g: Array) -> jnp.dtype:
    """The dtype of g, or float32 for integers."""
    return g.dtype if jnp.issubdtype(g.dtype, jnp.floating) else jnp.dtype(jnp.float32)

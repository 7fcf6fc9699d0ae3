"""A dense layer whose kernel depends on the row: what experts without a limit need."""

import jax
import jax.numpy as jnp

from assay import _check
from assay.layers._precision import wide
from assay.typing import Array, Float, Int


def grouped_dense(
    x: Float[Array, "n i"], kernels: Float[Array, "g i o"], sizes: Int[Array, " g"]
) -> Float[Array, "n o"]:
    """yₙ = xₙ · kernelsᵍ for the rows of group g: the first sizes₀ rows, then sizes₁, …

    Rows behind the last group give 0. The sizes may be traced: tokens that are sorted
    by their expert are computed by it, however many they are, and none is dropped.

    >>> x, kernels = jnp.array([[1.0], [2.0], [3.0]]), jnp.array([[[10.0]], [[-1.0]]])
    >>> grouped_dense(x, kernels, jnp.array([2, 1])).tolist()
    [[10.0], [20.0], [-3.0]]

    `jax.lax.ragged_dot`; Gale et al. 2022 (MegaBlocks), arXiv:2211.15841.
    """
    who = "grouped_dense"
    _check.floating(who, x=x, kernels=kernels)
    _check.integer(who, sizes=sizes)
    shapes = jnp.shape(x), jnp.shape(kernels), jnp.shape(sizes)
    if [len(s) for s in shapes] != [2, 3, 1] or (
        (shapes[0][1], *shapes[2]) != (shapes[1][1], shapes[1][0])
    ):
        must = "x must be (n, i), kernels (g, i, o) and sizes (g,)"
        _check.fail(who, must, ", ".join(map(str, shapes)))
    x, kernels = jnp.asarray(x), jnp.asarray(kernels)
    dtype = jnp.result_type(x)
    sizes = jnp.asarray(sizes).astype(jnp.int32)
    y = jax.lax.ragged_dot(
        x, kernels.astype(dtype), sizes, preferred_element_type=wide(dtype)
    )
    return y.astype(dtype)

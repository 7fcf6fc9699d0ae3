"""Gradient centralization: the mean over a unit's weights taken away."""

import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim._grouped import leafwise
from assay.optim._transform import Transform, stateless


def centralize(*, output_axis: int = 0) -> Transform:
    """g − mean(g), the mean over all axes but output_axis; vectors stay as they are.

    Optax's and torch's layout has the outputs first; for kernels that have them last,
    (inputs, outputs) or (height, width, inputs, outputs), say output_axis=-1.

    >>> tx = centralize()
    >>> tx.update(jnp.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), ())[0].tolist()
    [[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]]

    Yong et al. 2020, arXiv:2004.01461.
    """

    def leaf(g):
        if g.ndim < 2:
            return g
        axes = tuple(a for a in range(g.ndim) if a != output_axis % g.ndim)
        n = max(g.size // g.shape[output_axis], 1) if g.shape[output_axis] else 1
        # Divided before it is summed, so that the largest numbers have a mean too.
        return g - jnp.sum(g / n, axes, keepdims=True)

    centred = stateless(lambda updates, params: arithmetic.each(leaf, updates))
    return leafwise("centralize", centred)

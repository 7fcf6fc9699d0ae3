"""All leaves as one vector."""

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim._transform import Transform, with_extra_args_support
from assay.typing import PyTree


def flatten(inner: Transform) -> Transform:
    """u = inner(g), the leaves joined to one vector of at least float32.

    What looks at a leaf as a whole (a norm, a trust ratio, a matrix) sees all of them.

    >>> from assay import optim
    >>> tx = flatten(optim.adam(0.1))
    >>> jax.tree.leaves(tx.init([jnp.ones((2, 3)), jnp.ones(4)]))[1].shape
    (10,)
    """
    inner = with_extra_args_support(inner)

    def init(params):
        return inner.init(_joined(params))

    def update(updates, state, params=None, **extra):
        if params is not None:
            _same_leaves(updates, params)
            params = _joined(params)
        new, state = inner.update(_joined(updates), state, params, **extra)
        return _parted(new, updates), state

    return Transform(init, update)


def _joined(tree: PyTree):
    """One vector, in the widest dtype of the leaves and at least float32."""
    leaves = jax.tree.leaves(tree)
    dtype = arithmetic.wide(*leaves)
    flat = [jnp.ravel(x).astype(dtype) for x in leaves]
    return jnp.concatenate([jnp.zeros(0, dtype), *flat])


def _parted(vector, tree: PyTree):
    """The leaves of the vector, in the shapes and dtypes of the tree's."""
    leaves, structure = jax.tree.flatten(tree)
    parts = jax.lax.split(vector, [jnp.size(x) for x in leaves]) if leaves else []
    shaped = [
        part.reshape(jnp.shape(x)).astype(jnp.result_type(x))
        for part, x in zip(parts, leaves, strict=True)
    ]
    return structure.unflatten(shaped)


def _same_leaves(updates, params):
    """A vector has no room for an absent gradient."""
    if jax.tree.structure(updates) != jax.tree.structure(params):
        must = "updates and params must have the same leaves"
        todo = "Give zeros for the gradients that are None."
        _check.fail("flatten", must, jax.tree.structure(updates), todo)

"""One of two trees by a flag that may be traced: no branch, so it runs everywhere."""

import jax
import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.typing import Array, PyTree

# Not lax.cond: it does not run inside shard_map, and under vmap it is a select anyway.


def state(flag: Array, new: PyTree, old: PyTree) -> PyTree:
    """`new` where the flag is True, else `old` bit for bit, in the dtypes of `old`."""

    def leaf(n, o):
        n, o = jnp.asarray(n), jnp.asarray(o)
        return jnp.where(flag, n if n.dtype == o.dtype else n.astype(o.dtype), o)

    return jax.tree.map(leaf, new, old)


def updates(flag: Array, new: PyTree, old: PyTree) -> PyTree:
    """`new` where the flag is True, else `old`, in the dtypes of `old`."""

    def leaf(o, n):
        return jnp.where(flag, jnp.asarray(n).astype(o.dtype), o)

    return arithmetic.each(leaf, old, new)


def or_zero(flag: Array, given: PyTree) -> PyTree:
    """The updates where the flag is True, else zeros, whatever they were."""
    return arithmetic.each(lambda g: jnp.where(flag, g, 0), given)


def cast(new: PyTree, old: PyTree) -> PyTree:
    """The updates in the dtypes of others of the same form."""
    return arithmetic.each(lambda o, n: jnp.asarray(n).astype(o.dtype), old, new)

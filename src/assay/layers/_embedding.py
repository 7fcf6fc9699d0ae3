"""Embedding: a table's rows by number."""

import jax.numpy as jnp

from assay import _check
from assay.typing import Array, Float, Int


def embedding(
    ids: Int[Array, "..."], table: Float[Array, "vocabulary features"]
) -> Float[Array, "... features"]:
    """table[ids].

    An id outside [0, vocabulary), negative ones too, raises ValueError where the ids
    are known, and gives a row of NaN under jit, where they are not.

    >>> embedding(jnp.array([2, 0]), jnp.eye(3)).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    _check.integer("embedding", ids=ids)
    _check.floating("embedding", table=table)
    size = jnp.shape(table)[0]
    _check.indices("embedding", "ids", ids, size)
    ids = jnp.asarray(ids)
    # Narrow integers may not hold `size`, which stands for "outside".
    ids = ids.astype(jnp.int32) if jnp.iinfo(ids.dtype).bits < 32 else ids
    inside = jnp.where(ids < 0, jnp.full_like(ids, size), ids)
    return jnp.take(table, inside, axis=0, mode="fill", fill_value=jnp.nan)

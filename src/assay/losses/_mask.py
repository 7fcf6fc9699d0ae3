"""Masks: True takes part."""

from typing import Any

import jax.numpy as jnp

from assay.typing import Array, Axis


def _mask(where: Any, x: Array, axis: Axis) -> Array:
    """`where` in the shape of x; it may come as one for each example."""
    where = jnp.asarray(True if where is None else where)
    if 0 < where.ndim < x.ndim and axis is not None:
        where = jnp.expand_dims(where, axis)
    return jnp.broadcast_to(where, x.shape)

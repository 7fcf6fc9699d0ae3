"""Classes as axes."""

from typing import Any

import jax
import jax.numpy as jnp

from assay import _check
from assay.typing import Array, Float, Int


def one_hot(
    x: Int[Array, "*batch"], num_classes: int, *, dtype: Any = None, axis: int = -1
) -> Float[Array, "..."]:
    """yᵢ = 1 if i = x, else 0, over a new axis of num_classes.

    A row of zeros for an x outside [0, num_classes), as a label of −1 that is to be
    ignored. `dtype` is jax's default for floats if not given.

    >>> one_hot(jnp.array([2, 0, -1]), 3).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]

    `jax.nn.one_hot`.
    """
    _check.integer("one_hot", x=x)
    x = jnp.asarray(x)
    if num_classes < 0 or not -x.ndim - 1 <= axis <= x.ndim:
        axes = f"axis be in [-{x.ndim + 1}, {x.ndim}]"
        must = f"num_classes must not be negative, and {axes}"
        _check.fail("one_hot", must, f"num_classes={num_classes}, axis={axis}")
    axis = axis % (x.ndim + 1)
    shape = (*x.shape[:axis], num_classes, *x.shape[axis:])
    # In 32 bits: the classes may be more than a narrow x can count.
    x = x.astype(jnp.int32) if jnp.iinfo(x.dtype).bits < 32 else x
    classes = jax.lax.broadcasted_iota(x.dtype, shape, axis)
    hit = jnp.broadcast_to(jnp.expand_dims(x, axis), shape) == classes
    return hit.astype(float if dtype is None else dtype)

"""Numbers that no key draws."""

from typing import Any

import jax.numpy as jnp

from assay.initializers._protocol import Shape, default_float, placed
from assay.typing import Array, DType, Initializer, Key, Scalar


def zeros(
    key: Key, shape: Shape, dtype: DType | None = None, out_sharding: Any = None
) -> Array:
    """0; the key is not used.

    >>> import jax
    >>> zeros(jax.random.key(0), (2, 2)).tolist()
    [[0.0, 0.0], [0.0, 0.0]]

    Float32, CPU: within 0 ULP.
    """
    del key
    return jnp.zeros(shape, default_float(dtype), out_sharding=out_sharding)


def ones(
    key: Key, shape: Shape, dtype: DType | None = None, out_sharding: Any = None
) -> Array:
    """1; the key is not used.

    >>> import jax
    >>> ones(jax.random.key(0), (2,)).tolist()
    [1.0, 1.0]

    Float32, CPU: within 0 ULP.
    """
    del key
    return jnp.ones(shape, default_float(dtype), out_sharding=out_sharding)


def constant(value: Scalar, dtype: DType | None = None) -> Initializer:
    """`value` everywhere, or an array that broadcasts to the shape.

    >>> import jax
    >>> constant(0.25)(jax.random.key(0), (2,)).tolist()
    [0.25, 0.25]

    Float32, CPU: within 0.5 ULP.
    """

    def init(key, shape, dtype=dtype, out_sharding=None):
        del key
        values = jnp.asarray(value, default_float(dtype))
        return placed(jnp.broadcast_to(values, tuple(shape)), out_sharding)

    return init

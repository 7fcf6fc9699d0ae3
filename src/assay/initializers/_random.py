"""Uniform and Gaussian numbers."""

import math

import jax
import jax.numpy as jnp

from assay.initializers._protocol import default_float
from assay.typing import Array, DType, Initializer, Scalar


def uniform(scale: Scalar = 0.01, dtype: DType | None = None) -> Initializer:
    """scale · U[0, 1).

    >>> w = uniform(2.0)(jax.random.key(0), (1000,))
    >>> bool((w >= 0).all() & (w < 2).all()), round(float(w.mean()), 1)
    (True, 1.0)

    Float32, CPU: within 2 ULP of JAX's number.
    """

    def init(key, shape, dtype=dtype, out_sharding=None):
        dtype = default_float(dtype)
        u = jax.random.uniform(key, shape, dtype, out_sharding=out_sharding)
        return u * jnp.asarray(scale, dtype)

    return init


def normal(stddev: Scalar = 0.01, dtype: DType | None = None) -> Initializer:
    """stddev · N(0, 1).

    >>> w = normal(2.0)(jax.random.key(0), (10000,))
    >>> round(float(w.std()), 1)
    2.0

    Float32, CPU: within 2 ULP of JAX's number.
    """

    def init(key, shape, dtype=dtype, out_sharding=None):
        dtype = default_float(dtype)
        deviation = jnp.asarray(stddev, dtype)
        return gaussian(key, shape, dtype, deviation, out_sharding)

    return init


def truncated_normal(
    stddev: Scalar = 0.01,
    dtype: DType | None = None,
    lower: Scalar = -2.0,
    upper: Scalar = 2.0,
) -> Initializer:
    """stddev · N(0, 1) within (lower, upper): its own deviation is smaller.

    >>> w = truncated_normal(1.0)(jax.random.key(0), (10000,))
    >>> bool((abs(w) <= 2).all()), round(float(w.std()), 1)
    (True, 0.9)

    Float32, CPU: within 2 ULP of JAX's number.
    """

    def init(key, shape, dtype=dtype, out_sharding=None):
        dtype = default_float(dtype)
        z = jax.random.truncated_normal(
            key, lower, upper, shape, dtype, out_sharding=out_sharding
        )
        return z * jnp.asarray(stddev, dtype)

    return init


def gaussian(key, shape, dtype, deviation, out_sharding) -> Array:
    """deviation · N(0, 1), as √2·deviation · erf⁻¹(u) with u uniform in (−1, 1).

    The two constants meet before the array does: so JAX 0.12 rounds, and so XLA
    rewrites ``normal(...) * deviation`` under jit anyway.
    """
    low = -1 + float(jnp.finfo(dtype).epsneg)  # the number above -1
    u = jax.random.uniform(key, shape, dtype, low, 1, out_sharding=out_sharding)
    return (jnp.asarray(math.sqrt(2), dtype) * deviation) * jax.lax.erf_inv(u)

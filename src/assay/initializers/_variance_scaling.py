"""Draws whose variance is a multiple of 1 over a fan: Glorot, He, LeCun."""

import jax
import jax.numpy as jnp

from assay import _check
from assay.initializers._protocol import Axes, default_float, fans
from assay.initializers._random import gaussian
from assay.typing import Array, DType, Initializer, Scalar

MODES = ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")
DISTRIBUTIONS = ("truncated_normal", "normal", "uniform")
CUT_AT_2 = 0.87962566103423978  # the deviation of a standard normal within (-2, 2)


def variance_scaling(
    scale: Scalar,
    mode: str,
    distribution: str,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: DType | None = None,
) -> Initializer:
    """Mean 0, variance scale / n with n the fan in, fan out, or a mean of both.

    The fans are the sizes of `in_axis` and `out_axis` times the receptive field (all
    axes not named). The distribution is normal, uniform, or normal within two of its
    own deviations.

    >>> init = variance_scaling(1.0, "fan_in", "normal")
    >>> round(float(init(jax.random.key(0), (400, 300)).std()), 3)
    0.05

    Float32, CPU: within 2 ULP of JAX's number.
    """
    _check.choice("variance_scaling", "mode", mode, MODES)
    _check.choice("variance_scaling", "distribution", distribution, DISTRIBUTIONS)

    def init(key, shape, dtype=dtype, out_sharding=None):
        dtype = default_float(dtype)
        fan = _fan(mode, *fans(tuple(shape), in_axis, out_axis, batch_axis))
        variance = jnp.asarray(scale / fan if fan else 0, dtype)
        args = (key, tuple(shape), dtype, variance, out_sharding)
        return _drawn(distribution, *args)

    return init


def glorot_uniform(
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: DType | None = None,
) -> Initializer:
    """U(−a, a) with a = √(6 / (fan in + fan out)); also called Xavier.

    >>> w = glorot_uniform()(jax.random.key(0), (3, 3))
    >>> bool((abs(w) <= 1).all())
    True

    Glorot and Bengio 2010, proceedings.mlr.press/v9/glorot10a.html.

    Float32, CPU: within 2 ULP of JAX's number.
    """
    return variance_scaling(
        1.0, "fan_avg", "uniform", in_axis, out_axis, batch_axis, dtype
    )


def glorot_normal(
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: DType | None = None,
) -> Initializer:
    """Truncated normal of variance 2 / (fan in + fan out); also called Xavier.

    >>> round(float(glorot_normal()(jax.random.key(0), (300, 500)).std()), 3)
    0.05

    Glorot and Bengio 2010, proceedings.mlr.press/v9/glorot10a.html.

    Float32, CPU: within 2 ULP of JAX's number.
    """
    return variance_scaling(
        1.0, "fan_avg", "truncated_normal", in_axis, out_axis, batch_axis, dtype
    )


def he_uniform(
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: DType | None = None,
) -> Initializer:
    """U(−a, a) with a = √(6 / fan in), made for ReLU; also called Kaiming.

    >>> w = he_uniform()(jax.random.key(0), (6, 3))
    >>> bool((abs(w) <= 1).all())
    True

    He et al. 2015, arXiv:1502.01852.

    Float32, CPU: within 2 ULP of JAX's number.
    """
    return variance_scaling(
        2.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype
    )


def he_normal(
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: DType | None = None,
) -> Initializer:
    """Truncated normal of variance 2 / fan in, made for ReLU; also called Kaiming.

    >>> round(float(he_normal()(jax.random.key(0), (800, 300)).std()), 3)
    0.05

    He et al. 2015, arXiv:1502.01852.

    Float32, CPU: within 2 ULP of JAX's number.
    """
    return variance_scaling(
        2.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype
    )


def lecun_uniform(
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: DType | None = None,
) -> Initializer:
    """U(−a, a) with a = √(3 / fan in).

    >>> w = lecun_uniform()(jax.random.key(0), (3, 5))
    >>> bool((abs(w) <= 1).all())
    True

    LeCun et al. 1998, Efficient BackProp.

    Float32, CPU: within 2 ULP of JAX's number.
    """
    return variance_scaling(
        1.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype
    )


def lecun_normal(
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: DType | None = None,
) -> Initializer:
    """Truncated normal of variance 1 / fan in.

    >>> round(float(lecun_normal()(jax.random.key(0), (400, 300)).std()), 3)
    0.05

    LeCun et al. 1998, Efficient BackProp.

    Float32, CPU: within 2 ULP of JAX's number.
    """
    return variance_scaling(
        1.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype
    )


xavier_uniform = glorot_uniform
xavier_normal = glorot_normal
kaiming_uniform = he_uniform
kaiming_normal = he_normal


def _fan(mode: str, fan_in: float, fan_out: float) -> float:
    return {
        "fan_in": fan_in,
        "fan_out": fan_out,
        "fan_avg": (fan_in + fan_out) / 2,
        "fan_geo_avg": (fan_in * fan_out) ** 0.5,
    }[mode]


def _drawn(distribution, key, shape, dtype, variance, out_sharding) -> Array:
    """Numbers of mean 0 and this variance."""
    where = {"out_sharding": out_sharding}
    if distribution == "uniform":
        u = jax.random.uniform(key, shape, dtype, -1, **where)
        return u * jnp.sqrt(3 * variance)
    if distribution == "normal":
        return gaussian(key, shape, dtype, jnp.sqrt(variance), out_sharding)
    z = jax.random.truncated_normal(key, -2, 2, shape, dtype, **where)
    return z * (jnp.sqrt(variance) / jnp.asarray(CUT_AT_2, dtype))

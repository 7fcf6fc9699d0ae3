"""Initializers: jax.nn.initializers' names, signatures and, for one key, its numbers.

Each is ``(key, shape, dtype) -> array`` or makes one. Compared with JAX's own, the
float32 numbers are the same bit for bit under jit, and to 2 ULP op by op.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from assay import _check
from assay.typing import Array, DType, Initializer, Key, Scalar

Axes = int | Sequence[int]
Shape = Sequence[int]
MODES = ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")
DISTRIBUTIONS = ("truncated_normal", "normal", "uniform")
CUT_AT_2 = 0.87962566103423978  # the deviation of a standard normal within (-2, 2)


def zeros(
    key: Key, shape: Shape, dtype: DType | None = None, out_sharding: Any = None
) -> Array:
    """0; the key is not used.

    >>> zeros(jax.random.key(0), (2, 2)).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    del key
    return jnp.zeros(shape, _float(dtype), out_sharding=out_sharding)


def ones(
    key: Key, shape: Shape, dtype: DType | None = None, out_sharding: Any = None
) -> Array:
    """1; the key is not used.

    >>> ones(jax.random.key(0), (2,)).tolist()
    [1.0, 1.0]
    """
    del key
    return jnp.ones(shape, _float(dtype), out_sharding=out_sharding)


def constant(value: Scalar, dtype: DType | None = None) -> Initializer:
    """`value` everywhere, or an array that broadcasts to the shape.

    >>> constant(0.25)(jax.random.key(0), (2,)).tolist()
    [0.25, 0.25]
    """

    def init(key, shape, dtype=dtype, out_sharding=None):
        del key
        values = jnp.asarray(value, _float(dtype))
        return _placed(jnp.broadcast_to(values, tuple(shape)), out_sharding)

    return init


def uniform(scale: Scalar = 0.01, dtype: DType | None = None) -> Initializer:
    """scale · U[0, 1).

    >>> w = uniform(2.0)(jax.random.key(0), (1000,))
    >>> bool((w >= 0).all() & (w < 2).all()), round(float(w.mean()), 1)
    (True, 1.0)
    """

    def init(key, shape, dtype=dtype, out_sharding=None):
        dtype = _float(dtype)
        u = jax.random.uniform(key, shape, dtype, out_sharding=out_sharding)
        return u * jnp.asarray(scale, dtype)

    return init


def normal(stddev: Scalar = 0.01, dtype: DType | None = None) -> Initializer:
    """stddev · N(0, 1).

    >>> w = normal(2.0)(jax.random.key(0), (10000,))
    >>> round(float(w.std()), 1)
    2.0
    """

    def init(key, shape, dtype=dtype, out_sharding=None):
        dtype = _float(dtype)
        deviation = jnp.asarray(stddev, dtype)
        return _gaussian(key, shape, dtype, deviation, out_sharding)

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
    """

    def init(key, shape, dtype=dtype, out_sharding=None):
        dtype = _float(dtype)
        z = jax.random.truncated_normal(
            key, lower, upper, shape, dtype, out_sharding=out_sharding
        )
        return z * jnp.asarray(stddev, dtype)

    return init


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
    """
    _check.choice("variance_scaling", "mode", mode, MODES)
    _check.choice("variance_scaling", "distribution", distribution, DISTRIBUTIONS)

    def init(key, shape, dtype=dtype, out_sharding=None):
        dtype = _float(dtype)
        fan = _fan(mode, *_fans(tuple(shape), in_axis, out_axis, batch_axis))
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
    """
    return variance_scaling(
        1.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype
    )


def orthogonal(
    scale: Scalar = 1.0, column_axis: int = -1, dtype: DType | None = None
) -> Initializer:
    """scale · Q, uniformly drawn: orthonormal columns, or rows if they are fewer.

    >>> q = orthogonal()(jax.random.key(0), (3, 2))
    >>> jnp.allclose(q.T @ q, jnp.eye(2), atol=1e-6).tolist()
    True

    Saxe et al. 2013, arXiv:1312.6120; drawn as Mezzadri 2007, arXiv:math-ph/0609050.
    """

    def init(key, shape, dtype=dtype, out_sharding=None):
        dtype, shape = _float(dtype), tuple(shape)
        layout = "(a matrix, or more axes that count as rows)"
        _check.rank_at_least("orthogonal", "the array", jnp.empty(shape), 2, layout)
        columns = shape[column_axis]
        rest = [n for a, n in enumerate(shape) if a != column_axis % len(shape)]
        q = _orthonormal(key, math.prod(rest), columns, dtype).reshape(*rest, columns)
        q = jnp.moveaxis(q, -1, column_axis) * jnp.asarray(scale, dtype)
        return _placed(q, out_sharding)

    return init


xavier_uniform = glorot_uniform
xavier_normal = glorot_normal
kaiming_uniform = he_uniform
kaiming_normal = he_normal


def _float(dtype: DType | None) -> DType:
    """The dtype, or JAX's default float (float64 under x64)."""
    return jnp.result_type(float) if dtype is None else dtype


def _placed(array: Array, out_sharding: Any) -> Array:
    return array if out_sharding is None else jax.reshard(array, out_sharding)


def _fans(shape: tuple, in_axis: Axes, out_axis: Axes, batch_axis: Axes) -> tuple:
    """(fan in, fan out): the sizes of the named axes times the receptive field."""
    if len(shape) < 2:
        must = "the shape must have an axis of inputs and one of outputs"
        _check.fail("variance_scaling", must, f"shape={shape}", "Use normal or zeros.")
    sizes = [_size(shape, axes) for axes in (in_axis, out_axis, batch_axis)]
    named = math.prod(sizes)
    field = math.prod(shape) / named if named else 0
    return sizes[0] * field, sizes[1] * field


def _size(shape: tuple, axes: Axes) -> int:
    return math.prod(shape[a] for a in ([axes] if isinstance(axes, int) else axes))


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
        return _gaussian(key, shape, dtype, jnp.sqrt(variance), out_sharding)
    z = jax.random.truncated_normal(key, -2, 2, shape, dtype, **where)
    return z * (jnp.sqrt(variance) / jnp.asarray(CUT_AT_2, dtype))


def _gaussian(key, shape, dtype, deviation, out_sharding) -> Array:
    """deviation · N(0, 1), as √2·deviation · erf⁻¹(u) with u uniform in (−1, 1).

    The two constants meet before the array does: so JAX 0.12 rounds, and so XLA
    rewrites ``normal(...) * deviation`` under jit anyway.
    """
    low = -1 + float(jnp.finfo(dtype).epsneg)  # the number above -1
    u = jax.random.uniform(key, shape, dtype, low, 1, out_sharding=out_sharding)
    return (jnp.asarray(math.sqrt(2), dtype) * deviation) * jax.lax.erf_inv(u)


def _orthonormal(key: Key, rows: int, columns: int, dtype: DType) -> Array:
    """Q of a Gaussian matrix, with the signs that make it uniform."""
    if not rows or not columns:
        return jnp.zeros((rows, columns), dtype)
    half = jnp.finfo(dtype).bits < 32  # for which there is no QR
    working = jnp.float32 if half else dtype
    return jax.random.orthogonal(key, rows, (), working, columns).astype(dtype)

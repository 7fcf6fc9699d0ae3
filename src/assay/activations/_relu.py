"""The rectifiers: relu and what others make of its negative side."""

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay._numerics import compiled, derivative, rounded_once
from assay.activations._flat import flat, inside, through
from assay.typing import Array, Float, Key, Scalar, Shaped


@derivative(lambda x: jnp.where(x > 0, 1, flat(x)))
def _relu(x):
    return jnp.maximum(x, 0)


@compiled
def relu(x: Shaped[Array, "*shape"]) -> Shaped[Array, "*shape"]:
    """max(x, 0). The derivative at 0 is 0.

    >>> relu(jnp.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]

    Nair and Hinton 2010, ICML.

    Float32, CPU: within 0 ULP; derivatives 0 and 0.
    """
    x = jnp.asarray(x)
    return _relu(x) if jnp.issubdtype(x.dtype, jnp.floating) else jnp.maximum(x, 0)


@compiled
@rounded_once
@derivative(lambda x: inside(x, 0, 6, 1))
def relu6(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """min(max(x, 0), 6). The derivative at 0 and at 6 is 0.

    >>> relu6(jnp.array([-1.0, 2.0, 9.0])).tolist()
    [0.0, 2.0, 6.0]

    Howard et al. 2017, arXiv:1704.04861.

    Float32, CPU: within 0 ULP; derivatives 0 and 0.
    """
    return jnp.minimum(jnp.maximum(x, 0), 6)


@compiled
@rounded_once
def leaky_relu(
    x: Float[Array, "*shape"], negative_slope: Scalar = 0.01
) -> Float[Array, "*shape"]:
    """x if x ≥ 0, else negative_slope · x. The derivative at 0 is 1.

    >>> leaky_relu(jnp.array([-1.0, 2.0])).tolist()
    [-0.0099..., 2.0]

    Maas et al. 2013, ICML.

    Float32, CPU: within 1 ULP; derivatives 0.5 and 0.
    """
    slope = jnp.broadcast_to(jnp.asarray(negative_slope, x.dtype), x.shape)
    # So that a slope of 0 makes -∞ 0, and not 0 · ∞.
    below = jnp.where(slope == 0, jnp.maximum(x, jnp.finfo(x.dtype).min), x)
    return jnp.where(x >= 0, x, slope * through(below))


def prelu(
    x: Float[Array, "*shape"], weight: Float[Array, "..."] | float
) -> Float[Array, "*shape"]:
    """x if x ≥ 0, else weight · x, with a learned weight: one, or one per last axis.

    >>> prelu(jnp.array([[-1.0, -2.0]]), jnp.array([0.5, 0.25])).tolist()
    [[-0.5, -0.5]]

    He et al. 2015, arXiv:1502.01852.

    Float32, CPU: within 1 ULP.
    """
    return leaky_relu(x, weight)


def rrelu(
    x: Float[Array, "*shape"],
    *,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    key: Key,
) -> Float[Array, "*shape"]:
    """x if x ≥ 0, else a · x, with a slope a ~ U(lower, upper) of every entry's own.

    For training; `rrelu_inference` takes the mean of the slopes.

    >>> y = rrelu(jnp.array([-24.0, 1.0]), key=jax.random.key(0))
    >>> -8.0 <= y[0].item() <= -3.0, y[1].item()
    (True, 1.0)

    Xu et al. 2015, arXiv:1505.00853.

    Float32, CPU: within 1 ULP.
    """
    _ordered("rrelu", lower, upper)
    # In float32 always: a key means one sample, whatever the dtype.
    slopes = jax.random.uniform(key, jnp.shape(x), jnp.float32, lower, upper)
    return leaky_relu(x, slopes.astype(_numerics.wide(x).dtype))


def rrelu_inference(
    x: Float[Array, "*shape"], *, lower: float = 1 / 8, upper: float = 1 / 3
) -> Float[Array, "*shape"]:
    """x if x ≥ 0, else (lower + upper)/2 · x. The derivative at 0 is 1.

    >>> rrelu_inference(jnp.array([-24.0, 1.0])).tolist()
    [-5.5, 1.0]

    Xu et al. 2015, arXiv:1505.00853.

    Float32, CPU: within 1 ULP.
    """
    _ordered("rrelu_inference", lower, upper)
    return leaky_relu(x, (lower + upper) / 2)


def _ordered(who, lower, upper):
    if all(isinstance(s, (int, float)) for s in (lower, upper)) and lower > upper:
        _check.fail(who, "lower must be at most upper", f"{lower} and {upper}")


@compiled
@rounded_once
@derivative(lambda x: 2 * _relu(x))
def squared_relu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """max(x, 0)². The second derivative at 0 is 0.

    >>> squared_relu(jnp.array([-1.0, 3.0])).tolist()
    [0.0, 9.0]

    So et al. 2021, arXiv:2109.08668.

    Float32, CPU: within 0.5 ULP; derivatives 0 and 0.
    """
    y = jnp.maximum(x, 0)
    return y * y


@derivative(_relu)
def _half_square(x):
    y = jnp.maximum(x, 0)
    return y / 2 * y


@compiled
@rounded_once
def star_relu(
    x: Float[Array, "*shape"], scale: Scalar = 0.8944, bias: Scalar = -0.4472
) -> Float[Array, "*shape"]:
    """scale · max(x, 0)² + bias, one learned number each.

    The defaults make the mean 0 and the variance 1 where x is standard normal.

    >>> star_relu(jnp.array([-1.0, 1.0])).tolist()
    [-0.4472..., 0.4472...]

    Yu et al. 2022, arXiv:2210.13452.

    Float32, CPU: within 3 ULP; derivatives 1 and 0.5.
    """
    scale, bias = (jnp.asarray(c, x.dtype) for c in (scale, bias))
    plain = 2 * scale * _half_square(x) + bias
    # At its root the sum cancels, unless x² is there in parts that are exact.
    high, low = _numerics.split(jnp.maximum(x, 0))
    square = ((high * high + bias / scale) + 2 * high * low) + low * low
    error = jnp.where(jnp.isfinite(square), scale * square - plain, 0)
    return plain + jax.lax.stop_gradient(error)

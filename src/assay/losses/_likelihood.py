"""Negative log-likelihoods and deviances of counts, and of numbers with a spread."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.losses._pair import _pair
from assay.losses._series import expm1_over
from assay.typing import Array, Float, Num, Scalar

_HALF_LOG_2PI = math.log(2 * math.pi) / 2


def _quotient(weight: Array, x: Array) -> Array:
    """weight / x, and 0 / 0 = 0."""
    return jnp.where(weight == 0, 0, weight) / jnp.where((weight == 0) & (x == 0), 1, x)


@jax.custom_jvp
def _xlogy(weight: Array, x: Array) -> Array:
    """weight · log x, and 0 · log 0 = 0."""
    return _numerics.mass(weight, jnp.log(x))


@_xlogy.defjvp
def _(primals, tangents):
    (weight, x), (tw, tx) = primals, tangents
    by_weight = jnp.where(x == 0, 0, jnp.log(jnp.where(x == 0, 1, x)))
    return _xlogy(weight, x), by_weight * tw + _quotient(weight, x) * tx


def _stirling(t: Array) -> Array:
    """t log t − t + ½ log 2πt for t > 1, else 0: close to log t!."""
    counted = t > 1
    t = jnp.where(counted, t, 1)
    return jnp.where(counted, (t + 0.5) * jnp.log(t) - t + _HALF_LOG_2PI, 0)


@_numerics.derivatives(lambda p, t: _numerics.exp(p), lambda p, t: -jnp.ones_like(p))
def _excess(p: Array, t: Array) -> Array:
    """eᵖ − t, beside its root as t (e^(p − log t) − 1)."""
    d = p - jnp.log(jnp.maximum(t, 1))
    near = (t >= 1) & (jnp.abs(d) < 0.5)
    d = jnp.where(near, d, 0)
    return jnp.where(near, t * (d * expm1_over(d)), _numerics.exp(p) - t)


@_numerics.derivatives(_excess, lambda p, t: -p)
def _poisson(p: Array, t: Array) -> Array:
    """eᵖ − t p; ∞ where eᵖ overflows, whatever t p does."""
    e = _numerics.exp(p)
    return jnp.where(jnp.isinf(e), e, e - _numerics.mass(t, p))


def poisson_nll_loss(
    predictions: Float[Array, "*shape"],
    targets: Num[Array, "*shape"],
    *,
    log_input: bool = True,
    full: bool = False,
    eps: Scalar = 1e-8,
) -> Float[Array, "*shape"]:
    """eᵖ − target · p; or, without `log_input`, p − target · log(p + eps).

    `full` adds Stirling's approximation of log target! where target > 1.

    >>> poisson_nll_loss(jnp.array([0.0, 1.0]), jnp.array([1, 2])).tolist()
    [1.0, 0.718...]
    >>> poisson_nll_loss(jnp.array([1.0]), jnp.array([3]), log_input=False).tolist()
    [1.0]

    PyTorch has these names and defaults.

    Float32, CPU: within 3 ULP of the largest term; derivatives 2.
    """
    p, t = _pair("poisson_nll_loss", predictions=predictions, targets=targets)
    if log_input:
        y = _poisson(p, t)
    else:
        y = p - _xlogy(t, p + jnp.asarray(eps, p.dtype))
    return _numerics.narrow(y + _stirling(t) if full else y, predictions)


def _three(who: str, **arrays: Any) -> tuple[Array, ...]:
    """All arrays in the widest of their dtypes; shapes must match."""
    _check.same_shape(who, **arrays)
    first, _, spread = arrays
    _check.floating(who, **{first: arrays[first], spread: arrays[spread]})
    return _numerics.widest(*arrays.values())


def gaussian_nll_loss(
    predictions: Float[Array, "*shape"],
    targets: Num[Array, "*shape"],
    variances: Float[Array, "*shape"],
    *,
    full: bool = False,
    eps: Scalar = 1e-6,
) -> Float[Array, "*shape"]:
    """½ (log v + e²/v), v = max(variance, eps); e = prediction − target.

    `full` adds ½ log 2π. A variance below eps has no derivative; PyTorch gives it that
    of eps.

    >>> p, t, v = jnp.array([1.0]), jnp.array([3.0]), jnp.array([4.0])
    >>> gaussian_nll_loss(p, t, v).tolist()
    [1.193...]

    Nix and Weigend 1994, doi:10.1109/ICNN.1994.374138.

    Float32, CPU: within 4 ULP of the largest term; derivatives 2.
    """
    who = "gaussian_nll_loss"
    arrays = {"predictions": predictions, "targets": targets, "variances": variances}
    p, t, v = _three(who, **arrays)
    v, e = jnp.maximum(v, jnp.asarray(eps, v.dtype)), p - t
    y = jnp.log(v) / 2 + e * (e / v / 2)
    return _numerics.narrow(y + _HALF_LOG_2PI if full else y, predictions)


def laplace_nll_loss(
    predictions: Float[Array, "*shape"],
    targets: Num[Array, "*shape"],
    scales: Float[Array, "*shape"],
    *,
    eps: Scalar = 1e-6,
) -> Float[Array, "*shape"]:
    """log 2b + |prediction − target| / b, b = max(scale, eps).

    >>> p, t, b = jnp.array([1.0]), jnp.array([3.0]), jnp.array([0.5])
    >>> laplace_nll_loss(p, t, b).tolist()
    [4.0]

    Float32, CPU: within 2 ULP of the largest term; derivatives 0.5.
    """
    arrays = {"predictions": predictions, "targets": targets, "scales": scales}
    p, t, b = _three("laplace_nll_loss", **arrays)
    b = jnp.maximum(b, jnp.asarray(eps, b.dtype))
    y = jnp.log(2 * b) + _numerics.magnitude(p - t) / b
    return _numerics.narrow(y, predictions)

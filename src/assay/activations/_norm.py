"""Norms of rows and rows of norm 1, with derivatives at the zero row."""

import functools
import math

import jax
import jax.numpy as jnp

from assay import _check
from assay._numerics import compiled, rounded_once
from assay.activations._flat import flat
from assay.activations._piecewise import _sign
from assay.typing import Array, Axis, Bool, Float, Scalar


def _scaled(x, p, axis):
    """(z, scale), x = z · scale, so that powers of z neither overflow nor vanish."""
    info = jnp.finfo(x.dtype)
    top = jnp.max(jnp.abs(x), axis, keepdims=True, initial=0)
    # A power of two: exact. By a quarter of it: rounded up it might not be finite.
    size = jax.lax.reduce_precision(top / 4, info.nexp, 0)
    size = jnp.clip(size, 2.0 ** (6 - info.maxexp), 2.0 ** (info.maxexp - 3))
    # The zero row by 1: XLA folds constants by the reciprocal of a square, which is ∞.
    size = jnp.where(top == 0, 1, size)
    z = x / size
    if p in (1, 2, math.inf):
        return z, size
    # |z| ≤ 1, or its p-th power might overflow. In two steps: 1 / top may be subnormal.
    rest = jnp.where((top > 0) & jnp.isfinite(top), top / size, 1)
    return z / rest, size * rest


def _size(z, p, axis):
    """‖z‖ₚ as it is written."""
    if p == 2:
        return jnp.sqrt(jnp.sum(z * z, axis, keepdims=True))
    if p == math.inf:
        return jnp.max(jnp.abs(z), axis, keepdims=True, initial=0)
    if p == 1:
        return jnp.sum(jnp.abs(z), axis, keepdims=True)
    return jnp.sum(jnp.abs(z) ** p, axis, keepdims=True) ** (1 / p)


def _over(x, n):
    """x / n, and 0 where n is 0."""
    return x / jnp.where(n == 0, 1, n)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _norm(x, p, axis):
    z, scale = _scaled(x, p, axis)
    return _size(z, p, axis) * scale


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _unit(x, p, axis):
    """x / ‖x‖ₚ, and 0 for the zero row."""
    z, _ = _scaled(x, p, axis)
    return _over(z, _size(z, p, axis))


@_norm.defjvp
def _(p, axis, primals, tangents):
    (x,), (t,) = primals, tangents
    return _norm(x, p, axis), _dnorm(_unit(x, p, axis), t, p, axis)


@_unit.defjvp
def _(p, axis, primals, tangents):
    (x,), (t,) = primals, tangents
    y, n = _unit(x, p, axis), _norm(x, p, axis)
    slope = _over(t - y * _dnorm(y, t, p, axis), n)
    return y, jnp.where(n == 0, 0, slope)


def _dnorm(y, t, p, axis):
    """The derivative of the norm along t, from the unit row y = x / ‖x‖ₚ."""
    return jnp.sum(_slope(y, p, axis) * t, axis, keepdims=True)


def _slope(y, p, axis):
    """sign(y) |y|^(p − 1): of the largest entries alone, in shares, for p = ∞."""
    if p == 2:
        return y
    if p == 1:
        return _sign(y)
    if p == math.inf:
        size = jnp.abs(y)  # not compared with 1: the quotient may be its neighbour
        top = size == jnp.max(size, axis, keepdims=True, initial=0)
        count = jnp.sum(top, axis, keepdims=True, dtype=y.dtype)
        return _sign(y) * jnp.where(top, 1, flat(y)) / jnp.maximum(count, 1)
    size = y * _sign(y)
    power = jnp.where(size == 0, 1, size) ** (p - 1)
    return jnp.where(size == 0, 0, _sign(y) * power)


def _degree(who, p):
    if not isinstance(p, (int, float)) or not p >= 1:
        _check.fail(who, "p must be a Python number of at least 1", p)


def _kept(x, where):
    """x, and 0 where `where` is False."""
    return x if where is None else jnp.where(jnp.broadcast_to(where, x.shape), x, 0)


def norm(
    x: Float[Array, "*shape"],
    *,
    p: float = 2.0,
    axis: Axis = -1,
    keepdims: bool = False,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "..."]:
    """‖x‖ₚ = (Σ |x|ᵖ)^(1/p) over `axis`, of the entries where `where` is True.

    Every derivative of the zero row is 0. Rows of 1e-38 and of 1e38 have their norm.
    A fraction p costs another ULP.

    >>> norm(jnp.array([3.0, 4.0]) * 2.0**100).item() / 2.0**100
    5.0
    >>> jax.grad(norm)(jnp.zeros(2)).tolist()
    [0.0, 0.0]

    Float32, CPU: within 4 ULP.
    """
    _degree("norm", p)
    return _norm_of(x, p, axis, keepdims, where)


@compiled(static=["p", "axis", "keepdims"])
@rounded_once
def _norm_of(x, p, axis, keepdims, where):
    n = _norm(_kept(x, where), float(p), axis)
    return n if keepdims else jnp.squeeze(n, range(x.ndim) if axis is None else axis)


def normalize(
    x: Float[Array, "*shape"],
    *,
    p: float = 2.0,
    axis: Axis = -1,
    eps: Scalar = 1e-12,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*shape"]:
    """x / max(‖x‖ₚ, eps) over `axis`; 0 where `where` is False.

    torch's, but for the default axis and the derivatives of the zero row, which are 0
    and not 1/eps.

    >>> normalize(jnp.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000..., 0.8000...], [0.0, 0.0]]

    Float32, CPU: within 4 ULP.
    """
    _degree("normalize", p)
    _check.within("normalize", "eps", eps, 0, math.inf)
    return _normalized(x, p, axis, eps, where)


@compiled(static=["p", "axis"])
@rounded_once
def _normalized(x, p, axis, eps, where):
    x, p, eps = _kept(x, where), float(p), jnp.asarray(eps, x.dtype)
    n = _norm(x, p, axis)
    short = (n < eps) & (n > 0)
    small = jnp.where(short, x, 0) / jnp.where(eps > 0, eps, 1)
    return jnp.where(short, small, _unit(x, p, axis))

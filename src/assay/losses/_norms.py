"""Norms of rows, which neither overflow nor lose their derivative at a zero row."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from assay import _check, _numerics
from assay.typing import Array, Axis


def row_scale(x: Array, axis: Axis) -> Array:
    """A power of two near each row's largest |x|: x / scale is exact and near 1."""
    info = jnp.finfo(x.dtype)
    top = jnp.max(jnp.abs(jax.lax.stop_gradient(x)), axis, keepdims=True, initial=0)
    near = jax.lax.reduce_precision(top / 2, info.nexp, 0)
    return jnp.clip(near, float(info.tiny), 2.0 ** (info.maxexp - 2))


def _is_zero(x: Array, axis: Axis) -> Array:
    """Which rows hold nothing but zeros."""
    return jnp.all(x == 0, axis, keepdims=True)


def degree(who: str, name: str, p: Any) -> float:
    """`p` as a Python number of at least 1: it chooses the formula."""
    if not isinstance(p, (int, float, np.number)):
        _check.fail(who, f"{name} must be a Python number", p, kind=TypeError)
    _check.within(who, name, p := float(p), 1, math.inf)
    return p


def _power(x: Array, p: float) -> Array:
    """|x|^p with the derivatives of a product where p is whole."""
    if p == 2:
        return x * x
    size = _numerics.magnitude(x)
    if p == int(p):
        return size ** int(p)
    safe = jnp.where(size == 0, 1, size)
    return jnp.where(size == 0, 0, safe**p)


def _root(x: Array, p: float) -> Array:
    if p == 2:
        return jnp.sqrt(x)
    return jnp.cbrt(x) if p == 3 else x ** (1 / p)


def norm(x: Array, p: float, axis: Axis, eps: Any = 0.0) -> Array:
    """(Σ |x|^p + eps)^(1/p) over `axis`; its derivatives at a row of zeros are 0."""
    if math.isinf(p):
        return jnp.max(_numerics.magnitude(x), axis, initial=0)
    eps = jnp.asarray(eps, x.dtype)
    if p == 1:
        return jnp.sum(_numerics.magnitude(x), axis) + eps
    return jnp.squeeze(_norm(x, p, axis, eps ** (1 / p)), axis)


def _norm(x: Array, p: float, axis: Axis, root: Array) -> Array:
    """norm(x), with the root of its eps taken as one entry more."""
    scale = jnp.maximum(row_scale(x, axis), row_scale(root, None))
    zero = _is_zero(x, axis) & (root == 0)
    safe = jnp.where(zero, 1, x) / scale
    total = jnp.sum(_power(safe, p), axis, keepdims=True) + _power(root / scale, p)
    return jnp.where(zero, 0, scale * _root(total, p))


def unit(x: Array, axis: Axis, eps: Any = 0.0) -> tuple[Array, Array]:
    """x / max(‖x‖, eps) and ‖x‖ / max(‖x‖, eps) over `axis`; with 0 / 0 = 0."""
    scale, zero = row_scale(x, axis), _is_zero(x, axis)
    eps = jnp.asarray(eps, x.dtype)
    u = x / scale
    safe = jnp.where(zero, 1, u)
    size = jnp.where(zero, 0, jnp.sqrt(jnp.sum(safe * safe, axis, keepdims=True)))
    lost = zero & (eps == 0)
    divisor = jnp.where(lost, 1, jnp.maximum(size, eps / scale))
    return jnp.where(lost, 0, u / divisor), size / divisor


def hypot(a: Array, b: Array) -> Array:
    """√(a² + b²), elementwise; 0 with derivatives 0 where both are 0."""
    return jnp.squeeze(_norm(jnp.stack([a, b]), 2, 0, jnp.zeros((), a.dtype)), 0)

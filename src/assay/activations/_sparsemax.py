"""Probabilities with exact zeros: sparsemax and entmax15, by sorting."""

import functools

import jax
import jax.numpy as jnp

from assay import _check
from assay._numerics import compiled, rounded_once
from assay.typing import Array, Bool, Float


def _below_top(x, axis):
    """x − max x; a row of -∞ alone stays one."""
    top = jnp.max(x, axis, keepdims=True, initial=-jnp.inf)
    return x - jnp.where(jnp.isneginf(top), 0, top)


def _ranked(z, axis):
    """z from the largest down, and k = 1, 2, … beside it."""
    k = jnp.arange(1, z.shape[axis] + 1, dtype=z.dtype)
    shape = [-1 if a == axis % z.ndim else 1 for a in range(z.ndim)]
    return jnp.sort(z, axis, descending=True), jnp.reshape(k, shape)


def _total(z, inside, axis):
    return jnp.sum(jnp.where(inside, z, 0), axis, keepdims=True)


def _centred(t, weight, axis):
    """t less its mean by `weight`; 0 where that is 0."""
    mass = jnp.sum(weight, axis, keepdims=True)
    mean = jnp.sum(weight * t, axis, keepdims=True) / jnp.where(mass == 0, 1, mass)
    return jnp.where(weight > 0, t - mean, 0)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _sparsemax(x, axis):
    z = _below_top(x, axis)
    ranked, k = _ranked(z, axis)
    finite = jnp.maximum(ranked, -2)  # far outside already, as the top is 0
    inside = 1 + k * finite > jnp.cumsum(finite, axis)
    count = jnp.sum(inside, axis, keepdims=True, dtype=x.dtype)
    level = (_total(ranked, inside, axis) - 1) / jnp.maximum(count, 1)
    return jnp.maximum(z - level, 0)


@_sparsemax.defjvp
def _(axis, primals, tangents):
    (x,), (t,) = primals, tangents
    y = _sparsemax(x, axis)
    return y, _centred(t, (y > 0).astype(y.dtype), axis)


def _less_one(share, axis):
    """Σ share − 1, where the shares are about 1 together.

    Twelve bits of each sum exactly, and of the rest no digit counts.
    """
    high = jnp.round(share * 4096) / 4096
    whole = jnp.sum(high, axis, keepdims=True) - 1
    return whole + jnp.sum(share - high, axis, keepdims=True)


def _entmax_parts(x, axis):
    """(high, low), high + low = max(z/2 − level, 0), the root of entmax15."""
    z = _below_top(x, axis) / 2
    ranked, k = _ranked(z, axis)
    finite = jnp.maximum(ranked, -2)
    mean = jnp.cumsum(finite, axis) / k
    spread = jnp.cumsum(finite * finite, axis) - k * mean * mean
    level = mean - jnp.sqrt(jnp.maximum((1 - spread) / k, 0))
    count = jnp.sum(level <= finite, axis, keepdims=True, dtype=jnp.int32)
    level = jnp.take_along_axis(level, jnp.maximum(count - 1, 0), axis)
    # The cumulated sums have lost digits: Newton's step by sums that have not.
    root = jnp.maximum(z - level, 0)
    excess = _less_one(root * root, axis)
    slope = 2 * jnp.sum(root, axis, keepdims=True)
    low = ((z - root) - level) - excess / jnp.where(slope == 0, 1, slope)
    return root, jnp.where(root > 0, low, 0)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _entmax_root(x, axis):
    high, low = _entmax_parts(x, axis)
    return jnp.maximum(high + low, 0)


@_entmax_root.defjvp
def _(axis, primals, tangents):
    (x,), (t,) = primals, tangents
    root = _entmax_root(x, axis)
    return root, _centred(t, root, axis) / 2


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _entmax(x, axis):
    high, low = _entmax_parts(x, axis)
    return high * jnp.maximum(high + 2 * low, 0)


@_entmax.defjvp
def _(axis, primals, tangents):
    (x,), (t,) = primals, tangents
    root = _entmax_root(x, axis)
    return _entmax(x, axis), root * _centred(t, root, axis)


def _masked(who, f, x, axis, where):
    """f(x, axis) over the entries of `where`, 0 elsewhere."""
    if not -x.ndim <= axis < x.ndim:
        _check.fail(who, f"axis must name an axis of x (rank {x.ndim})", axis)
    if x.shape[axis] == 0:
        return x
    if where is None:
        return f(x, axis)
    where = jnp.broadcast_to(jnp.asarray(where), x.shape)
    # Masked before and after: neither values nor derivatives leak, NaN included.
    return jnp.where(where, f(jnp.where(where, x, -jnp.inf), axis), 0)


@compiled(static=["axis"])
@rounded_once
def sparsemax(
    x: Float[Array, "*shape"],
    axis: int = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*shape"]:
    """max(x − τ, 0) with Σ = 1 over `axis`: the nearest point of the simplex.

    Of the entries where `where` is True; 0 elsewhere, and for a row without any.
    Small entries are exactly 0, and so are their derivatives.

    >>> sparsemax(jnp.array([1.0, 0.5, -1.0])).tolist()
    [0.75, 0.25, 0.0]

    Martins and Astudillo 2016, arXiv:1602.02068.

    Float32, CPU: within 3 ULP of the row's largest entry.
    """
    return _masked("sparsemax", _sparsemax, x, axis, where)


@compiled(static=["axis"])
@rounded_once
def entmax15(
    x: Float[Array, "*shape"],
    axis: int = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*shape"]:
    """max(x/2 − τ, 0)² with Σ = 1 over `axis`: halfway from softmax to sparsemax.

    Of the entries where `where` is True; 0 elsewhere, and for a row without any.

    >>> entmax15(jnp.array([1.0, 1.0, -9.0])).round(5).tolist()
    [0.5, 0.5, 0.0]

    Peters et al. 2019, arXiv:1905.05702.

    Float32, CPU: within 4 ULP of the row's largest entry.
    """
    return _masked("entmax15", _entmax, x, axis, where)

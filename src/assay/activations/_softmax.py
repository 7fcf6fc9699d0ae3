"""softmax and log_softmax, with masks."""

import functools

import jax
import jax.numpy as jnp

from assay import _numerics
from assay._numerics import rounded_once
from assay.typing import Array, Axis, Bool, Float


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _softmax(x, axis):
    d, error, _ = _numerics.from_top(x, axis)
    e = jnp.exp(d) * (1 + error)
    return e / jnp.sum(e, axis, keepdims=True)


@_softmax.defjvp
def _softmax_jvp(axis, primals, tangents):
    (x,), (t,) = primals, tangents
    y = _softmax(x, axis)
    return y, y * (t - jnp.sum(y * t, axis, keepdims=True))


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _log_softmax(x, axis):
    d, error, _ = _numerics.from_top(x, axis)
    rest = _numerics.beside_top(x, axis)
    # Without the barrier the compiler takes the logarithm once an entry, not a row.
    return d + (error - jax.lax.optimization_barrier(jnp.log1p(rest)))


@_log_softmax.defjvp
def _log_softmax_jvp(axis, primals, tangents):
    (x,), (t,) = primals, tangents
    mean = jnp.sum(_softmax(x, axis) * t, axis, keepdims=True)
    return _log_softmax(x, axis), t - mean


def _masked(f, x, axis, where, fill):
    """f(x, axis) over the entries of `where`, and `fill` elsewhere."""
    if where is None:
        return f(x, axis)
    where = jnp.broadcast_to(jnp.asarray(where), x.shape)
    # Masked before and after: neither values nor derivatives leak, NaN included.
    return jnp.where(where, f(jnp.where(where, x, -jnp.inf), axis), fill)


@rounded_once
def softmax(
    x: Float[Array, "*shape"],
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*shape"]:
    """eˣ / Σ eˣ over `axis`, of the entries where `where` is True; 0 elsewhere.

    >>> softmax(jnp.array([1.0, 1.0, 9.0]), where=jnp.array([1, 1, 0], bool)).tolist()
    [0.5, 0.5, 0.0]
    """
    return _masked(_softmax, x, axis, where, 0)


@rounded_once
def log_softmax(
    x: Float[Array, "*shape"],
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*shape"]:
    """x − log Σ eˣ over `axis`, of the entries where `where` is True; -∞ elsewhere.

    Exact where a prediction is confident: the largest entry is −log1p of the others.

    >>> log_softmax(jnp.array([1e8, 1e8])).tolist()
    [-0.6931..., -0.6931...]
    """
    return _masked(_log_softmax, x, axis, where, -jnp.inf)

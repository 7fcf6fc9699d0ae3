"""softmax and log_softmax, with masks."""

import functools

import jax
import jax.numpy as jnp

from assay._numerics import compiled, rounded_once
from assay.activations._rows import (
    beside_top,
    centred,
    difference,
    log1p,
    top_of,
    vanishes,
)
from assay.typing import Array, Axis, Bool, Float


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _softmax(x, axis):
    e, rest = beside_top(x, top_of(x, axis), axis)
    return jnp.abs(e) * (1 / (1 + rest))


@_softmax.defjvp
def _(axis, primals, tangents):
    y = _softmax(*primals, axis)
    return y, y * centred(y, tangents[0], axis)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _log_softmax(x, axis):
    top = top_of(x, axis)
    d, error = difference(x, top)
    level = log1p(beside_top(x, top, axis)[1])
    error = jnp.where(vanishes(d), 0, error)
    return jnp.where(x == top, -level, d + (error - level))


@_log_softmax.defjvp
def _(axis, primals, tangents):
    slope = centred(_softmax(*primals, axis), tangents[0], axis)
    return _log_softmax(*primals, axis), slope


def _masked(f, x, axis, where, fill):
    """f(x, axis) over the entries of `where`, and `fill` elsewhere."""
    if where is None:
        return f(x, axis)
    where = jnp.broadcast_to(jnp.asarray(where), x.shape)
    # Masked before and after: neither values nor derivatives leak, NaN included.
    return jnp.where(where, f(jnp.where(where, x, -jnp.inf), axis), fill)


@compiled(static=("axis",))
@rounded_once
def softmax(
    x: Float[Array, "*shape"],
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*shape"]:
    """eˣ / Σ eˣ over `axis`, of the entries where `where` is True; 0 elsewhere.

    >>> softmax(jnp.array([1.0, 1.0, 9.0]), where=jnp.array([1, 1, 0], bool)).tolist()
    [0.5, 0.5, 0.0]

    Bridle 1990, doi:10.1007/978-3-642-76153-9_28.

    Float32, CPU: within 5 ULP.
    """
    return _masked(_softmax, x, axis, where, 0)


@compiled(static=("axis",))
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

    Float32, CPU: within 4 ULP.
    """
    return _masked(_log_softmax, x, axis, where, -jnp.inf)

"""logsumexp and logmeanexp, masked and weighted."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from assay import _numerics
from assay._numerics import compiled
from assay.activations._rows import beside_top, log1p, log1p_words, top_of
from assay.activations._softmax import _softmax
from assay.typing import Array, Axis, Bool, Float


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _log_sum(x, axis):
    top = top_of(x, axis)
    high, low = log1p_words(beside_top(x, top, axis)[1])
    return (top + high) + low


@_log_sum.defjvp
def _(axis, primals, tangents):
    slope = jnp.sum(_softmax(*primals, axis) * tangents[0], axis, keepdims=True)
    return _log_sum(*primals, axis), slope


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _log_weighted(x, b, axis):
    """(log |Σ b eˣ|, its sign)."""
    x = jnp.where(b == 0, -jnp.inf, x)
    top = top_of(x, axis)
    beside = jnp.where(x == top, 0, b * jnp.abs(beside_top(x, top, axis)[0]))
    at_top = jnp.sum(jnp.where(x == top, b, 0), axis, keepdims=True)
    rest = jnp.sum(beside, axis, keepdims=True) + (at_top - 1)
    y = jnp.where(rest > -1, log1p(rest), jnp.log(-1 - rest))
    return top + y, jnp.sign(at_top + jnp.sum(beside, axis, keepdims=True))


@_log_weighted.defjvp
def _(axis, primals, tangents):
    (x, b), (tx, tb) = primals, tangents
    y, sign = _log_weighted(x, b, axis)
    e = sign * jnp.exp(jnp.where(jnp.isinf(y), -jnp.inf, x - y))
    slope = jnp.sum(_numerics.mass(b, e) * tx + e * tb, axis, keepdims=True)
    return (y, sign), (slope, jnp.zeros_like(sign))


def _taking_part(where, x):
    return jnp.broadcast_to(jnp.asarray(True if where is None else where), x.shape)


@compiled(static=("axis", "keepdims", "return_sign"))
def logsumexp(
    a: Float[Array, "*shape"],
    axis: Axis = None,
    b: Float[Array, "..."] | None = None,
    keepdims: bool = False,
    return_sign: bool = False,
    where: Bool[Array, "..."] | None = None,
) -> Any:
    """log Σ b eᵃ over `axis`, of the entries where `where` is True; -∞ for none.

    `return_sign` gives (log |Σ|, sign); without it a negative sum gives NaN. An entry
    of weight b = 0 counts nothing, whatever it is, and the slope in b is finite there.

    >>> logsumexp(jnp.array([[1e8, 1e8], [0.0, -20.0]]), axis=1).tolist()
    [100000000.0, 2.06...e-09]

    Blanchard, Higham and Higham 2021, doi:10.1093/imanum/draa038.

    Float32, CPU: within 4 ULP of max(|max x|, |result|).
    """
    shapes = (jnp.shape(z) for z in (a, b, where) if z is not None)
    x = jnp.broadcast_to(_numerics.wide(a), jnp.broadcast_shapes(*shapes))
    taking_part = jnp.broadcast_to(
        jnp.asarray(True if where is None else where), x.shape
    )
    x = jnp.where(taking_part, x, -jnp.inf)
    if b is None:
        y = _numerics.by_rows(_log_sum, axis, x)
        sign = jnp.where(jnp.isneginf(y), 0, jnp.ones_like(y))
    else:
        b = jnp.broadcast_to(jnp.asarray(b).astype(x.dtype), x.shape)
        y, sign = _log_weighted(x, jnp.where(taking_part, b, 0), axis)
        y = y if return_sign else jnp.where(sign < 0, jnp.nan, y)
    y, sign = (_numerics.narrow(z, a) for z in (y, sign))
    y, sign = (z if keepdims else jnp.squeeze(z, axis) for z in (y, sign))
    return (y, sign) if return_sign else y


def logmeanexp(
    x: Float[Array, "*shape"],
    axis: Axis = None,
    where: Bool[Array, "..."] | None = None,
    keepdims: bool = False,
) -> Float[Array, "..."]:
    """log (Σ eˣ / n) over `axis`, of the n entries where `where` is True.

    >>> logmeanexp(jnp.array([1000.0, 1000.0])).item()
    1000.0

    Burda, Grosse and Salakhutdinov 2015, arXiv:1509.00519, bound a likelihood by it.

    Float32, CPU: within 4 ULP of max(|max x|, log n).
    """
    taking_part = jnp.broadcast_to(
        jnp.asarray(True if where is None else where), jnp.shape(x)
    )
    wide = _numerics.wide(x)
    n = jnp.sum(taking_part, axis, keepdims=keepdims, dtype=wide.dtype)
    y = logsumexp(wide, axis, where=where, keepdims=keepdims)
    return _numerics.narrow(y - jnp.log(jnp.maximum(n, 1)), x)

"""Sums of exponentials over rows, for softmax, logsumexp and the cross-entropies.

Two things make them exact. eˣ⁻ᵗᵒᵖ is corrected by the rounding error of x − top, which
would cost 2⁻¹⁸ at a distance of 64. And the largest term, 1, is left out of the sum,
which log1p then takes: a confident row has lost the others otherwise.

Two things make them fast on CPU, where XLA gives each reduction, with all that YNNPACK
knows around it, to YNNPACK, which works step by step through memory: elementwise
arithmetic ends in a select, which YNNPACK does not know, and so becomes one loop; and
so does each number of a row that entries will read (`settled`). Without that the speed
is 0.1 to 0.5 of jax.nn's.
"""

import math

import jax
import jax.numpy as jnp

from assay._numerics import rounded
from assay.typing import Array, Axis


def settled(row: Array) -> Array:
    """`row` itself, computed once a row: rounding to all its bits parts the readers.

    It also keeps jaxlib 0.10.2 from an error: t − Σ p t is wrong under a vmap over t.
    """
    info = jnp.finfo(row.dtype)
    return jax.lax.reduce_precision(row, info.nexp, info.nmant)


def top_of(x: Array, axis: Axis) -> Array:
    """max x over `axis`, kept."""
    return settled(jnp.max(x, axis, keepdims=True, initial=-jnp.inf))


def difference(x: Array, top: Array) -> tuple[Array, Array]:
    """(d, error), x − top = d + error; the error may be NaN where eᵈ `vanishes`.

    Knuth 1969, The Art of Computer Programming 2, 4.2.2: six additions, no branch.
    """
    d = x - top
    back = d - x
    return d, (x - (d - back)) - (top + back)


def vanishes(d: Array) -> Array:
    """Where eᵈ is 0, -∞ included."""
    return d < 2 * math.log(jnp.finfo(d.dtype).tiny)


def beside_top(x: Array, top: Array, axis: Axis) -> tuple[Array, Array]:
    """(e, Σ eˣ⁻ᵗᵒᵖ − 1), where e is −1 at the top and eˣ⁻ᵗᵒᵖ elsewhere."""
    d, error = difference(x, top)
    e = jnp.exp(d)
    # Compared, not subtracted: infinity is no distance from itself.
    e = jnp.where(x == top, -1, jnp.where(vanishes(d), 0, e + e * error))
    # −0.0 is a constant of its own: the 0 above has readers, and would be an array.
    rest = settled(jnp.sum(jnp.maximum(e, -0.0), axis, keepdims=True))
    tops = jnp.round(rest - settled(jnp.sum(e, axis, keepdims=True)))
    return e, rest + (tops - 1)


def log1p_words(rest: Array) -> tuple[Array, Array]:
    """(high, low), log(1 + rest) = high + low; XLA's own is 2.4 ULP off.

    Between 0.41 and 2; elsewhere it is better than its sum with a correction. That
    is the rounding error of 1 + rest: Kahan, HP-15C Advanced Functions, 1982.
    """
    whole = rounded(1 + rest)
    near = rest < 0.41
    high = jnp.where(near, jnp.log1p(rest), jnp.log(whole))
    return high, jnp.where(near, 0, (rest - (whole - 1)) / whole)


def log1p(rest: Array) -> Array:
    """log(1 + rest), within 1.5 ULP."""
    high, low = log1p_words(rest)
    return high + low


def centred(p: Array, t: Array, axis: Axis) -> Array:
    """t − Σ p t for shares p, relative to the t of the share above ½.

    So that 1 − p is the sum of the others, in this linear map and in its transpose.
    """
    leads = p > 0.5
    base = settled(jnp.sum(jnp.where(leads, t, 0), axis, keepdims=True))
    rest = jnp.where(leads, 0, t - base)
    return rest - settled(jnp.sum(p * rest, axis, keepdims=True))

"""Two words (high, low) for an exact sum; polynomials.

`jax.lax.reduce_precision`, or a mask on the bits, makes the high words, since the
compiler may neither fold nor contract across them: it turns (x − H) − L into
x − (H + L) and a·b − c into a fused multiply-add, and both break plain formulations.
Dekker 1971, doi:10.1007/BF01397083.
"""

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from assay.typing import Array


def magnitude(x: Array) -> Array:
    """|x|, whose derivative at 0 is 0; that of jnp.abs is 1."""
    return x * jnp.sign(x)


def polynomial(x: Array, coefficients: Sequence[float]) -> Array:
    """Σ cₖ xᵏ by Horner's rule; c₀ first."""
    start, *rest = reversed(coefficients)
    return functools.reduce(lambda y, c: y * x + c, rest, jnp.full_like(x, start))


def rounded(x: Array, bits: int | None = None) -> Array:
    """`x` to `bits` fewer significant bits than the dtype has (one less by default)."""
    info = jnp.finfo(x.dtype)
    return jax.lax.reduce_precision(x, info.nexp, bits or info.nmant - 1)


def split(x: Array) -> tuple[Array, Array]:
    """(high, low), x = high + low, each short enough that high² is exact."""
    high = rounded(x, (jnp.finfo(x.dtype).nmant - 1) // 2)
    return high, x - high


def times(a: Array, b: Array) -> tuple[Array, Array]:
    """a·b as (high, low): high is exact, since it is a product of short numbers."""
    (a_high, a_low), (b_high, b_low) = split(a), split(b)
    return a_high * b_high, a_high * b_low + a_low * b


def _short(c: float) -> float:
    """The 12 leading bits of a Python number."""
    mantissa, exponent = math.frexp(c)
    return math.ldexp(round(mantissa * 4096), exponent - 12)


def scaled(x: Array, c: float) -> tuple[Array, Array]:
    """c·x as (high, low), with all the digits of the Python number c."""
    high, low = split(x)
    return high * _short(c), high * (c - _short(c)) + low * c


def minus(x: Array, c: float) -> Array:
    """x − c with all the digits of c: accurate beside a root that is no float."""
    high, low = split(x)
    nearest = float(np.float32(c))
    exact = (high - _short(c)) + (low - (nearest - _short(c)))
    return exact - (c - nearest)


def difference(a: Array, b: Array) -> tuple[Array, Array]:
    """a − b as (d, error of d); the error is 0 where d is infinite."""
    d = rounded(a - b)
    a_leads = jnp.abs(a) > jnp.abs(b)
    big, small = jnp.where(a_leads, a, -b), jnp.where(a_leads, -b, a)
    return d, jnp.where(jnp.isfinite(d), (big - d) + small, 0)


def short(x: Array, bits: int = 12) -> Array:
    """The `bits` leading bits of float32 numbers, the others cut off: one AND."""
    mask = np.int32(-(1 << (24 - bits)))
    kept = jax.lax.bitcast_convert_type(x, jnp.int32) & mask
    return jax.lax.bitcast_convert_type(kept, jnp.float32)


def signed(size: Array, like: Array) -> Array:
    """size ≥ 0 with the sign of `like`, that of zero too."""
    if size.dtype != jnp.float32:
        return jnp.copysign(size, like)
    to_bits = functools.partial(jax.lax.bitcast_convert_type, new_dtype=jnp.int32)
    sign = to_bits(like) & np.int32(-(2**31))
    return jax.lax.bitcast_convert_type(to_bits(size) | sign, jnp.float32)


def at_least(x: Array, low: float) -> Array:
    """max(x, low) in one instruction: NaN stays without being asked for."""
    return jnp.where(x < low, jnp.asarray(low, x.dtype), x)


def at_most(x: Array, high: float) -> Array:
    """min(x, high), likewise."""
    return jnp.where(x > high, jnp.asarray(high, x.dtype), x)


def rest_above(x: Array, top: Array, under: Array) -> Array:
    """top/under where x < 0, else 1 − top/under: used once, so that all is one loop."""
    below = x < 0
    return jnp.where(below, 0, 1) + jnp.where(below, top, -top) / under

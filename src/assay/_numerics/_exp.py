"""eᵗ by one short polynomial, cheaper than the compiler's and nearer the truth.

eᵗ = 2ⁿ·(1 + q), n = round(t / log 2), q = eʳ − 1 of the rest r: half the work is in
knowing what t may be. 2ⁿ is written into the exponent's bits, and `lift` more of it
keeps x·eᵗ above the subnormals, which XLA flushes to 0. Coefficients by
scripts/activation_polynomials.py. Tang 1989, doi:10.1145/63522.64389.
"""

import math

import jax
import jax.numpy as jnp

from assay._numerics._precision import derivative, is_double
from assay._numerics._words import at_least, at_most, polynomial
from assay.typing import Array

LIFT = 64
_LOG2 = 0.693145751953125, 1.4286068203094173e-06  # their sum; n · the first is exact
_EXPM1 = (
    1.00000001095,
    0.500000001368,
    0.166665035256,
    0.0416664628391,
    0.0083693405803,
    0.00139338809632,
)
_EXP2M1 = (
    0.693147188207,
    0.240226507621,
    0.0555035624795,
    0.00961808180726,
    0.00133913235926,
    0.00015453561402,
)
_EXP = (
    1.00000000254,
    0.999999641349,
    0.500008238319,
    0.166596011641,
    0.0419533112388,
    0.00774377558813,
    0.00197192583091,
)
# 1/1!, 1/2!, … 1/9!: on |x| ≤ 0.7 the next term is below 2⁻²⁶ of the sum.
_WIDE_EXPM1 = tuple(1 / math.factorial(k) for k in range(1, 10))


def _power(n: Array, lift: int = 0) -> Array:
    """2ⁿ⁺ˡⁱᶠᵗ for whole n: 0 where n + lift is −127, ∞ where it is 128."""
    bits = jax.lax.bitcast_convert_type(n + (2.0**23 + 127 + lift), jnp.int32)
    return jax.lax.bitcast_convert_type(bits << 23, jnp.float32)


def _parts(t: Array, low: Array | float, lift: int) -> tuple[Array, Array]:
    """(2ⁿ⁺ˡⁱᶠᵗ, q), eᵗ⁺ˡᵒʷ = 2ⁿ (1 + q), q as exact as a product."""
    n = jnp.round(t / math.log(2))
    r = (t - n * _LOG2[0]) - n * _LOG2[1] + low
    return _power(n, lift), r * polynomial(r, _EXPM1)


def fall(t: Array, lift: int = 0) -> Array:
    """t where 2ˡⁱᶠᵗ·eᵗ is no zero, and its end below: so that nothing overflows."""
    return at_least(t, -1600.0 if is_double(t) else -(127.4 + lift) * math.log(2))


def lifted(t: Array, low: Array | float = 0.0, lift: int = LIFT) -> Array:
    """2ˡⁱᶠᵗ·eᵗ⁺ˡᵒʷ for t ≤ 0 that `fall` gave and a small `low`."""
    if is_double(t):
        return jnp.exp(t + low) * 2.0**lift
    scale, q = _parts(t, low, lift)
    return scale + scale * q


def decay(t: Array) -> Array:
    """eᵗ for t ≤ 0."""
    t = fall(t)
    if is_double(t):
        return jnp.exp(t)
    scale, q = _parts(t, 0.0, 0)
    return scale * (1 + q)  # for scale · q may be subnormal


def decay_less_1(t: Array) -> Array:
    """eᵗ − 1 for t ≤ 0."""
    t = fall(t)
    if is_double(t):
        return jnp.expm1(t)
    scale, q = _parts(t, 0.0, 0)
    return (scale - 1) + scale * q


def decay2(high: Array, low: Array, lift: int = LIFT) -> Array:
    """2ˡⁱᶠᵗ⁻ʰⁱᵍʰ⁻ˡᵒʷ for high in [0, 190], exact, and a smaller low; float32."""
    n = jnp.round(high + low)
    r = (n - high) - low
    scale = _power(-n, lift)
    return scale + scale * (r * polynomial(r, _EXP2M1))


@jax.custom_jvp
def exp(x: Array) -> Array:
    """eˣ over the whole domain."""
    if is_double(x):
        return jnp.exp(x)
    x = at_most(at_least(x, -88.0), 89.0)
    n = jnp.floor(x / math.log(2))
    return _power(n) * polynomial((x - n * _LOG2[0]) - n * _LOG2[1], _EXP)


exp.defjvps(lambda t, y, x: t * y)


def expm1_over(x: Array) -> Array:
    """(eˣ − 1) / x for |x| ≤ 0.7, 1 at 0."""
    if is_double(x):
        return jnp.where(x == 0, 1, jnp.expm1(x) / jnp.where(x == 0, 1, x))
    return polynomial(x, _WIDE_EXPM1)


@derivative(exp)
def expm1_of_negative(x: Array) -> Array:
    """eˣ − 1 for x ≤ 0."""
    return decay_less_1(x)

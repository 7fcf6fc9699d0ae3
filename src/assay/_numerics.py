"""Arithmetic that accurate functions share: roundings known, overflow avoided.

Two words (high, low) stand for an exact sum. `jax.lax.reduce_precision` makes the high
words, since the compiler may neither fold nor contract across it: it turns (x − H) − L
into x − (H + L) and a·b − c into a fused multiply-add, and both break plain
formulations. Dekker 1971, doi:10.1007/BF01397083.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from assay.typing import Array, Axis


def wide(x: Any) -> Array:
    """`x` as a floating array of at least float32: half precision computes in float32.

    >>> wide(jnp.ones(2, jnp.bfloat16)).dtype
    dtype('float32')
    """
    x = jnp.asarray(x)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return x.astype(float)
    return x.astype(jnp.float32) if jnp.finfo(x.dtype).bits < 32 else x


def widest(*arrays: Array) -> tuple[Array, ...]:
    """All arrays in the widest of their dtypes, at least float32."""
    arrays = tuple(map(wide, arrays))
    dtype = max((a.dtype for a in arrays), key=lambda d: d.itemsize)
    return tuple(a.astype(dtype) for a in arrays)


def narrow(y: Array, like: Any) -> Array:
    """`y` rounded once to the dtype of the input it came from, if that was floating."""
    dtype = jnp.result_type(like)
    return y.astype(dtype) if jnp.issubdtype(dtype, jnp.floating) else y


def rounded_once(f: Callable) -> Callable:
    """`f` of one array first, computed in at least float32, rounded to x's dtype."""

    @functools.wraps(f)
    def rounded(x, *args, **kwargs):
        return narrow(f(wide(x), *args, **kwargs), x)

    return rounded


def compiled(f: Callable | None = None, *, static: Sequence[str] = ()) -> Callable:
    """`f` as one dispatch when called eagerly; inlined where a caller compiles.

    The outermost decorator: over `rounded_once`, which is over `derivative`. Python
    numbers arrive traced, so what is checked, or branched on, is outside or `static`.
    A plain function remains, for `pickle` and `inspect` know no other by its name.
    """
    if f is None:
        return functools.partial(compiled, static=static)
    program = jax.jit(f, inline=True, static_argnames=static)

    @functools.wraps(f)
    def call(*args, **kwargs):
        return program(*args, **kwargs)

    return call


def derivative(df: Callable) -> Callable:
    """Decorate an elementwise function of one array with its derivative `df`.

    `df` calls functions that have derivatives themselves, so every order follows.
    """

    def decorate(f):
        f = jax.custom_jvp(f)
        f.defjvps(lambda t, y, x: t * df(x))
        return f

    return decorate


def is_double(x: Array) -> bool:
    """Whether `x` is float64, for which float32's polynomials are too short."""
    return x.dtype == jnp.float64


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


def from_top(x: Array, axis: Axis) -> tuple[Array, Array, Array]:
    """x − max x over `axis`, the error of that difference, and where it is 0."""
    top = jnp.broadcast_to(jnp.max(x, axis, keepdims=True, initial=-jnp.inf), x.shape)
    return *difference(x, top), x == top


def beside_top(x: Array, axis: Axis) -> Array:
    """Σ e^(x − max x) − 1 by row: without one maximum, as log1p wants it."""
    d, error, at_top = from_top(x, axis)
    e = jnp.where(at_top, 0, jnp.exp(d) * (1 + error))
    ties = jnp.sum(at_top, axis, keepdims=True, dtype=x.dtype) - 1
    # The barrier keeps what follows from being computed once an entry, not once a row.
    return jax.lax.optimization_barrier(jnp.sum(e, axis, keepdims=True) + ties)


def mass(weight: Array, value: Array) -> Array:
    """weight · value, where no weight of an infinite value counts nothing."""
    return jnp.where(weight == 0, 0, weight * value)


# 1/1!, 1/2!, … 1/9!: on |x| ≤ 0.7 the next term is below 2⁻²⁶ of the sum.
_EXPM1 = tuple(1 / math.factorial(k) for k in range(1, 10))


def expm1_over(x: Array) -> Array:
    """(eˣ − 1) / x for |x| ≤ 0.7, 1 at 0."""
    if is_double(x):
        return jnp.where(x == 0, 1, jnp.expm1(x) / jnp.where(x == 0, 1, x))
    return polynomial(x, _EXPM1)


@derivative(lambda x: jnp.exp(x))
def expm1_of_negative(x: Array) -> Array:
    """eˣ − 1 for x ≤ 0; XLA's own is 4 ULP off and its derivative cancels (0.10)."""
    if is_double(x):
        return jnp.expm1(x)
    near = x * expm1_over(x)
    return jnp.where(x > -math.log(2), near, jnp.exp(x) - 1)

"""In which dtype a function computes, how it is compiled, which derivative it has."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from assay.typing import Array


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

    `df` calls functions that have derivatives themselves, so every order follows. On
    CPU it is fastest where f and `df` share no quotient or root: XLA computes a sum or
    product again in the second loop, but keeps those in memory, which costs more.
    """

    def decorate(f):
        f = jax.custom_jvp(f)
        f.defjvps(lambda t, y, x: t * df(x))
        return f

    return decorate


def derivatives(*dfs: Callable) -> Callable:
    """Decorate an elementwise function of equal shapes with its partial derivatives.

    One by which nobody differentiates is left out: it may be ∞, and 0 · ∞ is NaN.
    """

    def rule(f, primals, tangents):
        zero = jax.custom_derivatives.SymbolicZero
        pairs = zip(tangents, dfs, strict=True)
        terms = [t * df(*primals) for t, df in pairs if not isinstance(t, zero)]
        y = f(*primals)
        return y, functools.reduce(jnp.add, terms) if terms else jnp.zeros_like(y)

    def decorate(f):
        f = jax.custom_jvp(f)
        f.defjvp(functools.partial(rule, f), symbolic_zeros=True)
        return f

    return decorate


def is_double(x: Array) -> bool:
    """Whether `x` is float64, for which float32's polynomials are too short."""
    return x.dtype == jnp.float64


def slope_of(f: Callable) -> Callable:
    """f′ of an elementwise function of one array, as JAX derives it."""
    return lambda x: jax.jvp(f, (x,), (jnp.ones_like(x),))[1]

"""How far a schedule has come: fractions that keep their digits at both ends."""

import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.typing import Array, DType, Scalar


def values(*numbers: Scalar) -> list[Array]:
    """The numbers as arrays of one dtype, at least float32."""
    arrays = [jnp.asarray(arithmetic.number(n)) for n in numbers]
    dtype = arithmetic.wide(*arrays)
    return [a.astype(dtype) for a in arrays]


def since(count: Scalar, begin: Scalar, steps: Scalar = 1) -> Array:
    """max(count − begin, 0): an integer where all three are and int32 holds them."""
    count = jnp.asarray(count)
    begin, steps = arithmetic.number(begin), arithmetic.number(steps)
    if not all(isinstance(n, int) and n < 2**31 for n in (begin, steps)):
        count = arithmetic.widen(count)
    return jnp.maximum(count - begin, 0)


def fractions(
    count: Scalar, steps: Scalar, dtype: DType, begin: Scalar = 0
) -> tuple[Array, Array]:
    """(t/T, 1 − t/T), t = steps since `begin` until T; each rounded once.

    Every value between two is their sum with such weights: no difference of large
    numbers loses a small end.
    """
    steps = arithmetic.number(steps)
    done = jnp.minimum(since(count, begin, steps), steps)
    left = steps - done
    # Under jit XLA multiplies by 1/T, rounded: T · (1/T) may miss 1, so it is said.
    share = jnp.where(left == 0, 1, done.astype(dtype) / steps)
    return share, jnp.where(done == 0, 1, left.astype(dtype) / steps)


def powers(x: Array, rest: Array, exponent: Scalar) -> tuple[Array, Array]:
    """(xᵖ, 1 − xᵖ) with rest = 1 − x; neither cancels."""
    p = arithmetic.number(exponent)
    if isinstance(p, (int, float)) and p == 1:
        return x, rest
    p = jnp.asarray(p).astype(x.dtype)
    power, ended = x**p, rest >= 1
    log = jnp.log1p(-jnp.where(ended, 0, rest))
    return power, jnp.where(ended, 1 - power, -jnp.expm1(p * log))

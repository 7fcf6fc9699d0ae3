"""What the rules share: wide accumulators, betas never rounded, a root safe at zero."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from assay import _check
from assay.typing import Array, DType, PyTree, Scalar


def number(value: Scalar) -> Scalar:
    """Python and NumPy scalars as Python numbers, the rest as arrays of >= 32 bits."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.item()
    return value if isinstance(value, (int, float)) else widen(jnp.asarray(value))


def wide(*arrays: Any) -> DType:
    """float64 if any of the arrays has it, else float32."""
    some = any(jnp.result_type(a) == jnp.float64 for a in arrays)
    return jnp.float64 if some else jnp.float32


def widen(x: Array) -> Array:
    """The array in at least float32."""
    return jnp.asarray(x).astype(wide(x))


def like(value: Scalar, x: Array) -> Scalar:
    """A hyper-parameter in the dtype of `x`; a Python number stays exact until used."""
    return value if isinstance(value, (int, float)) else value.astype(x.dtype)


def complement(b: Scalar) -> Scalar:
    """1 − b, in double precision if b is a Python number."""
    return 1 - number(b)


def log_power(b: Scalar, t: Array) -> Array:
    """log bᵗ = t · log b, the digits of a Python b kept."""
    b = number(b)
    if not isinstance(b, (int, float)):
        return t * like(jnp.log1p(b - 1), t)
    if b <= 0:
        return jnp.full_like(t, -math.inf if b == 0 else math.nan)
    # log b in two words: t · high is exact in float32 up to step 4096.
    mantissa, exponent = math.frexp(math.log(b))
    high = math.ldexp(math.floor(mantissa * 4096), exponent - 12)
    return t * high + t * (math.log(b) - high)


def correction(b: Scalar, count: Array, dtype: DType) -> Array:
    """1 − bᵗ = −expm1(t · log b), which does not cancel where b is near 1."""
    t, b = count.astype(dtype), number(b)
    if isinstance(b, (int, float)):
        plain = jnp.ones_like(t) if b == 0 else 1 - b**t
        return plain if b <= 0 else -jnp.expm1(log_power(b, t))
    positive = b > 0  # of 0 the logarithm has no derivative, the power has
    near = -jnp.expm1(log_power(jnp.where(positive, b, 1), t))
    return jnp.where(positive, near, 1 - like(b, t) ** t)


def corrections(count: Array, moments: PyTree, *betas: Scalar) -> list[Array]:
    """1 − bᵗ for each of the betas, as wide as the widest moment."""
    dtype = wide(*jax.tree.leaves(moments))
    return [correction(b, count, dtype) for b in betas]


def increment(count: Array) -> Array:
    """count + 1, staying at the largest integer once it is there."""
    return count + (count < jnp.iinfo(count.dtype).max).astype(count.dtype)


def safe_sqrt(x: Array) -> Array:
    """√x, with derivative 0 at 0: the chain rule would give ∞ · 0 = nan there."""
    zero = x == 0
    return jnp.where(zero, 0, jnp.sqrt(jnp.where(zero, 1, x)))


def full_like(who: str, params: PyTree, value: Scalar, dtype: DType = None) -> PyTree:
    """An accumulator for every leaf: at least float32 unless `dtype` says otherwise."""

    def leaf(p):
        _check.floating(who, params=p)
        made = jnp.full_like(p, like(number(value), p), dtype=dtype or wide(p))
        # Of an array of its own: the state may be donated, a hyper-parameter not.
        return made if isinstance(value, (int, float)) else jnp.array(made, copy=True)

    return jax.tree.map(leaf, params)


def each(f: Callable, updates: PyTree, *rest: PyTree) -> PyTree:
    """f on every update, the result in the update's dtype; None stays None."""

    def leaf(g, *others):
        return None if g is None else f(widen(g), *others).astype(jnp.result_type(g))

    return jax.tree.map(leaf, updates, *rest, is_leaf=lambda g: g is None)


def accumulate(who: str, f: Callable, updates: PyTree, *moments: PyTree) -> PyTree:
    """f(update, *moments) on every leaf, in >= float32.

    A leaf without an update keeps its (first) moment, so the state keeps its structure.
    """

    def leaf(g, *ms):
        if g is None:
            return ms[0]
        if not all(jax.tree.leaves(m) for m in ms):
            todo = "Call init with the parameters that receive gradients."
            _check.fail(who, "every update needs its state", "a leaf without", todo)
        dtype = wide(g, *ms)
        return f(*(jnp.asarray(x).astype(dtype) for x in (g, *ms)))

    return jax.tree.map(leaf, updates, *moments, is_leaf=lambda g: g is None)


def decayed(x: Array, b: Scalar) -> Array:
    """b · x as x − (1 − b) x: b rounded to float32 would be off at every step."""
    return x - like(complement(b), x) * x


def toward(m: Array, g: Array, b: Scalar) -> Array:
    """m + (1 − b)(g − m): one rounding of m a step."""
    return m + like(complement(b), g) * (g - m)


def toward_square(v: Array, g: Array, b: Scalar) -> Array:
    """v + (1 − b)(g² − v)."""
    w = like(complement(b), g)
    # (w g) g, because g² alone overflows float32 beyond 1.8e19.
    return v + ((w * g) * g - w * v)


def ema(who: str, updates: PyTree, moments: PyTree, b: Scalar) -> PyTree:
    """m + (1 − b)(g − m): the average of the updates."""
    return accumulate(who, lambda g, m: toward(m, g, b), updates, moments)


def ema_square(who: str, updates: PyTree, moments: PyTree, b: Scalar) -> PyTree:
    """v + (1 − b)(g² − v): the average of the squared updates."""
    return accumulate(who, lambda g, v: toward_square(v, g, b), updates, moments)


def nesterov_head(
    who: str, updates: PyTree, mu: PyTree, b1: Scalar, count: Array, c1: Array
) -> PyTree:
    """c1 · (b1 m/(1 − b1ᵗ⁺¹) + (1 − b1) g/(1 − b1ᵗ)), to be divided by c1 after."""
    ahead = correction(b1, increment(count), c1.dtype)
    b, w = number(b1), complement(b1)
    ratio = like(b, c1) * c1 / ahead

    def leaf(g, m):
        return ratio.astype(m.dtype) * m + like(w, m) * g.astype(m.dtype)

    return accumulate(who, leaf, updates, mu)


def normalized(
    c1: Array, c2: Array, eps: Scalar, eps_root: Scalar = 0.0, eps_hat: bool = False
) -> Callable:
    """(g, m, v) -> m/c1 / (√(v/c2 + eps_root) + eps); with eps_hat + eps/√c2."""
    inside = c2 * like(number(eps_root), c2)
    outside = c1 * like(number(eps), c1)
    ratio = c1 / jnp.sqrt(c2)
    if eps_hat:
        outside = outside / jnp.sqrt(c2)

    def leaf(g, m, v):
        # Both corrections on the denominator: v / c2 would overflow first.
        root = safe_sqrt(v + inside.astype(v.dtype))
        below = root * ratio.astype(v.dtype)
        return m.astype(v.dtype) / (below + outside.astype(v.dtype))

    return leaf


def cast_like(tree: PyTree, old: PyTree) -> PyTree:
    """The new accumulators in the dtypes of the old ones."""
    return jax.tree.map(lambda x, o: x.astype(o.dtype), tree, old)

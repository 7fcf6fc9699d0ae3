"""How far a function of one array, and its two derivatives, are from their oracle."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay.verify import _points
from assay.verify.oracles import Oracle

ORDERS = ("value", "first", "second")
TINY = 2.0**-126  # below it float32 is subnormal, and XLA on CPU flushes to zero
EDGE = TINY * (1 + 2.0**-19)  # 16 ULP above: what may have been flushed on the way
ROOM = 2.0**-22  # what a second derivative may be off within BESIDE of its root
BESIDE = 1e-5
FAR = 16.0  # ULP: a limit that is further off is another
BLOCK = 2**16  # of inputs that the oracle is asked at once: the caches hold them
Orders = tuple[np.ndarray, np.ndarray, np.ndarray]


class Worst(NamedTuple):
    """The greatest error in ULP, and the input where it was met."""

    ulp: float
    at: float


class Accuracy(NamedTuple):
    """The worst of the value and of the derivatives over the finite inputs."""

    value: Worst
    first: Worst
    second: Worst
    limits: tuple[float, ...] = ()  # ±∞ and NaN where value or slope has no right limit

    @property
    def orders(self) -> tuple[Worst, Worst, Worst]:
        """The three, one after the other."""
        return self.value, self.first, self.second


def ulps(got: np.ndarray, true: np.ndarray) -> np.ndarray:
    """|got − true| / 2^(max(⌊log₂|true|⌋, −126) − 23), elementwise; `true` is float64.

    Infinity counts as 2¹²⁸, the next float. NaN agrees with NaN alone. Where the truth
    is subnormal, or 16 ULP above, zero is right.
    """
    got, true = (np.clip(y, -(2.0**128), 2.0**128) for y in (np.float64(got), true))
    exponent = np.frexp(np.maximum(np.abs(true), TINY))[1] - 1
    off = np.ldexp(np.abs(got - true), 23 - exponent)
    off[(np.abs(true) < EDGE) & (np.abs(got) < TINY)] = 0
    unequal = np.isnan(got) != np.isnan(true)
    return np.where(unequal, np.inf, np.where(np.isnan(true), 0, off))


class Half(NamedTuple):
    """A half-precision format: bits after the point, exponent of the least normal."""

    dtype: Any
    bits: int
    least: int

    def inputs(self) -> jax.Array:
        """Every finite number of the format that its computation does not flush."""
        every = jax.lax.bitcast_convert_type(
            np.arange(2**16, dtype=np.uint16), self.dtype
        )
        with np.errstate(invalid="ignore"):
            size = np.abs(np.asarray(every, np.float64))
        return every[np.isfinite(size) & ((size == 0) | (size >= TINY))]

    def ulps(self, got: Any, true: np.ndarray) -> np.ndarray:
        """|got − true| in its spacing; 0 where the truth is no normal number of it."""
        top = float(jnp.finfo(self.dtype).max)
        size = np.abs(true)
        exponent = np.frexp(np.where(size > 0, size, 1.0))[1] - 1
        with np.errstate(invalid="ignore"):
            off = np.ldexp(
                np.abs(np.asarray(got, np.float64) - true), self.bits - exponent
            )
        normal = (size >= 2.0**self.least) & (size <= top)
        return np.where(normal, np.nan_to_num(off, nan=np.inf), 0)


HALVES = Half(jnp.bfloat16, 7, -126), Half(jnp.float16, 10, -14)


def differentiated(f: Callable) -> Callable[[np.ndarray], Orders]:
    """x -> (f, f′, f″) of an elementwise JAX function: one program."""

    def slope(x):
        return jax.jvp(f, (x,), (jnp.ones_like(x),))

    @jax.jit
    def orders(x):
        (value, first), (_, second) = jax.jvp(slope, (x,), (jnp.ones_like(x),))
        return value, first, second

    return lambda x: tuple(map(np.asarray, orders(x)))  # type: ignore[return-value]


def truths(oracle: Oracle, x: np.ndarray) -> Orders:
    """(value, first, second) in float64 by the oracle in NumPy."""
    blocks = np.array_split(x.astype(np.float64), -(-x.size // BLOCK))
    with np.errstate(all="ignore"):  # limits are part of the inputs
        found = [np.concatenate([f(b) for b in blocks]) for f in oracle.orders]
    return tuple(found)  # type: ignore[return-value]


def inputs(oracle: Oracle, count: int, seed: int = 0) -> np.ndarray:
    """`count` random bit patterns, a quarter as many in the middle, what matters."""
    nan = np.array([np.nan], np.float32)
    drawn = _points.patterns(count, seed), _points.moderate(count // 4, seed)
    own = np.array([np.inf, -np.inf, *oracle.kinks], np.float32)
    x = np.concatenate([*drawn, _points.special(oracle), own])
    return np.concatenate([_points.inside(_points.flushed(x), oracle), nan])


def errors(got: Orders, true: Orders, oracle: Oracle, x: np.ndarray) -> Orders:
    """The ULP of each order at each input; 0 where nothing is promised, NaN for none.

    Derivatives have no value at a kink. A second derivative has no limit to keep at
    infinity, and is held to an absolute error beside its root.
    """
    found = [ulps(g, t) for g, t in zip(got, true, strict=True)]
    kink = np.isin(x, np.array(oracle.kinks, np.float32))
    found[1][kink] = 0
    found[2][kink | ~np.isfinite(x)] = 0
    for root in oracle.bends:
        near = np.flatnonzero(np.abs(x - root) <= BESIDE)
        close = near[np.abs(got[2][near] - true[2][near]) <= ROOM]
        found[2][close] = 0
    for order, g in enumerate(got):
        if np.isnan(g).all():  # a library that has no such derivative
            found[order][:] = np.nan
    return tuple(found)  # type: ignore[return-value]


def worst(errors: Orders, x: np.ndarray) -> Accuracy:
    """The greatest of each order and its input."""
    finite, found = np.isfinite(x), []
    for error in errors:
        at = int(np.where(finite, error, -1).argmax())
        found.append(Worst(float(error[at]), float(x[at])))
    off = np.fmax(errors[0], errors[1])
    ends = np.flatnonzero(~finite & (off > FAR))
    limits = {str(v): float(v) for v in x[ends]}  # NaN is not equal to NaN
    value, first, second = found
    return Accuracy(value, first, second, tuple(limits.values()))


def measure(f: Callable[[np.ndarray], Orders], oracle: Oracle, x: Any) -> Accuracy:
    """The worst errors of `f`, which maps inputs to (value, first, second)."""
    return worst(errors(f(x), truths(oracle, x), oracle, x), x)

"""What an oracle is, and the float64 arithmetic that keeps one free of cancellation.

Written over `x.__array_namespace__()`: the same function runs in NumPy and, under jit
with x64, in XLA. The error is below 2⁻⁴⁰ of the truth for inputs that float32 holds;
`scripts/oracles.py` checks that against mpmath and writes docs/oracles.md.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Root = tuple[float, float]  # (high, low): the root to 106 bits
NEAR = 1 / 16  # of a root: closer, the terms cancel too many bits


class Oracle(NamedTuple):
    """A function of one array and its first two derivatives, in float64."""

    value: Callable[[Any], Any]
    first: Callable[[Any], Any]
    second: Callable[[Any], Any]
    kinks: tuple[float, ...] = ()  # where a derivative jumps, or an edge of the domain
    roots: tuple[float, ...] = ()  # of the two derivatives, where they cross zero
    bends: tuple[float, ...] = ()  # those of the second derivative
    domain: tuple[float, float] = (-math.inf, math.inf)

    @property
    def orders(self) -> tuple[Callable, Callable, Callable]:
        """The value and the derivatives, one after the other."""
        return self.value, self.first, self.second


def namespace(x: Any) -> Any:
    """The module whose array `x` is: numpy or jax.numpy."""
    return x.__array_namespace__()


def apart(x: Any, root: Root) -> Any:
    """x − root with all digits; no difference that a compiler may fold into one."""
    high, low = root
    d = x - high
    return d * (1 - low / d)


Terms = Sequence[tuple[int, float, float]]  # (k, a, b): (a + b·x)·eᵏˣ


def exponentials(x: Any, terms: Terms) -> Any:
    """Σ (a + b·x)·eᵏˣ."""
    xp = namespace(x)
    return sum((a + b * x) * xp.exp(k * x) for k, a, b in terms)


def near_root(x: Any, d: Any, root: float, terms: Terms) -> Any:
    """Σ (a + b·x)·eᵏˣ where it is 0 at `root` and x = root + d: what is left of it.

    The terms less their values at the root, each of which is a multiple of d.
    """
    xp = namespace(x)
    return sum(
        math.exp(k * root) * (a + b * root) * xp.expm1(k * d) + b * d * xp.exp(k * x)
        for k, a, b in terms
    )


def rooted(x: Any, terms: Terms, roots: Sequence[Root], scale: float = 1.0) -> Any:
    """Σ (a + b·u)·eᵏᵘ, u = scale·x, accurate beside its roots, which are given in x."""
    xp, u = namespace(x), scale * x
    y = exponentials(u, terms)
    for root in roots:
        d = scale * apart(x, root)
        close = near_root(u, d, scale * root[0], terms)
        y = xp.where(abs(d) < NEAR, close, y)
    return y


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(4)


def integral(f: Callable[[Any], Any], start: float, d: Any) -> Any:
    """∫ f from `start` to start + d, |d| ≤ 1/16: Gauss and Legendre, four nodes."""
    nodes = zip((_NODES + 1) / 2, _WEIGHTS / 2, strict=True)
    return d * sum(float(w) * f(start + d * float(n)) for n, w in nodes)


def special(x: Any) -> Any:
    """scipy.special, or JAX's own of the same names."""
    if namespace(x) is np:
        import scipy.special

        return scipy.special
    import jax.scipy.special

    return jax.scipy.special

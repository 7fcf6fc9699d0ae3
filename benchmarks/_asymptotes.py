"""Where a function is a polynomial within a fraction of an ULP: checked instead of it.

A region gives the terms c₀ + c₁x + c₂x² + … that are compared with the function in
place of its oracle. The walk proves each with the oracle: at the edges, and at points
between them, the two may be `APART` ULP apart at most, and what they are apart is added
to the region's worst. That edges suffice: near 0 the terms are the Taylor series and
what is left out grows with |x|; far out it is a multiple of x·e^−|x| or e^(−x²/2),
which falls. So the edge nearest to where the function bends is the worst place.

Functions without a row are so cheap that their oracle is asked everywhere. Zeros,
subnormals, infinities and NaN are always compared with the oracle.
"""

import math
from typing import Any, NamedTuple

APART = 1 / 16  # ULP, oracle and terms at most
INFINITY = float("inf")
LN2 = math.log(2)
A = math.sqrt(8 / math.pi)  # gelu by tanh is x σ(A x + …)
SELU, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


class Region(NamedTuple):
    """low ≤ x ≤ high, and the terms by rising power."""

    low: float
    high: float
    terms: tuple[float, ...]

    def asymptote(self, x: Any) -> Any:
        """Σ cₖ xᵏ; no power is taken whose term is 0."""
        y = 0 * x + (self.terms[0] if self.terms else 0)
        for k, c in enumerate(self.terms[1:], 1):
            y = y + c * x**k if c else y
        return y


def near(edge: float, *terms: float) -> Region:
    """|x| ≤ edge."""
    return Region(-edge, edge, terms)


def below(edge: float, *terms: float) -> Region:
    """x ≤ edge; without terms, 0."""
    return Region(-INFINITY, edge, terms)


def above(edge: float, *terms: float) -> Region:
    """x ≥ edge; without terms, 0."""
    return Region(edge, INFINITY, terms)


def between(low: float, high: float, *terms: float) -> Region:
    """low ≤ x ≤ high."""
    return Region(low, high, terms)


class Regions(NamedTuple):
    """Those of the value, of the first derivative, of the second."""

    value: tuple[Region, ...] = ()
    first: tuple[Region, ...] = ()
    second: tuple[Region, ...] = ()


# e^−112 < 2^−160: nothing is left of it, or of 128 e^−128, in a float32.
_SIGMOID = near(2**-9, 1 / 2, 1 / 4), below(-112), above(32, 1)
_EXP = near(2**-10, 1, 1, 1 / 2), below(-112), above(96, INFINITY)
_SILU_SLOPE = near(2**-9, 1 / 2, 1 / 2), below(-128), above(32, 1)


def _elu(scale: float = 1.0, alpha: float = 1.0) -> Regions:
    """scale · x above 0, scale · alpha (eˣ − 1) below."""
    c = scale * alpha
    return Regions(
        (
            above(0, 0, scale),
            between(-(2**-9), 0, 0, c, c / 2, c / 6),
            below(-32, -c),
        ),
        (above(0, scale), between(-(2**-10), 0, c, c, c / 2), below(-112)),
    )


ASYMPTOTES: dict[str, Regions] = {
    "sigmoid": Regions(
        _SIGMOID,
        (near(2**-7, 1 / 4, 0, -1 / 16), below(-112), above(112)),
    ),
    "log_sigmoid": Regions(
        (near(2**-6, -LN2, 1 / 2, -1 / 8), below(-32, 0, 1), above(112)),
        (near(2**-9, 1 / 2, -1 / 4), below(-32, 1), above(112)),
    ),
    "softplus": Regions(
        (near(2**-6, LN2, 1 / 2, 1 / 8), below(-112), above(32, 0, 1)), _SIGMOID
    ),
    "silu": Regions(
        (near(2**-9, 0, 1 / 2, 1 / 4), below(-128), above(32, 0, 1)), _SILU_SLOPE
    ),
    "quick_gelu": Regions(
        (near(2**-10, 0, 1 / 2, 1.702 / 4), below(-72), above(32, 0, 1)),
        (near(2**-10, 1 / 2, 1.702 / 2), below(-72), above(32, 1)),
    ),
    "tanh": Regions(
        (near(2**-7, 0, 1, 0, -1 / 3), below(-16, -1), above(16, 1)),
        (near(2**-8, 1, 0, -1), below(-56), above(56)),
    ),
    "gelu": Regions(
        (near(2**-10, 0, 1 / 2, A / 4), below(-12), above(8, 0, 1)),
        (near(2**-10, 1 / 2, A / 2), below(-12), above(8, 1)),
    ),
    # x/2 + x²/√(2π), since Φ(x) is 1/2 + x φ(0) near 0.
    "gelu_exact": Regions(
        (near(2**-10, 0, 1 / 2, A / 4), below(-15), above(8, 0, 1)),
        (near(2**-10, 1 / 2, A / 2), below(-15), above(8, 1)),
    ),
    # tanh(log 2) = 3/5 and its next two derivatives along softplus.
    "mish": Regions(
        (near(2**-9, 0, 0.6, 0.32, -0.016), below(-128), above(16, 0, 1)),
        (near(2**-10, 0.6, 0.64, -0.048), below(-128), above(16, 1)),
    ),
    "log1mexp": Regions((above(112),), (above(112),)),
    "tanh_shrink": Regions(
        (
            near(2**-7, 0, 0, 0, 1 / 3, 0, -2 / 15),
            below(-16, 1, 1),
            above(16, -1, 1),
        ),
        (near(2**-8, 0, 0, 1, 0, -2 / 3), below(-16, 1), above(16, 1)),
    ),
    "exponential": Regions(_EXP, _EXP),
    "elu": _elu(),
    "celu": _elu(),
    "selu": _elu(SELU, SELU_ALPHA),
}

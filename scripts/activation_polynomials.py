"""The polynomials and roots of `assay.activations` and `assay._numerics`. Needs mpmath.

Each approximates a function that has neither pole nor root where it is used, from its
values at Chebyshev's points, to a tenth of half an ULP. A ROOT polynomial is that of
f(H + u) in u, H the float32 nearest to a root of f: its constant f(H) is tiny and not
zero, u = x − H is exact, and no second word of the root is needed.
"""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import mpmath as mp
import numpy as np

mp.mp.dps = 50
A = mp.sqrt(8 / mp.pi)  # gelu by tanh is x σ(E), E(x) = x (A + B x²)
B = A * mp.mpf("0.044715")
QUICK = mp.mpf("1.702")


class Fit(NamedTuple):
    """A polynomial of z in [low, high] to be found."""

    name: str
    f: Callable
    low: float
    high: float
    error: float = 0.1  # allowed, in units of 2⁻²⁴


def chebyshev(fit: Fit, degree: int) -> list:
    """Coefficients of the interpolant in powers of z, lowest first."""
    n, low, high = degree + 1, mp.mpf(fit.low), mp.mpf(fit.high)
    points = [mp.cos(mp.pi * (2 * k + 1) / (2 * n)) for k in range(n)]
    points = [(low + high) / 2 + (high - low) / 2 * p for p in points]
    rows = mp.matrix([[z**k for k in range(n)] for z in points])
    return list(mp.lu_solve(rows, mp.matrix([fit.f(z) for z in points])))


def worst(fit: Fit, coefficients: list) -> float:
    """The greatest relative error, in units of 2⁻²⁴."""
    grid = [fit.low + (fit.high - fit.low) * mp.mpf(k) / 400 for k in range(401)]
    pairs = [(fit.f(z), mp.polyval(coefficients[::-1], z)) for z in grid]
    return float(max(abs(got / true - 1) for true, got in pairs) * 2**24)


def shortest(fit: Fit) -> tuple[list, float]:
    """The coefficients of the lowest degree that is exact enough, and their error."""
    for degree in range(3, 20):
        coefficients = chebyshev(fit, degree)
        if (error := worst(fit, coefficients)) < fit.error:
            break
    return coefficients, error


def show(name: str, coefficients: Iterable, error: float) -> None:
    print(f"{name} = (  # error {error:.2f} · 2⁻²⁴")
    print(*(f"    {float(c):.12g}," for c in coefficients), ")", sep="\n")


def over(f: Callable, power: int = 1, limit: float = 1.0) -> Callable:
    """f(z) / zᵏ, with its limit at 0."""
    return lambda z: f(z) / z**power if abs(z) > 1e-20 else mp.mpf(limit)


def exp2m1(z):
    """2ᶻ − 1."""
    return mp.expm1(z * mp.log(2))


def of_square(f: Callable, power: int, limit: float) -> Callable:
    """f(x) / xᵏ as a function of x²."""
    return lambda z: over(f, power, limit)(mp.sqrt(z))


def mills(t):
    """(1 − Φ(t)) / φ(t)."""
    return mp.sqrt(mp.pi / 2) * mp.exp(t * t / 2) * mp.erfc(t / mp.sqrt(2))


def from_z(f: Callable) -> Callable:
    """f(t) as a function of z = (t − 2) / (t + 2)."""
    return lambda z: f(2 * (1 + z) / (1 - z))


MILLS_ROOT = mp.findroot(lambda t: mills(t) - t, 0.75)
FITS = [
    Fit("_EXPM1", over(mp.expm1), -0.3475, 0.3475, 0.5),
    Fit("_EXP", mp.exp, 0, 0.6935),
    Fit("_EXP2M1", over(exp2m1, 1, mp.log(2)), -0.502, 0.502, 0.5),
    Fit("_LOG1P", over(mp.log1p), 0, 1),
    Fit("_LOG1M", over(lambda z: mp.log1p(-z), 1, -1), 0, 0.5),
    Fit("_ATANH", of_square(lambda v: 2 * mp.atanh(v), 1, 2), 0, 0.25),
    Fit("_LOG_COSH", of_square(lambda x: mp.log(mp.cosh(x)), 2, 0.5), 0, 1),
    Fit("_TAIL", from_z(lambda t: (t + 2) * mills(t) / mp.sqrt(2 * mp.pi)), -1, 0.76),
    Fit(
        "_SLOPE",
        from_z(lambda t: (mills(t) - t) / (t - MILLS_ROOT) / mp.sqrt(2 * mp.pi)),
        -1,
        0.76,
    ),
]


def gate(x):
    """1 + eˣ + x, of silu′ = σ(x) σ(−x) (1 + eˣ + x) eˣ/eˣ."""
    return 1 + mp.exp(x) + x


def gate_bend(x):
    """2 (1 + eˣ) + x (1 − eˣ), of silu″."""
    return 2 * (1 + mp.exp(x)) + x * (1 - mp.exp(x))


def mish(x):
    """The numerator of mish′ over eˣ."""
    e = mp.exp(x)
    return 4 * (1 + x) + e * (4 * x + 6) + 4 * e**2 + e**3


def mish_bend(x):
    """The numerator of mish″ over 4eˣ."""
    e = mp.exp(x)
    return 4 + 2 * x + e * (8 + 2 * x) + e**2 * (6 - 3 * x) + e**3 * (2 - 2 * x)


def mish_bend_right(x):
    """The same over e³ˣ."""
    return mish_bend(x) * mp.exp(-3 * x)


def tanh_gelu(t):
    """1 + e⁻ᴱ − t E′(t) at t = −x, of the derivative of gelu by tanh."""
    return 1 + mp.exp(-t * (A + B * t * t)) - t * (A + 3 * B * t * t)


def tanh_gelu_bend(t):
    """(2E′ + t E″)(1 + e⁻ᴱ) − t E′² (1 − e⁻ᴱ), of its second derivative."""
    e, slope = mp.exp(-t * (A + B * t * t)), A + 3 * B * t * t
    return (2 * slope + 6 * B * t * t) * (1 + e) - t * slope**2 * (1 - e)


ROOTS = [
    ("_GATE", gate, -1.278, 0.2),
    ("_GATE_BEND", gate_bend, -2.399, 0.25),
    ("_QUICK", lambda x: gate(QUICK * x), -0.751, 0.12),
    ("_QUICK_BEND", lambda x: gate_bend(QUICK * x), -1.41, 0.2),
    ("_MISH", mish, -1.192, 0.2),
    ("_MISH_BEND_LEFT", mish_bend, -2.256, 0.3),
    ("_MISH_BEND_RIGHT", mish_bend_right, 1.49, 0.3),
    ("_TANH_GELU", tanh_gelu, 0.7525, 0.25),
    ("_TANH_GELU_BEND", tanh_gelu_bend, 1.4185, 0.5),
]


def show_root(name: str, f: Callable, start: float, width: float) -> None:
    """Where f crosses 0, and f(H + u) for |u| ≤ width."""
    root = mp.findroot(f, start)
    nearest = mp.mpf(float(np.float32(float(root))))
    at = f(nearest)
    slope = mp.diff(f, nearest)
    rest = Fit(name, over(lambda u: f(nearest + u) - at, 1, slope), -width, width, 0.5)
    coefficients, error = shortest(rest)
    print(f"{name}_ROOT = {float(nearest)!r}  # of {mp.nstr(root, 18)}")
    show(name, [at, *coefficients], error)


class Quotient(NamedTuple):
    """Two polynomials of z = x² whose quotient is f(√z), for x in [0, 9.02]."""

    names: tuple[str, str]
    f: Callable
    degrees: tuple[int, int]


TOP = 9.02  # tanh of it is 1 in float32, and x − tanh x is x − 1
QUOTIENTS = [
    Quotient(
        ("_SHRINK_OVER", "_SHRINK_UNDER"),
        over(lambda x: x - mp.tanh(x), 3, 1 / mp.mpf(3)),
        (4, 5),
    ),
]


def quotient(fit: Quotient) -> tuple[np.ndarray, np.ndarray, float]:
    """The quotient of least relative error: least squares, weighted anew by Lawson.

    Sanathanan and Koerner 1963, doi:10.1109/TAC.1963.1105517, divide by the last
    denominator. In Chebyshev's polynomials, which keep float64 well conditioned.
    """
    p, q = fit.degrees
    x = TOP * (1 - np.cos(np.pi * (np.arange(600) + 0.5) / 600)) / 2
    f = np.array([float(fit.f(mp.mpf(v))) for v in x])
    basis = np.polynomial.chebyshev.chebvander(2 * (x / TOP) ** 2 - 1, max(p, q))
    weight, under, best = np.ones(600), np.ones(600), (np.inf,)
    for step in range(200):
        scale = np.sqrt(weight) / (f * under)
        rows = np.hstack([basis[:, : p + 1], -f[:, None] * basis[:, 1 : q + 1]])
        c = np.linalg.lstsq(rows * scale[:, None], f * scale, rcond=None)[0]
        under = 1 + basis[:, 1 : q + 1] @ c[p + 1 :]
        error = np.abs(basis[:, : p + 1] @ c[: p + 1] / under / f - 1)
        if error.max() < best[0]:
            best = error.max(), c[: p + 1], np.append(1, c[p + 1 :])
        weight = weight * error if step > 5 else weight
        weight = weight / weight.sum()
    over_, under_ = (_powers(c) for c in best[1:])
    return over_ / under_[0], under_ / under_[0], best[0] * 2**24


def _powers(c: np.ndarray) -> np.ndarray:
    """Chebyshev's coefficients in 2z/TOP² − 1 as those of powers of z."""
    series = np.polynomial.Chebyshev(c, domain=[0, TOP**2])
    return series.convert(kind=np.polynomial.Polynomial).coef


def words(name: str, c, bits: int) -> None:
    """c = high + low, high of so many bits."""
    mantissa, exponent = math.frexp(float(c))
    high = math.ldexp(round(math.ldexp(mantissa, bits)), exponent - bits)
    print(f"{name} = {high!r}, {float(c - mp.mpf(high))!r}")


def main() -> None:
    words("_LOG2", mp.log(2), 16)
    words("_QUICK_SLOPE", QUICK, 12)
    words("_CUBIC", B / mp.log(2), 8)
    words("_LINEAR", A / mp.log(2), 16)
    nearest = float(np.float32(float(MILLS_ROOT)))
    past = MILLS_ROOT - nearest
    slope = mp.diff(lambda t: (mills(t) - t) / mp.sqrt(2 * mp.pi), MILLS_ROOT)
    print("_GELU_ROOT, _AT_ROOT =", nearest, float(past * slope))
    for fit in FITS:
        show(fit.name, *shortest(fit))
    for root in ROOTS:
        show_root(*root)
    for fit in QUOTIENTS:
        *parts, error = quotient(fit)
        for name, coefficients in zip(fit.names, parts, strict=True):
            show(name, coefficients, error)


if __name__ == "__main__":
    main()

"""gelu, exact and by tanh."""

import math

from assay.verify.oracles._oracle import (
    NEAR,
    Oracle,
    Root,
    apart,
    integral,
    namespace,
    special,
)

GELU_ROOT: Root = (-0.7517915246935645, 1.4956759177009883e-17)
TANH_ROOT: Root = (-0.7524614220710163, 3.635560509207687e-17)
TANH_BEND: Root = (1.4185040087908283, 8.089265124388305e-17)
A = math.sqrt(8 / math.pi)
B = 0.044715 * A


def density(x):
    """φ(x); x² is exact in float64 for a float32 x."""
    return namespace(x).exp(-x * x / 2) / math.sqrt(2 * math.pi)


def mass(x):
    """Φ(x)."""
    return special(x).erfc(-x / math.sqrt(2)) / 2


def gelu(x):
    """x Φ(x)."""
    x = namespace(x).maximum(x, -37.0)
    return x * mass(x)


def dgelu(x):
    """Φ(x) + x φ(x); beside its root the integral of its derivative."""
    xp = namespace(x)
    x = xp.clip(x, -37.0, 37.0)
    d = apart(x, GELU_ROOT)
    close = integral(ddgelu, GELU_ROOT[0], xp.clip(d, -NEAR, NEAR))
    return xp.where(abs(d) < NEAR, close, mass(x) + x * density(x))


def ddgelu(x):
    """(2 − x²) φ(x)."""
    x = namespace(x).clip(x, -37.0, 37.0)
    return (2 - x * x) * density(x)


def _parts(x):
    """(x where e^E fits, E′, e^−|E|), for E(x) = x (A + B x²): gelu is x σ(E)."""
    xp = namespace(x)
    x = xp.clip(x, -15.0, 15.0)
    w = B * x * x
    return x, A + 3 * w, xp.exp(-abs(x * (A + w)))


def tanh_gelu(x):
    """x σ(E(x))."""
    xp = namespace(x)
    _, _, e = _parts(x)
    return xp.maximum(x, -15.0) * xp.where(x < 0, e, 1.0) / (1 + e)


def dtanh_gelu(x):
    """σ(E) σ(−E) (1 + e^E + x E′), the last factor without its value at the root."""
    xp = namespace(x)
    x, slope, e = _parts(x)
    d, root = apart(x, TANH_ROOT), TANH_ROOT[0]
    sums = B * (x * x + x * root + root * root)  # (E(x) − E(root))/d is A more
    level = math.exp(root * (A + B * root * root))
    close = level * xp.expm1(d * (A + sums)) + d * (A + 3 * sums)
    below = e * xp.where(abs(d) < NEAR, close, 1 + e + x * slope)
    return xp.where(x < 0, below, 1 + e * (1 + x * slope)) / (1 + e) ** 2


def ddtanh_gelu(x):
    """σ(E) σ(−E) (2E′ + x E″ − x E′² tanh(E/2)), even in x."""
    xp = namespace(x)
    x, slope, e = _parts(abs(x))
    far = 2 * A + 12 * B * x * x - x * slope**2 * (1 - e) / (1 + e)
    close = _bend_near(x, apart(x, TANH_BEND), slope, e)
    return e / (1 + e) ** 2 * xp.where(abs(x - TANH_BEND[0]) < NEAR, close, far)


def _bend_near(x, d, slope, e):
    """The bracket of the second derivative less its value at the root r = x − d.

    tanh(E/2) − tanh(E(r)/2) is 2 (e^(E − E(r)) − 1) over (1 + e^E)(1 + e^−E(r)).
    """
    r = TANH_BEND[0]
    level, r_slope = math.exp(-r * (A + B * r * r)), A + 3 * B * r * r
    rise = namespace(x).expm1(d * (A + B * (x * x + x * r + r * r)))
    bend = 2 * rise * e / ((1 + e) * (1 + level))
    quartic = x**4 + x**3 * r + x * x * r * r + x * r**3 + r**4
    drift = A * A + 6 * A * B * (x * x + x * r + r * r) + 9 * B * B * quartic
    return d * (12 * B * (x + r) - drift * (1 - e) / (1 + e)) - r * r_slope**2 * bend


_BENDS = (-TANH_BEND[0], TANH_BEND[0])
_ROOTS2 = (-math.sqrt(2), math.sqrt(2))

GELUS = {
    "gelu": Oracle(
        tanh_gelu, dtanh_gelu, ddtanh_gelu, (), (TANH_ROOT[0], *_BENDS), _BENDS
    ),
    "gelu_exact": Oracle(gelu, dgelu, ddgelu, (), (GELU_ROOT[0], *_ROOTS2), _ROOTS2),
}

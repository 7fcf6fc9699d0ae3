"""Functions by roots, quotients, sines and squares."""

import math

from assay.verify.oracles._oracle import Oracle, namespace
from assay.verify.oracles._sigmoid import ddtanh, sech2, tanh


def soft_sign(x):
    """x / (1 + |x|), written so that infinity has its limit."""
    return namespace(x).sign(x) / (1 + 1 / abs(x))


def dsoft_sign(x):
    return 1 / (1 + abs(x)) ** 2


def ddsoft_sign(x):
    return -2 * namespace(x).sign(x) / (1 + abs(x)) ** 3


SQUARE = 4.0  # b of squareplus


def _hypotenuse(x):
    """(|x|, √(x² + b))."""
    xp = namespace(x)
    size = xp.minimum(abs(x), 1e100)
    return size, xp.sqrt(size * size + SQUARE)


def squareplus(x):
    """(x + √(x² + b))/2; below 0 as b/2 over the conjugate."""
    size, root = _hypotenuse(x)
    xp = namespace(x)
    return xp.where(
        x < 0, SQUARE / 2 / (root + size), xp.maximum(x, 0.0) / 2 + root / 2
    )


def dsquareplus(x):
    size, root = _hypotenuse(x)
    below = SQUARE / (2 * root * (root + size))
    return namespace(x).where(x < 0, below, (root + size) / (2 * root))


def ddsquareplus(x):
    _, root = _hypotenuse(x)
    return SQUARE / (2 * root**3)


def squareplus_value(x):
    """Infinity at infinity, which the hypotenuse leaves out."""
    return namespace(x).where(x > 1e100, x, squareplus(x))


def gaussian(x):
    """e^−x²; x² is exact for a float32 x."""
    return namespace(x).exp(-x * x)


def _near(x):
    return namespace(x).clip(x, -1e6, 1e6)


def dgaussian(x):
    x = _near(x)
    return -2 * x * gaussian(x)


def ddgaussian(x):
    x = _near(x)
    return (4 * x * x - 2) * gaussian(x)


CAP = 30.0


def soft_cap(x):
    return CAP * tanh(x / CAP)


def dsoft_cap(x):
    return sech2(x / CAP)


def ddsoft_cap(x):
    return ddtanh(x / CAP) / CAP


def sin(x):
    return namespace(x).sin(x)


def cos(x):
    return namespace(x).cos(x)


# π in three words, the first two of 24 bits: a multiple below 2²⁸ of them is exact.
_PI = 3.1415927410125732, -8.742277657347586e-08, -3.4302489988857658e-15


def _quarter_turn(x):
    """x + π/4 less the nearest multiple of π, for |x| < 2²⁴."""
    m = 4 * namespace(x).round((x / math.pi) + 0.25) - 1
    for part in _PI:
        x = x - m * (part / 4)
    return x


def snake(x):
    """x + sin² x."""
    return x + sin(x) ** 2


def dsnake(x):
    """1 + sin 2x = 2 sin²(x + π/4), whose roots are double."""
    return 2 * sin(_quarter_turn(x)) ** 2


def ddsnake(x):
    return 2 * cos(2 * x)


RATIONALS = {
    "soft_sign": Oracle(soft_sign, dsoft_sign, ddsoft_sign, (0.0,)),
    "squareplus": Oracle(squareplus_value, dsquareplus, ddsquareplus),
    "gaussian": Oracle(
        gaussian,
        dgaussian,
        ddgaussian,
        (),
        (0.0, -math.sqrt(0.5), math.sqrt(0.5)),
        (-math.sqrt(0.5), math.sqrt(0.5)),
    ),
    "soft_cap": Oracle(soft_cap, dsoft_cap, ddsoft_cap, (), (0.0,)),
    "sine": Oracle(sin, cos, lambda x: -sin(x)),
    "snake": Oracle(snake, dsnake, ddsnake, domain=(-(2.0**24), 2.0**24)),
}

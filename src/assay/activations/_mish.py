"""mish."""

import jax.numpy as jnp

from assay import _numerics
from assay._numerics import LIFT, compiled, derivative, rounded_once, slope_of
from assay.activations._sigmoid import sigmoid, softplus
from assay.activations._tanh import _sech2, tanh
from assay.typing import Array, Float

_DROP = 2.0**-LIFT

# By scripts/activation_polynomials.py: f(ROOT + u) by powers of u.
_ROOT = -1.1924312114715576
_SLOPE = (
    1.95054427914e-08,
    6.40796414061,
    2.26320745961,
    1.28616127019,
    0.557812039109,
    0.209935154454,
    0.0721123091991,
)
_LEFT_ROOT = -2.2563765048980713
_LEFT = (
    -3.0846579506e-07,
    2.8420262379,
    0.633140057571,
    0.309847206836,
    0.114533210747,
    0.0348370148898,
    0.00889362119994,
)
_RIGHT_ROOT = 1.490571141242981
_RIGHT = (
    1.62501061795e-07,
    -4.24923286574,
    2.04960175405,
    -1.1912888699,
    0.529463459075,
    -0.196353764298,
    0.0637240998306,
    -0.0177341766882,
)


def _parts(size):
    """(−|x|, 2ᴸ·e, e, the denominator of tanh(softplus(x))), e = e^−|x|."""
    t = _numerics.fall(size, LIFT)
    lifted = _numerics.lifted(t)
    return t, lifted, lifted * _DROP


def _under(x, e):
    """e² + 2e + 2 below 0, 2e² + 2e + 1 above."""
    k = jnp.where(x < 0, 1, jnp.full_like(x, 2))
    return (3 - k) + e * (2 + k * e)


def _beside(far, u, coefficients, width):
    near = _numerics.polynomial(u, coefficients)
    return jnp.where(jnp.abs(u) < width, near, far)


def _bend_plain(x):
    x = jnp.clip(x, -1600, 1600)
    s, y = sigmoid(x), softplus(x)
    return _sech2(y) * s * (2 + x * (1 - s) - 2 * x * s * tanh(y))


@derivative(slope_of(_bend_plain))
def _ddmish(x):
    """Over 4 e^−|x|/δ³: a sum of powers of e^−|x| whose factors are linear in x."""
    if _numerics.is_double(x):
        return _bend_plain(x)
    t, lifted, e = _parts(-jnp.abs(x))
    left = 4 + 2 * t + e * (8 + 2 * t + e * (6 - 3 * t + e * (2 - 2 * t)))
    left = _beside(left, t - _LEFT_ROOT, _LEFT, 0.3)
    right = 2 + 2 * t + e * (6 + 3 * t + e * (8 - 2 * t + e * (4 - 2 * t)))
    right = e * _beside(right, -t - _RIGHT_ROOT, _RIGHT, 0.3)
    under = _under(x, e)
    top = 4 * lifted * jnp.where(x < 0, left, right) * _DROP
    return top / (under * under * under)


@derivative(_ddmish)
def _dmish(x):
    t, lifted, e = _parts(-jnp.abs(x))
    below = 4 + 4 * t + e * (6 + 4 * t + e * (4 + e))
    if not _numerics.is_double(x):
        below = _beside(below, t - _ROOT, _SLOPE, 0.2)
    above = 1 + e * (4 + e * (6 - 4 * t + 4 * e * (1 - t)))
    under = _under(x, e)
    return jnp.where(x < 0, lifted * below * _DROP, above) / (under * under)


@compiled
@rounded_once
@derivative(_dmish)
def mish(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """x · tanh(log(1 + eˣ)).

    >>> mish(jnp.array([0.0, 1.0])).tolist()
    [0.0, 0.8650...]

    Misra 2019, arXiv:1908.08681.

    Float32, CPU: within 4 ULP; derivatives 7 and 9.
    """
    t, lifted, e = _parts(-jnp.abs(x))
    over = jnp.where(x < 0, lifted * (2 * t + t * e) * _DROP, x - 2 * e * t)
    return over / _under(x, e)

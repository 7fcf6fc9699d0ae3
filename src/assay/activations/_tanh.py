"""tanh and what it leaves of x."""

import jax.numpy as jnp

from assay import _numerics
from assay._numerics import LIFT, compiled, derivative, rounded_once
from assay.typing import Array, Float

_DROP = 2.0**-LIFT

# By scripts/activation_polynomials.py: (x − tanh x) / x³ as a quotient of polynomials
# of x², |x| ≤ _TOP. No coefficient is negative, so that nothing cancels.
_TOP = 9.02
_SHRINK_OVER = (
    0.333333333329,
    0.0248444999207,
    0.000463170572456,
    2.55447028341e-06,
    3.06088384044e-09,
)
_SHRINK_UNDER = (
    1.0,
    0.474533499645,
    0.029298149848,
    0.000506155558038,
    2.66969326566e-06,
    3.10011272331e-09,
)


def _lifted(x):
    """(2ᴸ·w, 1 + w), w = e^−2|x|."""
    w = _numerics.lifted(_numerics.fall(-2 * jnp.abs(x), LIFT))
    return w, 1 + w * _DROP


def _bend_plain(x):
    return -2 * tanh(x) * _sech2(x)


@derivative(_numerics.slope_of(_bend_plain))
def _dsech2(x):
    """−2 tanh x / cosh² x."""
    m = _numerics.decay_less_1(-2 * jnp.abs(x))
    w, under = _lifted(x)
    return jnp.sign(x) * (8 * m * w * _DROP) / (under * under * under)


@derivative(_dsech2)
def _sech2(x):
    """tanh′ = 1 / cosh² x, without the cancellation of 1 − tanh² x."""
    w, under = _lifted(x)
    return 4 * w * _DROP / (under * under)


@compiled
@rounded_once
@derivative(_sech2)
def tanh(x: Float[Array, "*shape"], /) -> Float[Array, "*shape"]:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ).

    >>> tanh(jnp.array([0.0, 20.0])).tolist()
    [0.0, 1.0]

    Float32, CPU: within 3 ULP; derivatives 5 and 8.
    """
    # A quotient of polynomials, as XLA's, is a quarter faster and twice as far off.
    m = _numerics.decay_less_1(-2 * jnp.abs(x))
    return _numerics.signed(jnp.abs(m) / (2 + m), x)


@derivative(lambda x: -_dsech2(x))
def _tanh_square(x):
    y = tanh(x)
    return y * y


@compiled
@rounded_once
@derivative(_tanh_square)
def tanh_shrink(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """x − tanh x.

    >>> tanh_shrink(jnp.array([0.0, 1.0])).tolist()
    [0.0, 0.2384...]

    Float32, CPU: within 5 ULP; derivatives 8 and 8.
    """
    if _numerics.is_double(x):
        return x - tanh(x)
    near = _numerics.at_most(_numerics.at_least(x, -_TOP), _TOP)
    square = near * near
    over = near * square * _numerics.polynomial(square, _SHRINK_OVER)
    return (x - near) + over / _numerics.polynomial(square, _SHRINK_UNDER)

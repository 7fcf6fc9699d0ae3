"""tanh and what it leaves of x."""

import jax.numpy as jnp

from assay import _numerics
from assay._numerics import LIFT, compiled, derivative, rounded_once
from assay.typing import Array, Float

_DROP = 2.0**-LIFT


def _lifted(x):
    """(2ᴸ·w, 1 + w), w = e^−2|x|."""
    w = _numerics.lifted(_numerics.fall(2 * _numerics.mirrored(x), LIFT))
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
    m = _numerics.decay_less_1(-2 * jnp.abs(x))
    return _numerics.signed(jnp.abs(m) / (2 + m), x)


# (x − tanh x) / x³ by powers of x² ≤ 1; scripts/activation_polynomials.py.
_SHRINK = (
    0.333333331567,
    -0.133333106555,
    0.0539634147544,
    -0.0218295488431,
    0.00869784759281,
    -0.00320680338685,
    0.000923500846348,
    -0.000142793187996,
)


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

    Float32, CPU: within 4 ULP; derivatives 8 and 8.
    """
    if _numerics.is_double(x):
        return x - tanh(x)
    size, square = jnp.abs(x), x * x
    near = size * square * _numerics.polynomial(square, _SHRINK)
    w = _numerics.decay(-2 * size)
    return _numerics.signed(jnp.where(size < 1, near, (size - 1) + 2 * w / (1 + w)), x)

"""exponential, and logarithms beside 0 and 1: logit, log1mexp."""

import jax.numpy as jnp

from assay import _numerics
from assay._numerics import compiled, derivative, rounded_once
from assay.typing import Array, Float

# By scripts/activation_polynomials.py: 2 atanh(v) / v by powers of v², v² ≤ 1/4, and
# log(1 − e) / e by powers of e ≤ 1/2.
_ATANH = (
    2.00000000233,
    0.666665755807,
    0.400057614848,
    0.284363445886,
    0.237042607564,
    0.101019619315,
    0.355342855619,
)
_LOG1M = (
    -0.999999996997,
    -0.500001198584,
    -0.333255162001,
    -0.251956794261,
    -0.175440772681,
    -0.340746471306,
    0.590088702501,
    -1.95987057249,
    2.45896187793,
    -1.73361194735,
)


@compiled
@rounded_once
def exponential(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """eˣ.

    >>> exponential(jnp.array([0.0, 1.0])).tolist()
    [1.0, 2.718...]

    Float32, CPU: within 2 ULP; derivatives 2 and 2.
    """
    return _numerics.exp(x)


def _within(x, low, high):
    """x, NaN outside [low, high]."""
    return jnp.where((x < low) | (x > high), jnp.nan, x)


def _ddlogit(x):
    r = _dlogit_plain(x)
    return (2 * x - 1) * r * r


def _dlogit_plain(x):
    x = _within(x, 0, 1)
    return 1 / (x * (1 - x))


@derivative(_ddlogit)
def _dlogit(x):
    """1 / (x (1 − x))."""
    return _dlogit_plain(x)


@derivative(_dlogit)
def _logit(x):
    twice = 2 * x - 1  # exact where the polynomial is taken
    odds = x / (1 - x)
    if _numerics.is_double(x):
        near = jnp.log1p(twice / (1 - x))
    else:
        near = twice * _numerics.polynomial(twice * twice, _ATANH)
    return jnp.where(jnp.abs(twice) < 0.5, near, jnp.log(odds))


@compiled
@rounded_once
def logit(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """log(x / (1 − x)), the inverse of sigmoid; NaN outside [0, 1].

    >>> logit(jnp.array([0.5, 1.0])).tolist()
    [0.0, inf]

    Float32, CPU: within 2 ULP; derivatives 3 and 7.
    """
    return _logit(x)


def _ddlog1mexp(x):
    x = _within(x, 0, jnp.inf)
    r = 1 / _numerics.decay_less_1(-x)
    return -_numerics.decay(-x) * r * r


@derivative(_ddlog1mexp)
def _dlog1mexp(x):
    """1 / (eˣ − 1)."""
    x = _within(x, 0, jnp.inf)
    return _numerics.decay(-x) / jnp.abs(_numerics.decay_less_1(-x))


@compiled
@rounded_once
@derivative(_dlog1mexp)
def log1mexp(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """log(1 − e⁻ˣ); NaN below 0.

    >>> log1mexp(jnp.array([0.0, 1.0])).tolist()
    [-inf, -0.4586...]

    Mächler 2012, https://cran.r-project.org/package=Rmpfr/vignettes/log1mexp-note.pdf.

    Float32, CPU: within 3 ULP; derivatives 3 and 7.
    """
    x = _within(x, 0, jnp.inf)
    e = _numerics.decay(-x)
    if _numerics.is_double(x):
        far = jnp.log1p(-e)
    else:
        far = e * _numerics.polynomial(e, _LOG1M)
    return jnp.where(e < 0.5, far, jnp.log(-_numerics.decay_less_1(-x)))

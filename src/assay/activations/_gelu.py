"""gelu, exact and by tanh."""

import math

import jax
import jax.numpy as jnp

from assay import _numerics
from assay._numerics import LIFT, compiled, derivative, rounded_once, slope_of
from assay.activations._sigmoid import _dsigmoid
from assay.activations._tanh import tanh
from assay.typing import Array, Float

_DROP = 2.0**-LIFT
_EDGE = 40.0  # both gelus are 0 or x beyond it, in float64 too

# By scripts/activation_polynomials.py, which says what they approximate.
_GELU_ROOT, _AT_ROOT = 0.7517915368080139, 6.934385679561271e-09
_TAIL = (
    0.672408004724,
    -0.33140447507,
    0.0287973825698,
    0.0367194023849,
    -0.000469872795584,
    -0.00673456381337,
    -0.00195110227903,
    0.00082381139291,
    0.000835877097608,
    0.000132619873452,
    -0.000148849646035,
    -6.53574199233e-05,
)
_SLOPE = (
    -0.50454917624,
    0.137376472906,
    -0.029664896887,
    -0.00515852242912,
    0.0023389531997,
    0.00104240800298,
    -9.42489585197e-05,
    -0.0002172808092,
    -5.46280352189e-05,
    2.43831562482e-05,
    1.34637767484e-05,
)
_ROOT_2, _PAST_2 = 1.4142135381698608, 2.4203234972846e-08  # √2 is their sum


def _bell(t):
    """2ᴸ·e^(−t²/2), t ≥ 0: t² in two words, or the tail is 50 ULP off."""
    high = _numerics.short(t)
    low = (t + high) * (high - t) / 2
    return _numerics.lifted(_numerics.fall(high * high / -2, LIFT), low)


def _size(x):
    return _numerics.at_most(jnp.abs(x), 15.9)


def _bend_plain(x):
    x = jnp.clip(x, -_EDGE, _EDGE)
    return (2 - x * x) * jnp.exp(-x * x / 2) / math.sqrt(2 * math.pi)


@derivative(slope_of(_bend_plain))
def _ddgelu(x):
    """(2 − x²) φ(x)."""
    if _numerics.is_double(x):
        return _bend_plain(x)
    t = _size(x)
    factor = (t - _ROOT_2) * (t + _ROOT_2) - 2 * _ROOT_2 * _PAST_2
    return factor * _bell(t) * _DROP * (-1 / math.sqrt(2 * math.pi))


@derivative(_ddgelu)
def _dgelu(x):
    """Φ(x) + x φ(x); below 0 as φ(t) (M(t) − t), t = −x, M Mills' ratio."""
    if _numerics.is_double(x):
        return _dgelu_plain(x)
    t = _size(x)
    slope = _numerics.polynomial(1 - 4 / (t + 2), _SLOPE)
    factor = (t - _GELU_ROOT) * slope - _AT_ROOT
    tail = _bell(t) * factor * _DROP
    return jnp.where(x < 0, tail, 1 - tail)


def _dgelu_plain(x):
    x = jnp.clip(x, -_EDGE, _EDGE)
    density = jnp.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return jax.lax.erfc(-x / math.sqrt(2)) / 2 + x * density


@derivative(_dgelu)
def _gelu(x):
    """x Φ(x)."""
    if _numerics.is_double(x):
        near = jnp.maximum(x, -_EDGE)
        return near * jax.lax.erfc(-near / math.sqrt(2)) / 2
    t = _size(x)
    r = 1 / (t + 2)
    mills = r * _numerics.polynomial(1 - 4 * r, _TAIL)
    e = _bell(t)
    return jnp.where(x < 0, -t * e * _DROP * mills, x * (1 - e * _DROP * mills))


_A = math.sqrt(8 / math.pi)
_B = 0.044715 * _A
# A/log 2 and B/log 2 as sums of a short and a long number.
_LINEAR, _LINEAR_LOW = 2.30218505859375, 2.3139550574889133e-05
_CUBIC, _CUBIC_LOW = 0.10302734375, -8.410416997651258e-05
_TANH_ROOT = 0.7524614334106445
_TANH_SLOPE = (
    -2.79029330306e-08,
    -2.46065679531,
    -0.099911527978,
    -0.400439510242,
    0.0759564353254,
    -0.0308343245549,
    0.0114040023021,
)
_TANH_BEND_ROOT = 1.418503999710083
_TANH_BEND = (
    5.5977953771e-08,
    -6.16446683341,
    -3.05854857826,
    -1.62062041538,
    -0.291841352327,
    -0.0672758617747,
    -0.000370320740065,
    0.00195509123758,
)


def _tanh_exp(t):
    """2ᴸ·e^−E(t), E(t) = t (A + B t²), so that gelu is x σ(E).

    E/log 2 = t·q in two words: q short, the rest of q from the exact square of a
    short t.
    """
    if _numerics.is_double(t):
        return _numerics.lifted(-t * (_A + _B * t * t))
    linear, cubic = _LINEAR + _LINEAR_LOW, _CUBIC + _CUBIC_LOW
    high = _numerics.short(t, 8)
    square = high * high
    q = _numerics.short(linear + cubic * (t * t), 16)
    rest = (_CUBIC * square - (q - _LINEAR)) + (_CUBIC_LOW * square + _LINEAR_LOW)
    rest = rest + cubic * ((t + high) * (t - high))
    return _numerics.decay2(high * q, (t - high) * q + t * rest)


_TANH_EDGE = 11.6


def _tanh_size(x):
    edge = _EDGE if _numerics.is_double(x) else _TANH_EDGE
    return _numerics.at_most(jnp.abs(x), edge)


def _tanh_bend_plain(x):
    x = jnp.clip(x, -_EDGE, _EDGE)
    e, slope = x * (_A + _B * x * x), _A + 3 * _B * x * x
    bend = 2 * slope + 6 * _B * x * x - x * slope * slope * tanh(e / 2)
    return _dsigmoid(e) * bend


@derivative(slope_of(_tanh_bend_plain))
def _ddtanh_gelu(x):
    if _numerics.is_double(x):
        return _tanh_bend_plain(x)
    t = _tanh_size(x)
    lifted = _tanh_exp(t)
    e, w = lifted * _DROP, _B * t * t
    slope = _A + 3 * w
    far = (2 * slope + 6 * w) * (1 + e) - t * slope * slope * (1 - e)
    u = t - _TANH_BEND_ROOT
    near = _numerics.polynomial(u, _TANH_BEND)
    top = lifted * jnp.where(jnp.abs(u) < 0.5, near, far) * _DROP
    return top / ((1 + e) * (1 + e) * (1 + e))


@derivative(_ddtanh_gelu)
def _dtanh_gelu(x):
    """σ(E) σ(−E) (1 + e^−E − t E′) at t = |x|; of x > 0 the rest to 1."""
    t = _tanh_size(x)
    lifted = _tanh_exp(t)
    e = lifted * _DROP
    far = 1 + e - t * (_A + 3 * _B * (t * t))
    u = t - _TANH_ROOT
    if not _numerics.is_double(x):
        near = _numerics.polynomial(u, _TANH_SLOPE)
        far = jnp.where(jnp.abs(u) < 0.25, near, far)
    top = lifted * far * _DROP
    return _numerics.rest_above(x, top, (1 + e) * (1 + e))


@derivative(_dtanh_gelu)
def _tanh_gelu(x):
    """x σ(E(x))."""
    t = _tanh_size(x)
    e = _tanh_exp(t)
    return jnp.where(x < 0, -t * e * _DROP, x) / (1 + e * _DROP)


@compiled(static=["approximate"])
@rounded_once
def gelu(x: Float[Array, "*shape"], approximate: bool = True) -> Float[Array, "*shape"]:
    """x Φ(x), or x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))) where `approximate`.

    >>> gelu(jnp.array([0.0, 1.0]), approximate=False).tolist()
    [0.0, 0.8413...]

    Hendrycks and Gimpel 2016, arXiv:1606.08415.

    Float32, CPU: within 7 ULP; derivatives 8 and 16.
    """
    return _tanh_gelu(x) if approximate else _gelu(x)

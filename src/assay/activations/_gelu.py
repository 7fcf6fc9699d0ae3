"""gelu, exact and by tanh."""

import math

import jax
import jax.numpy as jnp

from assay import _numerics
from assay._numerics import compiled, derivative, rounded_once
from assay.activations._sigmoid import _dsigmoid, tanh
from assay.typing import Array, Float

# Made by scripts/gelu_polynomials.py, which says what they approximate.
_GELU_ROOT = 0.7517915246935645
_TANH_ROOT = -0.7524614220710163
_TAIL = (
    0.6724080046,
    -0.3314044737,
    0.02879739774,
    0.03671937108,
    -0.000470090272,
    -0.006734411085,
    -0.001949993912,
    0.0008237594447,
    0.0008335462436,
    0.0001318186829,
    -0.0001471225198,
    -6.432479719e-05,
)
_SLOPE = (
    -0.5045491763,
    0.1373764718,
    -0.02966489345,
    -0.005158494441,
    0.002338927965,
    0.00104221797,
    -9.42319758e-05,
    -0.0002168002876,
    -5.446007666e-05,
    2.397722324e-05,
    1.321204202e-05,
)
_EDGE = 40.0  # both gelus are 0 or x beyond it, in float64 too


def _exp_pair(plain, rest):
    """(h, g), h·g = e^−(plain + rest) with a tiny rest; neither factor is subnormal."""
    h = jnp.exp(-plain / 2)
    return h, h - h * rest


def _bell(t):
    """(h, g), h·g = e^(−t²/2): t² needs two words, or the tail is 50 ULP off."""
    high, low = _numerics.times(t, t)
    plain = _numerics.rounded(t * t / 2)
    return _exp_pair(plain, (high / 2 - plain) + low / 2)


@derivative(lambda x: -jnp.clip(x, -_EDGE, _EDGE) * _normal(x))
def _normal(x):
    """φ(x), the normal density."""
    h, g = _bell(jnp.clip(x, -_EDGE, _EDGE))
    return h * g / math.sqrt(2 * math.pi)


def _gelu_bend(x):
    x = jnp.clip(x, -_EDGE, _EDGE)
    return (2 - x * x) * _normal(x)


@derivative(_gelu_bend)
def _dgelu(x):
    """Φ(x) + x φ(x); below 0 as φ(t) (M(t) − t), t = −x, M Mills' ratio."""
    x = jnp.clip(x, -_EDGE, _EDGE)
    if _numerics.is_double(x):
        return jax.lax.erfc(-x / math.sqrt(2)) / 2 + x * _normal(x)
    t = jnp.abs(x)
    h, g = _bell(t)
    slope = _numerics.polynomial((t - 2) / (t + 2), _SLOPE)
    tail = h * (_numerics.minus(t, _GELU_ROOT) * slope) * g
    return jnp.where(x < 0, tail, 1 - tail)


@derivative(_dgelu)
def _gelu(x):
    """x Φ(x)."""
    near = jnp.maximum(x, -_EDGE)
    if _numerics.is_double(x):
        return near * jax.lax.erfc(-near / math.sqrt(2)) / 2
    t = jnp.minimum(jnp.abs(x), _EDGE)
    h, g = _bell(t)
    tail = _numerics.polynomial((t - 2) / (t + 2), _TAIL) / (t + 2)
    return jnp.where(x < 0, near * h * tail * g, near * (1 - h * tail * g))


_A = math.sqrt(8 / math.pi)
_B = 0.044715 * _A


def _tanh_exponent(x):
    """E(x) = x (A + B x²), so that gelu is x σ(E)."""
    return x * (_A + _B * x * x)


def _tanh_exp(t):
    """(h, g), h·g = e^(−E(t)) for t ≥ 0, with E in two words."""
    square, square_low = _numerics.times(t, t)
    cubic, cubic_low = _numerics.scaled(square, _B)
    u, u_low = _numerics.scaled(t, _A)
    v, v_low = _numerics.times(t, cubic)
    rest = u_low + v_low + t * (cubic_low + _B * square_low)
    plain = _numerics.rounded(_tanh_exponent(t))
    return _exp_pair(plain, (jnp.maximum(u, v) - plain) + jnp.minimum(u, v) + rest)


def _tanh_gelu_bend(x):
    x = jnp.clip(x, -_EDGE, _EDGE)
    e, slope = _tanh_exponent(x), _A + 3 * _B * x * x
    bend = 2 * slope + 6 * _B * x * x - x * slope * slope * tanh(e / 2)
    return _dsigmoid(e) * bend


@derivative(_tanh_gelu_bend)
def _dtanh_gelu(x):
    """σ(E) σ(−E) (1 + e^E + x E′), the last factor with care around its root."""
    x = jnp.clip(x, -_EDGE, _EDGE)
    h, g = _tanh_exp(jnp.abs(x))
    w = _B * x * x
    slope = _A + 3 * w
    d = _numerics.minus(x, _TANH_ROOT)
    near = jnp.abs(d) < 0.35
    below = h * jnp.where(near, _near_tanh_root(x, d), 1 + h * g + x * slope)
    return jnp.where(x < 0, below * g, 1 + h * g * (1 + x * slope)) / (1 + h * g) ** 2


def _near_tanh_root(x, d):
    """1 + e^E + x E′ as d times a sum of like signs, d = x − root."""
    w = _B * (x * x + _TANH_ROOT * x + _TANH_ROOT**2)
    y = d * (_A + w)  # E(x) − E(root)
    level = math.exp(_tanh_exponent(_TANH_ROOT))
    return d * (level * (_A + w) * _numerics.expm1_over(y) + (_A + 3 * w))


@derivative(_dtanh_gelu)
def _tanh_gelu(x):
    """x σ(E(x))."""
    near = jnp.maximum(x, -_EDGE)
    h, g = _tanh_exp(jnp.minimum(jnp.abs(x), _EDGE))
    return jnp.where(x < 0, near * h * g, near) / (1 + h * g)


@compiled(static=["approximate"])
@rounded_once
def gelu(x: Float[Array, "*shape"], approximate: bool = True) -> Float[Array, "*shape"]:
    """x Φ(x), or x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))) where `approximate`.

    >>> gelu(jnp.array([0.0, 1.0]), approximate=False).tolist()
    [0.0, 0.8413...]

    Hendrycks and Gimpel 2016, arXiv:1606.08415.
    """
    return _tanh_gelu(x) if approximate else _gelu(x)

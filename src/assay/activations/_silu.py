"""x times a sigmoid of x: silu, quick_gelu, swish with a learned beta."""

import jax.numpy as jnp

from assay import _numerics
from assay._numerics import (
    LIFT,
    compiled,
    derivative,
    derivatives,
    rounded_once,
    slope_of,
)
from assay.activations._sigmoid import _ddsigmoid, _dsigmoid
from assay.activations._tanh import tanh
from assay.typing import Array, Float

_DROP = 2.0**-LIFT

# By scripts/activation_polynomials.py: f(ROOT + u) by powers of u.
_GATE_ROOT = -1.2784645557403564
_GATE = (
    -1.65935526353e-08,
    1.27846453915,
    0.139232076023,
    0.0464107288798,
    0.0116220407648,
    0.00232330190653,
)
_GATE_BEND_ROOT = -2.399357318878174
_GATE_BEND = (
    -5.02007083175e-08,
    1.30858099393,
    0.108902606714,
    0.0211714646957,
    0.0014947013481,
    -0.000458032588187,
)
_QUICK_ROOT = -0.7511542439460754
_QUICK = (
    2.50129714059e-08,
    2.17594666105,
    0.403327998774,
    0.228821615687,
    0.0975330127229,
    0.0331837600064,
)
_QUICK_BEND_ROOT = -1.4097281694412231
_QUICK_BEND = (
    -8.35836405164e-08,
    2.22720483832,
    0.315468785043,
    0.10438441943,
    0.0126758956503,
    -0.0066060566749,
    -0.00493992080786,
)
_SCALE = 1.702
_SCALE_HIGH, _SCALE_LOW = 1.7021484375, -0.0001484375  # 12 bits, the rest


def _times_gate(x, size, e):
    """x σ(u) for size = −|x| where e = 2ᴸ·e^−|u| is not 0."""
    return jnp.where(x < 0, size * e * _DROP, x) / (1 + e * _DROP)


def _slope(x, past, e, near):
    """σ(u) σ(−u) (eᵗ + past), past = 1 + t, t = −|u|; of x > 0 the rest to 1."""
    share = e * _DROP
    top = e * _beside(past + share, near) * _DROP
    return _numerics.rest_above(x, top, (1 + share) * (1 + share))


def _bend(t, e, near, scale=1.0):
    """scale σ(u) σ(−u) (2 − u tanh(u/2)) at t = −|u|, even in u."""
    share = e * _DROP
    top = scale * e * _beside(2 + t + share * (2 - t), near) * _DROP
    return top / ((1 + share) * (1 + share) * (1 + share))


def _beside(far, near):
    """`far`, but (closer?, polynomial) where that is close to its root."""
    close, value = near
    return jnp.where(close, value, far)


def _near(u, coefficients, width):
    """(|u| < width, the polynomial there), u the distance from a root; float32."""
    return jnp.abs(u) < (0 if _numerics.is_double(u) else width), _numerics.polynomial(
        u, coefficients
    )


def _gate_bend_plain(x):
    x = jnp.clip(x, -1600, 1600)
    return _dsigmoid(x) * (2 - x * tanh(x / 2))


@derivative(slope_of(_gate_bend_plain))
def _ddsilu(x):
    t = _numerics.fall(-jnp.abs(x), LIFT)
    if _numerics.is_double(t):
        return _gate_bend_plain(x)
    near = _near(t - _GATE_BEND_ROOT, _GATE_BEND, 0.25)
    return _bend(t, _numerics.lifted(t), near)


@derivative(_ddsilu)
def _dsilu(x):
    t = _numerics.fall(-jnp.abs(x), LIFT)
    near = _near(t - _GATE_ROOT, _GATE, 0.2)
    return _slope(x, 1 + t, _numerics.lifted(t), near)


@compiled
@rounded_once
@derivative(_dsilu)
def silu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """x · σ(x) = x / (1 + e⁻ˣ).

    >>> silu(jnp.array([0.0, 1.0, 100.0])).tolist()
    [0.0, 0.7310..., 100.0]

    Elfwing et al. 2017, arXiv:1702.03118.

    Float32, CPU: within 4 ULP; derivatives 6 and 8.
    """
    t = _numerics.fall(-jnp.abs(x), LIFT)
    return _times_gate(x, t, _numerics.lifted(t))


swish = silu


def _quick_words(size):
    """(size and t = 1.702·size, as far as eᵗ is not 0; 1 + t; 2ᴸ·eᵗ), size = −|x|."""
    size = _numerics.at_least(size, -120.0 if size.dtype == jnp.float32 else -900.0)
    if _numerics.is_double(size):
        t = _SCALE * size
        return size, t, 1 + t, _numerics.lifted(t)
    high = _numerics.short(size)
    t = high * _SCALE_HIGH
    low = (size - high) * _SCALE + high * _SCALE_LOW
    t = _numerics.fall(t, LIFT)
    return size, t + low, (1 + t) + low, _numerics.lifted(t, low)


def _quick_bend_plain(x):
    return _SCALE * _gate_bend_plain(_SCALE * x)


@derivative(slope_of(_quick_bend_plain))
def _ddquick(x):
    if _numerics.is_double(x):
        return _quick_bend_plain(x)
    size, t, _, e = _quick_words(-jnp.abs(x))
    near = _near(size - _QUICK_BEND_ROOT, _QUICK_BEND, 0.2)
    return _bend(t, e, near, _SCALE)


@derivative(_ddquick)
def _dquick(x):
    size, _, past, e = _quick_words(-jnp.abs(x))
    return _slope(x, past, e, _near(size - _QUICK_ROOT, _QUICK, 0.12))


@compiled
@rounded_once
@derivative(_dquick)
def quick_gelu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """x · σ(1.702 x), which is close to gelu.

    >>> quick_gelu(jnp.array([0.0, 1.0])).tolist()
    [0.0, 0.8457...]

    Hendrycks and Gimpel 2016, arXiv:1606.08415.

    Float32, CPU: within 4 ULP; derivatives 7 and 9.
    """
    size, _, _, e = _quick_words(-jnp.abs(x))
    return _times_gate(x, size, e)


def _product(x, beta):
    """(−|β·x| as its high word, which ends where e to it does; its low words; β·x < 0).

    Each low word is an exact product, so that they sum exactly beside a root.
    """
    if _numerics.is_double(x):
        u = beta * x
        return _numerics.fall(-jnp.abs(u)), (jnp.zeros_like(u),), u < 0
    up = jnp.where(jnp.abs(x) > 1, 2.0**-48, jnp.full_like(x, 2.0**48))
    x, beta = x * up, beta / up  # so that neither has a subnormal half
    x_high, b_high = _numerics.rounded(x, 11), _numerics.rounded(beta, 11)
    x_low, b_low = x - x_high, beta - b_high
    high = x_high * b_high
    sign = jnp.where(high < 0, 1, jnp.full_like(x, -1))
    low = b_high * x_low, b_low * x_high, b_low * x_low
    low = tuple(jnp.where(jnp.abs(high) < 1024, sign * part, 0) for part in low)
    return _numerics.fall(-jnp.abs(high), LIFT), low, high < 0


def _finite(x, e):
    """x, ±1 where e is 0: infinity times nothing is nothing."""
    return jnp.where(e == 0, jnp.sign(x), x)


def _beta_slope_by_x(x, beta):
    """2x σ′(βx) + x² β σ″(βx)."""
    u, x = beta * x, _within_reach(beta * x, x)
    return x * (2 * _dsigmoid(u) + u * _ddsigmoid(u))


def _beta_slope_by_beta(x, beta):
    """x³ σ″(βx)."""
    u, x = beta * x, _within_reach(beta * x, x)
    return x * (x * (x * _ddsigmoid(u)))


def _within_reach(u, x):
    """x, 0 where u is infinite, for a product with what is 0 there."""
    return jnp.where(jnp.isinf(u), 0, x)


@derivatives(_beta_slope_by_x, _beta_slope_by_beta)
def _beta_slope(x, beta):
    """x² σ′(βx)."""
    t, low, _ = _product(x, beta)
    e = _numerics.lifted(t, sum(low))
    half, under = _finite(x, e) * 2.0 ** (-LIFT // 2), 1 + e * _DROP
    return half * e / (under * under) * half


@derivatives(lambda x, b: b * _ddsilu(b * x), lambda x, b: x * _ddsilu(b * x))
def _dswish(x, beta):
    """silu′(βx)."""
    t, low, negative = _product(x, beta)
    e = _numerics.lifted(t, sum(low))
    near = _near(sum(low, t - _GATE_ROOT), _GATE, 0.2)
    return _slope(jnp.where(negative, -1, jnp.abs(t)), sum(low, 1 + t), e, near)


@derivatives(_dswish, _beta_slope)
def _swish_beta(x, beta):
    t, low, negative = _product(x, beta)
    e = _numerics.lifted(t, sum(low))
    below, large = _finite(x, e), jnp.abs(x) > 1
    below = jnp.where(large, below * _DROP, below) * e * jnp.where(large, 1, _DROP)
    return jnp.where(negative, below, x) / (1 + e * _DROP)


@compiled
@rounded_once
def swish_beta(
    x: Float[Array, "*shape"], beta: Float[Array, "..."] | float
) -> Float[Array, "*shape"]:
    """x · σ(beta · x), with a learned beta: one, or one per last axis.

    >>> swish_beta(jnp.array([1.0, 2.0]), 0.0).tolist()
    [0.5, 1.0]

    Where βx is within 10⁻⁷ of the root of the slope in x, that is right to 10⁻¹⁵.

    Ramachandran et al. 2017, arXiv:1710.05941.

    Float32, CPU: within 3 ULP; derivatives 7.
    """
    beta = jnp.asarray(beta, x.dtype)
    return _swish_beta(x, jnp.broadcast_to(beta, x.shape))

"""Logits that cannot grow beyond a cap."""

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay._numerics import compiled, rounded_once
from assay.activations._tanh import _DROP, _dsech2, _lifted, tanh
from assay.typing import Array, Float, Scalar

_NEAR = 0.7  # what expm1_over serves
_FAR = 50.0  # tanh is ±1 there, in float64 too, and its derivative is below 1e-42


@jax.custom_jvp
def _soft_cap(x, cap):
    """By h = e^(−|u|): (1 − h²) / (1 + h²), where x and not |u| is the factor of 1 − h.

    The quotient may be subnormal where x is small, the product then is not.
    """
    u = jnp.abs(x / cap)
    near = jnp.minimum(u, _NEAR)
    ratio = _numerics.expm1_over(-near)  # (1 − h) / |u|
    h = 1 - near * ratio
    small = x * (ratio * (1 + h) / (1 + h * h))
    e = jnp.exp(-2 * u)
    large = cap - 2 * cap * e / (1 + e)
    return jnp.where(u < _NEAR, small, jnp.where(x < 0, -large, large))


@_soft_cap.defjvp
def _soft_cap_jvp(primals, tangents):
    (x, cap), (tx, tcap) = primals, tangents
    u = jnp.clip(x / cap, -_FAR, _FAR)
    off = jax.lax.stop_gradient(_remainder(x, cap, u))
    slope = _slope(u, off)
    return _soft_cap(x, cap), tx * slope + tcap * (tanh(u) - u * slope)


@jax.custom_jvp
def _slope(u, off):
    """sech²(u + off), with the correction inside: after it sech² may be subnormal."""
    w, under = _lifted(u)
    return 4 * (w * (1 - 2 * off * tanh(u))) * _DROP / (under * under)


@_slope.defjvp
def _slope_jvp(primals, tangents):
    (u, off), (t, _) = primals, tangents  # off is a rounding: it has no derivative
    return _slope(u, off), t * (_dsech2(u) * (1 - 2 * off * tanh(u)))


def _remainder(x, cap, u):
    """x / cap − u: what the quotient lost counts 2u times in sech² u."""
    high, low = _numerics.times(u, cap)
    off = ((x - high) - low) / cap
    return jnp.where(jnp.abs(u) < _FAR, off, 0)


@compiled
@rounded_once
def _soft_capped(x, cap):
    return _soft_cap(x, jnp.broadcast_to(jnp.asarray(cap, x.dtype), x.shape))


def soft_cap(x: Float[Array, "*shape"], cap: Scalar = 30.0) -> Float[Array, "*shape"]:
    """cap · tanh(x / cap): x where it is small, ±cap where it is large.

    Gemma 2 caps its last logits at 30 and those of attention at 50.

    >>> soft_cap(jnp.array([1.0, 1e9])).tolist()
    [0.9996..., 30.0]

    Gemma Team 2024, arXiv:2408.00118.

    Float32, CPU: within 4 ULP; derivatives 7 and 10.
    """
    if isinstance(cap, (int, float)) and not cap > 0:
        _check.fail("soft_cap", "cap must be positive", cap)
    return _soft_capped(x, cap)

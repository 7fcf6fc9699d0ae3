"""The functions of e⁻ˣ: tanh, sigmoid, softplus, silu."""

import math

import jax
import jax.numpy as jnp

from assay import _numerics
from assay._numerics import compiled, derivative, rounded_once
from assay.typing import Array, Float

_FAR = 1600.0  # e^−1600 is 0 in float64 too: beyond it x may as well be this


@derivative(lambda x: -2 * tanh(x) * _sech2(x))
def _sech2(x):
    """tanh′ = 1 / cosh² x, without the cancellation of 1 − tanh² x."""
    h = jnp.exp(-jnp.abs(x))
    return (2 * h / (1 + h * h)) ** 2


@compiled
@rounded_once
@derivative(_sech2)
def tanh(x: Float[Array, "*shape"], /) -> Float[Array, "*shape"]:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ).

    >>> tanh(jnp.array([0.0, 20.0])).tolist()
    [0.0, 1.0]
    """
    return jnp.tanh(x)


@derivative(lambda x: -_dsigmoid(x) * tanh(x / 2))
def _dsigmoid(x):
    """σ(x) σ(−x), without the cancellation of 1 − σ(x)."""
    e = jnp.exp(-jnp.abs(x))
    r = 1 / (1 + e)
    return e * r * r


@compiled
@rounded_once
@derivative(_dsigmoid)
def sigmoid(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """1 / (1 + e⁻ˣ).

    >>> sigmoid(jnp.array([0.0, 3.1])).tolist()
    [0.5, 0.9568...]
    """
    e = jnp.exp(-jnp.abs(x))
    return jnp.where(x >= 0, 1, e) / (1 + e)


@compiled
@rounded_once
@derivative(sigmoid)
def softplus(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """log(1 + eˣ).

    >>> softplus(jnp.array([0.0, 100.0])).tolist()
    [0.6931..., 100.0]

    Dugas et al. 2001, NIPS.
    """
    return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x)))


def _exp_pair(x):
    """(e, s), e·s = e^−|x|: x·e·s passes through no subnormal that x·e^−|x| is not."""
    size = jnp.abs(x)
    far = size > 64  # and 64 − size is exact up to 128, where all is 0 in float32
    e = jnp.exp(jnp.where(far, 64 - size, -size))
    return e, jnp.where(far, jnp.full_like(x, math.exp(-64)), 1)


_SILU_ROOT = -1.2784645427610737  # of 1 + eˣ + x; scripts/gelu_polynomials.py


def _silu_bend(x):
    x = jnp.clip(x, -_FAR, _FAR)
    return _dsigmoid(x) * (2 - x * tanh(x / 2))


@derivative(_silu_bend)
def _dsilu(x):
    """σ(x) σ(−x) (1 + eˣ + x); the last factor around its root, where it cancels."""
    x = jnp.clip(x, -_FAR, _FAR)
    e, s = _exp_pair(x)
    d = _numerics.minus(x, _SILU_ROOT)
    near = d * (1 - (1 + _SILU_ROOT) * _numerics.expm1_over(d))
    below = jnp.where(jnp.abs(d) < 0.5, near, 1 + x + e * s) * e * s
    return jnp.where(x < 0, below, 1 + e * s * (1 + x)) / (1 + e * s) ** 2


@compiled
@rounded_once
@derivative(_dsilu)
def silu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """x · σ(x) = x / (1 + e⁻ˣ).

    >>> silu(jnp.array([0.0, 1.0, 100.0])).tolist()
    [0.0, 0.7310..., 100.0]

    Elfwing et al. 2017, arXiv:1702.03118.
    """
    x = jnp.maximum(x, -_FAR)
    e, s = _exp_pair(x)
    return jnp.where(x < 0, x * e * s, x) / (1 + e * s)


swish = silu


@jax.custom_jvp
def _swish_beta(x, beta):
    high, low = _numerics.times(beta, x)
    u = _numerics.rounded(beta * x)
    off = (high - u) + low
    off = jnp.where(jnp.isfinite(off), off, 0) * sigmoid(-u)
    e, s = _exp_pair(u)
    below = jnp.where(jnp.isneginf(u), 0, x) * e * s
    return jnp.where(u < 0, below, x) / (1 + e * s) * (1 + off)


@_swish_beta.defjvp
def _swish_beta_jvp(primals, tangents):
    (x, beta), (tx, tbeta) = primals, tangents
    u = beta * x
    bent = jnp.where(jnp.isinf(u), 0, x) * (x * _dsigmoid(u))
    return _swish_beta(x, beta), tx * _dsilu(u) + tbeta * bent


@compiled
@rounded_once
def swish_beta(
    x: Float[Array, "*shape"], beta: Float[Array, "..."] | float
) -> Float[Array, "*shape"]:
    """x · σ(beta · x), with a learned beta: one, or one per last axis.

    >>> swish_beta(jnp.array([1.0, 2.0]), 0.0).tolist()
    [0.5, 1.0]

    Ramachandran et al. 2017, arXiv:1710.05941.
    """
    beta = jnp.asarray(beta, x.dtype)
    return _swish_beta(x, jnp.broadcast_to(beta, x.shape))

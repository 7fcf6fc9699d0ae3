"""Losses of real numbers that grow slowly: Charbonnier's, and the family of Barron."""

from typing import Any

import jax
import jax.numpy as jnp

from assay import _numerics
from assay.losses._norms import hypot
from assay.losses._pair import _pair
from assay.typing import Array, Float, Num, Scalar


def _error(who: str, predictions: Any, targets: Any) -> Array:
    p, t = _pair(who, predictions=predictions, targets=targets)
    return p - t


def charbonnier_loss(
    predictions: Float[Array, "*shape"],
    targets: Num[Array, "*shape"],
    *,
    eps: Scalar = 1e-3,
) -> Float[Array, "*shape"]:
    """√(e² + eps²); e = prediction − target. A smooth absolute error.

    >>> charbonnier_loss(jnp.array([3.0, 0.0]), jnp.zeros(2), eps=4.0).tolist()
    [5.0, 4.0]

    Charbonnier et al. 1994, doi:10.1109/ICIP.1994.413553.
    """
    e = _error("charbonnier_loss", predictions, targets)
    y = hypot(e, jnp.broadcast_to(jnp.asarray(eps, e.dtype), e.shape))
    return _numerics.narrow(y, predictions)


def _log_height(w: Array) -> Array:
    """log √(1 + w²), which w² neither overflows nor absorbs."""
    small = jnp.abs(w) < 1e9
    near, far = jnp.where(small, w, 0), jnp.where(small, 1, jnp.abs(w))
    return jnp.where(small, jnp.log1p(near * near) / 2, jnp.log(far))


def _raised(w: Array, q: Array) -> Array:
    """√(1 + w²)^q: from the logarithm where that is small, or w² would be absorbed."""
    log_h = _log_height(w)
    steep = log_h > 1
    far = hypot(jnp.ones_like(w), jnp.where(steep, w, 0)) ** q
    return jnp.where(steep, far, jnp.exp(q * jnp.where(steep, 0, log_h)))


def _width(alpha: Array) -> Array:
    """b = |α − 2|, away from 0 as far as nobody sees."""
    return jnp.maximum(jnp.abs(alpha - 2), float(jnp.finfo(alpha.dtype).tiny) ** 0.25)


def _near_square(x: Array, alpha: Array) -> Array:
    """(x² h^(α−2) + b (h^(α−2) − 1)) / α, in which b may be 0."""
    b = _width(alpha)
    w = x / jnp.sqrt(b)
    risen = _raised(w, alpha - 2)
    v = (alpha - 2) * _log_height(w)
    small = jnp.abs(v) <= 0.7
    more = v * _numerics.expm1_over(jnp.where(small, v, 0))
    return (x * (x * risen) + b * jnp.where(small, more, risen - 1)) / alpha


def _far_from_square(x: Array, alpha: Array) -> Array:
    """b log h (e^u − 1) / u with u = α log h, in which α may be 0."""
    b = _width(alpha)
    w = x / jnp.sqrt(b)
    log_h = _log_height(w)
    u = alpha * log_h
    small = jnp.abs(u) <= 0.7
    slow = log_h * _numerics.expm1_over(jnp.where(small, u, 0))
    fast = (_raised(w, alpha) - 1) / jnp.where(small, 1, alpha)
    return b * jnp.where(small, slow, fast)


@jax.custom_jvp
def _robust(x: Array, alpha: Array) -> Array:
    """b/α (h^α − 1) with b = |α − 2| and h² = 1 + x²/b."""
    square = jnp.abs(alpha - 2) < 0.5
    near = _near_square(x, jnp.where(square, alpha, 2))
    return jnp.where(square, near, _far_from_square(x, jnp.where(square, 1, alpha)))


@jax.custom_jvp
def _slope(x: Array, alpha: Array) -> Array:
    """x h^(α−2)."""
    return x * _raised(x / jnp.sqrt(_width(alpha)), alpha - 2)


@_robust.defjvp
def _(primals, tangents):
    (x, alpha), (tx, ta) = primals, tangents
    by_alpha = jax.jvp(lambda a: _robust.fun(x, a), (alpha,), (ta,))[1]
    return _robust(x, alpha), _slope(x, alpha) * tx + by_alpha


@_slope.defjvp
def _(primals, tangents):
    (x, alpha), (tx, ta) = primals, tangents
    by_alpha = jax.jvp(lambda a: _slope.fun(x, a), (alpha,), (ta,))[1]
    w = x / jnp.sqrt(_width(alpha))
    bent = jnp.sign(alpha - 2) * (w * _raised(w, alpha - 3)) * (w / _height(w))
    return _slope(x, alpha), (_raised(w, alpha - 2) + bent) * tx + by_alpha


def _height(w: Array) -> Array:
    return hypot(jnp.ones_like(w), w)


def general_robust_loss(
    predictions: Float[Array, "*shape"],
    targets: Num[Array, "*shape"],
    *,
    alpha: Scalar = 1.0,
    scale: Scalar = 1.0,
) -> Float[Array, "*shape"]:
    """b/α ((e²/b + 1)^(α/2) − 1), b = |α − 2|; e = (prediction − target) / scale.

    α 2 is `l2_loss`, 1 a smooth absolute error, 0 log(e²/2 + 1) after Cauchy, -2 that
    of Geman and McClure, -∞ that of Welsch; α may be learned, and neither 0 nor 2 is a
    special case. α = 2 itself has no derivative by α.

    >>> e = jnp.array([2.0])
    >>> [round(general_robust_loss(e, 0 * e, alpha=a).item(), 4) for a in (2, 1, 0, -2)]
    [2.0, 1.2361, 1.0986, 1.0]

    Barron 2019, arXiv:1701.03077.
    """
    e = _error("general_robust_loss", predictions, targets)
    # At -∞ so far that no digit changes any more.
    least = -64 / float(jnp.finfo(e.dtype).eps)
    alpha = jnp.maximum(jnp.asarray(alpha, e.dtype), least)
    x = e / jnp.asarray(scale, e.dtype)
    return _numerics.narrow(_robust(x, jnp.broadcast_to(alpha, x.shape)), predictions)

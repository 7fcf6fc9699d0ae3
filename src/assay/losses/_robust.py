"""Losses of real numbers that grow slowly: Charbonnier's, and the family of Barron."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from assay import _numerics
from assay.activations import norm
from assay.losses._pair import _pair
from assay.losses._series import expm1_over
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

    Float32, CPU: within 2 ULP; derivatives 3.
    """
    e = _error("charbonnier_loss", predictions, targets)
    y = _hypot(e, jnp.broadcast_to(jnp.asarray(eps, e.dtype), e.shape))
    return _numerics.narrow(y, predictions)


def _hypot(a: Array, b: Array) -> Array:
    """√(a² + b²), without overflow."""
    return norm(jnp.stack([a, b], -1))


def _width(alpha: Array) -> Array:
    """b = |α − 2|, away from 0 as far as nobody sees."""
    return jnp.maximum(jnp.abs(alpha - 2), float(jnp.finfo(alpha.dtype).tiny) ** 0.25)


def _least(x: Array) -> float:
    """Where 1 + w² is 1."""
    return float(jnp.finfo(x.dtype).eps) ** 0.5 / 2


def _level(x: Array, b: Array) -> Array:
    """b log h with h² = 1 + x²/b, where the 1 absorbs x²/b and where that overflows."""
    w = jnp.abs(x / jnp.sqrt(b))
    least = _least(x)
    middle = (w >= least) & (w < 1e9)
    inner = jnp.where(middle, w, 0)
    outer = jnp.where(w < 1e9, 1, w)
    small = jnp.where(w < least, x, 0)
    far = jnp.where(w < 1e9, b * (jnp.log1p(inner * inner) / 2), b * jnp.log(outer))
    return jnp.where(w < least, small * (small / 2), far)


def _raised(x: Array, b: Array, q: Array) -> Array:
    """h^q: from the logarithm where that is small, or h might be 1 in all digits."""
    log_h = _level(x, b) / b
    steep = log_h > 1
    h = _hypot(jnp.ones_like(x), jnp.where(steep, x / jnp.sqrt(b), 0))
    return jnp.where(steep, h**q, jnp.exp(q * jnp.where(steep, 0, log_h)))


def _near_square(x: Array, alpha: Array) -> Array:
    """(x² h^(α−2) + b (h^(α−2) − 1)) / α, in which b may be 0."""
    b = _width(alpha)
    risen = _raised(x, b, alpha - 2)
    v = (alpha - 2) * (_level(x, b) / b)
    small = jnp.abs(v) <= 0.7
    more = v * expm1_over(jnp.where(small, v, 0))
    return (x * (x * risen) + b * jnp.where(small, more, risen - 1)) / alpha


def _far_from_square(x: Array, alpha: Array) -> Array:
    """b log h (e^u − 1) / u with u = α log h, in which α may be 0."""
    b = _width(alpha)
    level = _level(x, b)
    u = alpha * (level / b)
    small = jnp.abs(u) <= 0.7
    slow = level * expm1_over(jnp.where(small, u, 0))
    fast = b * ((_raised(x, b, alpha) - 1) / jnp.where(small, 1, alpha))
    return jnp.where(small, slow, fast)


def _plain(x: Array, alpha: Array) -> Array:
    square = jnp.abs(alpha - 2) < 0.5
    near = _near_square(x, jnp.where(square, alpha, 2))
    y = jnp.where(square, near, _far_from_square(x, jnp.where(square, 1, alpha)))
    b = _width(alpha)
    tiny = jnp.maximum(jnp.abs(x), jnp.abs(x / jnp.sqrt(b))) < _least(x)
    return jnp.where(tiny, _level(x, b), y)


def _slope_plain(x: Array, alpha: Array) -> Array:
    """x h^(α−2), as x/h² h^α where α − 2 would lose digits of α."""
    b = _width(alpha)
    low = alpha < 1
    root = _raised(x, b, jnp.where(low, alpha, alpha - 2) / 2)  # twice: no underflow
    h = jnp.where(low, _hypot(jnp.ones_like(x), x / jnp.sqrt(b)), 1)
    return (x / h * root) * (root / h)


def _by(f: Callable) -> Callable:
    """∂f/∂α, as JAX derives it."""
    return lambda x, alpha: jax.jvp(lambda a: f(x, a), (alpha,), (jnp.ones_like(x),))[1]


def _bend(x: Array, alpha: Array) -> Array:
    """h^(α−2) (1 + sign(α − 2) x²/b / h²)."""
    b = _width(alpha)
    w = x / jnp.sqrt(b)
    share = w / _hypot(jnp.ones_like(x), w)
    return _raised(x, b, alpha - 2) * (1 + (alpha - 2) * share * share)


_slope = _numerics.derivatives(_bend, _by(_slope_plain))(_slope_plain)
_robust = _numerics.derivatives(_slope, _by(_plain))(_plain)


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

    Float32, CPU: within 6 ULP.
    """
    e = _error("general_robust_loss", predictions, targets)
    # At -∞ so far that no digit changes any more.
    least = -64 / float(jnp.finfo(e.dtype).eps)
    alpha = jnp.maximum(jnp.asarray(alpha, e.dtype), least)
    x = e / jnp.asarray(scale, e.dtype)
    return _numerics.narrow(_robust(x, jnp.broadcast_to(alpha, x.shape)), predictions)

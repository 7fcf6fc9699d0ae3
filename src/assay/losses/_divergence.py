"""Divergences of two distributions: Kullback-Leibler's, Bregman's, Jensen-Shannon's.

0 · log 0 = 0. Where a probability is exactly 0 the slope in it would be -∞; what is
written is the slope of the other terms, so that no -∞ · 0 reaches a softmax behind it.
"""

from typing import Any

import jax
import jax.numpy as jnp

from assay import _numerics
from assay._numerics import derivative
from assay.losses._mask import _mask
from assay.losses._pair import _pair
from assay.typing import Array, Axis, Bool, Float


def _finite(x):
    return jnp.where(jnp.isinf(x), 0, x)


def _log(p):
    """log p, with 0 for log 0: the caller has no use of it there."""
    return jnp.log(jnp.where(p == 0, 1, p))


@jax.custom_jvp
def _relative(p, log_q):
    """p (log p − log q)."""
    return _numerics.mass(p, _log(p) - log_q)


@_relative.defjvp
def _(primals, tangents):
    (p, log_q), (tp, tq) = primals, tangents
    bend = jnp.where(p == 0, -_finite(log_q), _log(p) + 1 - log_q)
    return _relative(p, log_q), bend * tp - p * tq


@jax.custom_jvp
def _relative_of_logs(log_p, log_q):
    """p (log p − log q), p = e^log_p."""
    p = jnp.exp(log_p)
    return _numerics.mass(p, _finite_if(p == 0, log_p) - _finite_if(p == 0, log_q))


def _finite_if(where, x):
    return jnp.where(where, 0, x)


@_relative_of_logs.defjvp
def _(primals, tangents):
    (log_p, log_q), (tp, tq) = primals, tangents
    p, y = jnp.exp(log_p), _relative_of_logs(log_p, log_q)
    return y, (y + p) * tp - p * tq


# Σ uᵏ / (k + 2)!: on |u| ≤ 0.7 the next term is below 2⁻²⁶ of the sum.
_BEND = (1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040, 1 / 40320, 1 / 362880)


@derivative(lambda u: jnp.expm1(u))
def _bregman(u):
    """eᵘ − 1 − u, without its cancellation around 0."""
    near = jnp.abs(u) < (1e-2 if _numerics.is_double(u) else 0.7)
    small = jnp.where(near, u, 0)
    return jnp.where(
        near, small * small * _numerics.polynomial(small, _BEND), jnp.expm1(u) - u
    )


def _above(p, log_q):
    """p log (p / q) − p + q, as p (eᵘ − 1 − u) with u = log q − log p."""
    some = (p > 0) & jnp.isfinite(log_q)
    u = jnp.where(some, log_q - _log(p), 0)
    far = _relative(p, log_q) + (jnp.exp(log_q) - p)
    return jnp.where(some, p * _bregman(u), far)


# (1 + s) log(1 + s) + (1 − s) log(1 − s) = 2 Σ s²ᵏ / (2k (2k − 1)), divided by s².
_MIDDLE = tuple(2 / (2 * k * (2 * k - 1)) for k in range(1, 8))


def _odds(s):
    """log (1 + s) − log(1 − s), with 0 at ±1, where it is infinite."""
    inside = jnp.abs(s) < 1
    s = jnp.where(inside, s, 0)
    return jnp.log1p(s) - jnp.log1p(-s)


@derivative(_odds)
def _apart(s):
    """(1 + s) log(1 + s) + (1 − s) log(1 − s), 2 log 2 at ±1."""
    near = jnp.abs(s) < (1e-2 if _numerics.is_double(s) else 0.25)
    small = jnp.where(near, s, 0)
    series = small * small * _numerics.polynomial(small * small, _MIDDLE)
    up, down = (_numerics.mass(1 + t, jnp.log1p(t)) for t in (s, -s))
    return jnp.where(near, series, up + down)


def _between(p, log_q):
    """½ p log (p / m) + ½ q log (q / m), m = (p + q) / 2."""
    q = jnp.exp(log_q)
    total = p + q
    s = (p - q) / jnp.where(total == 0, 1, total)
    return total / 4 * _apart(s)


def _divergence(
    who: str, f: Any, first: Any, second: Any, axis: Axis, where: Any
) -> Array:
    """Σ f(second, first) over `axis`, masked before and after."""
    (one, x), (two, y) = first, second
    x, y = _pair(who, **{one: x, two: y})
    mask = _mask(where, x, axis)
    safe = f(jnp.where(mask, y, 0), jnp.where(mask, x, 0))
    cost = jnp.sum(jnp.where(mask, safe, 0), axis)
    return _numerics.narrow(cost, first[1])


def kl_divergence(
    log_predictions: Float[Array, "*shape"],
    targets: Float[Array, "*shape"],
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """Σ target · (log target − log_prediction) over `axis`, where `where` is True.

    >>> kl_divergence(jnp.log(jnp.array([0.5, 0.5])), jnp.array([1.0, 0.0])).item()
    0.693...

    Kullback and Leibler 1951, doi:10.1214/aoms/1177729694.

    Float32, CPU: within 4 ULP of the sum of the terms' sizes.
    """
    pair = ("log_predictions", log_predictions), ("targets", targets)
    return _divergence("kl_divergence", _relative, *pair, axis, where)


def kl_divergence_with_log_targets(
    log_predictions: Float[Array, "*shape"],
    log_targets: Float[Array, "*shape"],
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """Σ e^log_target · (log_target − log_prediction) over `axis`.

    >>> log_p = jnp.log(jnp.array([0.5, 0.5]))
    >>> kl_divergence_with_log_targets(log_p, jnp.array([0.0, -jnp.inf])).item()
    0.693...

    Kullback and Leibler 1951, doi:10.1214/aoms/1177729694.

    Float32, CPU: within 4 ULP of the sum of the terms' sizes.
    """
    pair = ("log_predictions", log_predictions), ("log_targets", log_targets)
    who = "kl_divergence_with_log_targets"
    return _divergence(who, _relative_of_logs, *pair, axis, where)


def generalized_kl_divergence(
    log_predictions: Float[Array, "*shape"],
    targets: Float[Array, "*shape"],
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """Σ target · log (target / prediction) − target + prediction over `axis`.

    No term is negative, also where the two do not sum to 1: Bregman's divergence.

    >>> generalized_kl_divergence(jnp.zeros(2), jnp.array([1.0, 0.0])).item()
    1.0

    Bregman 1967, doi:10.1016/0041-5553(67)90040-7.

    Float32, CPU: within 8 ULP.
    """
    pair = ("log_predictions", log_predictions), ("targets", targets)
    return _divergence("generalized_kl_divergence", _above, *pair, axis, where)


convex_kl_divergence = generalized_kl_divergence


def js_divergence(
    log_predictions: Float[Array, "*shape"],
    targets: Float[Array, "*shape"],
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """½ KL(target, m) + ½ KL(prediction, m) over `axis`, m the mean of the two.

    >>> js_divergence(jnp.array([0.0, -jnp.inf]), jnp.array([0.0, 1.0])).item()
    0.693...

    Lin 1991, doi:10.1109/18.61115.

    Float32, CPU: within 8 ULP.
    """
    pair = ("log_predictions", log_predictions), ("targets", targets)
    return _divergence("js_divergence", _between, *pair, axis, where)

"""RAdam: Adam that waits until the variance of its step size is finite."""

import math
from typing import NamedTuple

import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.typing import Array, PyTree, Scalar, ScalarOrSchedule


class ScaleByRadamState(NamedTuple):
    """The state of `scale_by_radam`."""

    count: Array  # () int32, updates so far
    mu: PyTree  # mean of the gradients, like params, >= float32
    nu: PyTree  # mean of their squares, like params, >= float32


def scale_by_radam(
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    threshold: Scalar = 5.0,
    *,
    nesterov: bool = False,
    eps_hat: bool = False,
) -> Transform:
    """r · m/(1−b1ᵗ) / (√(v/(1−b2ᵗ) + eps_root) + eps); without r and root if ρ is low.

    r = √((ρ−4)(ρ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρ)) where ρ = ρ∞ − 2t b2ᵗ/(1−b2ᵗ) >= threshold,
    ρ∞ = 2/(1−b2) − 1, the length of the average; elsewhere the step is m/(1−b1ᵗ).
    ρ is evaluated without the cancellation of that difference, which has three digits
    in float32. `eps_hat` adds eps to √v before its correction: torch.

    >>> tx = scale_by_radam()
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [0.5, -2.0]

    Liu et al. 2020, arXiv:1908.03265.
    """
    who = "scale_by_radam"
    _check.within(who, "threshold", threshold, 4, math.inf)

    def init(params):
        mu = arithmetic.full_like(who, params, 0.0)
        nu = arithmetic.full_like(who, params, 0.0)
        return ScaleByRadamState(jnp.zeros([], jnp.int32), mu, nu)

    def update(updates, state, params=None, **extra):
        del params, extra
        count = arithmetic.increment(state.count)
        mu = head = arithmetic.ema(who, updates, state.mu, b1)
        nu = arithmetic.ema_square(who, updates, state.nu, b2)
        c1, c2 = arithmetic.corrections(count, (mu, nu), b1, b2)
        if nesterov:
            head = arithmetic.nesterov_head(who, updates, mu, b1, count, c1)
        adam = arithmetic.normalized(c1, c2, eps, eps_root, eps_hat)
        ready, r = _rectification(count, b2, threshold, c2.dtype)

        def leaf(g, m, v):
            plain = m / c1.astype(m.dtype)
            return jnp.where(ready, r.astype(v.dtype) * adam(g, m, v), plain)

        new = arithmetic.cast_like((mu, nu), (state.mu, state.nu))
        return arithmetic.each(leaf, updates, head, nu), ScaleByRadamState(count, *new)

    return Transform(init, update)


def radam(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    threshold: Scalar = 5.0,
    *,
    nesterov: bool = False,
    eps_hat: bool = False,
) -> Transform:
    """RAdam: `scale_by_radam`, then a step downhill.

    >>> tx = radam(0.1)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [-0.05, 0.2]
    """
    flags = {"nesterov": nesterov, "eps_hat": eps_hat}
    rule = scale_by_radam(b1, b2, eps, eps_root, threshold, **flags)
    return chain(rule, scale_by_learning_rate(learning_rate))


def _rectification(count, b2, threshold, dtype):
    """(ρ >= threshold, r or 1)."""
    t, b = count.astype(dtype), arithmetic.number(b2)
    full = arithmetic.like(2 / arithmetic.complement(b) - 1, t)
    if not isinstance(b, (int, float)):
        a = arithmetic.like(-jnp.log1p(b - 1), t)
    else:
        a = -math.log(b) if b > 0 else math.inf
    length = _length(t, a, full)
    ready = length >= arithmetic.like(arithmetic.number(threshold), t)
    safe = jnp.where(ready, length, 5)
    share = (safe - 4) * (safe - 2) / safe * (full / ((full - 4) * (full - 2)))
    return ready, jnp.where(ready, jnp.sqrt(jnp.where(ready, share, 1)), 1)


def _length(t, a, full):
    """ρ = full − 2t/(eᵃᵗ − 1); with f(x) = x coth x − 1, t + (f(a/2) − f(at/2)) 2/a."""
    near, far = a * t < 1, jnp.minimum(a * t, 60)
    step = jnp.where(near, a, 0.5)
    before, now = _coth(step / 2), _coth(jnp.where(near, far, 0.5) / 2)
    small = t + (before - now) * (2 / step)
    return jnp.where(near, small, full - 2 * t / jnp.expm1(jnp.where(near, 1, far)))


def _coth(x):
    """x · coth x − 1 for 0 <= x <= ½, from series that have only positive terms."""
    powers = [x ** (2 * k) for k in range(9)]
    sinh = sum(c * p for c, p in zip(_SINH, powers, strict=True))
    rest = sum(2 * k * _SINH[k] * powers[k] for k in range(1, 9))
    return rest / sinh  # (x cosh x − sinh x) / sinh x


_SINH = [1 / math.factorial(2 * k + 1) for k in range(9)]  # sinh x = x Σ c x²ᵏ

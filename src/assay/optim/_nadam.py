"""NAdam: Adam that looks a step ahead, its momentum constant or on Dozat's schedule."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim._adam import scale_by_adam
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.typing import Array, DType, PyTree, Scalar, ScalarOrSchedule


class ScaleByNadamState(NamedTuple):
    """The state of `scale_by_nadam`."""

    count: Array  # () int32, updates so far
    log_product: Array  # () float32 (float64 beside such a moment), log Π (μ/b1)
    mu: PyTree  # mean of the gradients, like params, >= float32 or mu_dtype
    nu: PyTree  # mean of their squares, like params, >= float32


def scale_by_nadam(
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: DType = None,
    *,
    momentum_decay: Scalar = 4e-3,
) -> Transform:
    """h / (√(v/(1−b2ᵗ) + eps_root) + eps), h = μ₊ m/(1 − Π μ₊) + (1−μ) g/(1 − Π μ).

    μ = b1 (1 − ½ · 0.96^(t · momentum_decay)) is the momentum of step t, μ₊ of the next
    and Π the product of all so far; m and v are the means of g and g² with the constant
    b1 and b2. torch has this with momentum_decay 4e-3, Keras with 1. The logarithm of
    the product is kept: a product near 1 would be rounded away.

    >>> tx = scale_by_nadam()
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 3) for u in tx.update(g, tx.init(g))[0].tolist()]
    [1.056, -1.056]

    Dozat 2016, openreview.net/pdf?id=OM0jvwB8jIp57ZJjtNEZ, table of algorithm 8.
    """
    who = "scale_by_nadam"

    def init(params):
        mu = arithmetic.full_like(who, params, 0.0, mu_dtype)
        nu = arithmetic.full_like(who, params, 0.0)
        dtype = arithmetic.wide(*jax.tree.leaves((mu, nu)))
        zeros = jnp.zeros([], jnp.int32), jnp.zeros([], dtype)
        return ScaleByNadamState(*zeros, mu, nu)

    def update(updates, state, params=None, **extra):
        del params, extra
        count = arithmetic.increment(state.count)
        mu = arithmetic.ema(who, updates, state.mu, b1)
        nu = arithmetic.ema_square(who, updates, state.nu, b2)
        (c2,) = arithmetic.corrections(count, (mu, nu), b2)
        product, *weights = _lookahead(state.log_product, count, b1, momentum_decay)
        head = arithmetic.accumulate(who, _mix(*weights), updates, mu)
        leaf = arithmetic.normalized(jnp.ones_like(c2), c2, eps, eps_root)
        new = arithmetic.cast_like((product, mu, nu), state[1:])
        updates = arithmetic.each(leaf, updates, head, nu)
        return updates, ScaleByNadamState(count, *new)

    return Transform(init, update)


def nadam(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: DType = None,
    *,
    nesterov: bool = True,
    momentum_decay: Scalar | None = None,
) -> Transform:
    """NAdam: `scale_by_adam` with nesterov, or `scale_by_nadam`, and a step downhill.

    momentum_decay=None keeps b1, as Optax does; torch has 4e-3 and Keras 1.

    >>> tx = nadam(0.1)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 3) for u in tx.update(g, tx.init(g))[0].tolist()]
    [-0.147, 0.147]
    """
    rule = nadam_rule(b1, b2, eps, eps_root, mu_dtype, nesterov, momentum_decay)
    return chain(rule, scale_by_learning_rate(learning_rate))


def nadam_rule(b1, b2, eps, eps_root, mu_dtype, nesterov, momentum_decay) -> Transform:
    """The rule of nadam and nadamw: with Dozat's schedule or without."""
    if momentum_decay is None:
        return scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov)
    if not nesterov:
        must = "momentum_decay is a schedule of nesterov's momentum"
        _check.fail("nadam", must, "nesterov=False", "Leave one of them out.")
    settings = {"momentum_decay": momentum_decay}
    return scale_by_nadam(b1, b2, eps, eps_root, mu_dtype, **settings)


def _lookahead(log_product, count, b1, momentum_decay):
    """(log Π (μ/b1), weight of m, weight of g): μ₊/(1 − Π μ₊) and (1 − μ)/(1 − Π μ)."""
    t, b = count.astype(log_product.dtype), arithmetic.number(b1)
    rate = arithmetic.like(arithmetic.number(momentum_decay), t)
    now, then = (0.5 * jnp.exp(s * rate * math.log(0.96)) for s in (t, t + 1))
    b, rest = arithmetic.like(b, t), arithmetic.like(arithmetic.complement(b), t)
    here = log_product + jnp.log1p(-now)
    next_ = here + jnp.log1p(-then)
    whole = -jnp.expm1(here + arithmetic.log_power(b1, t))
    ahead = b * (1 - then) / -jnp.expm1(next_ + arithmetic.log_power(b1, t + 1))
    return here, ahead, (rest + b * now) / whole


def _mix(ahead, now):
    def leaf(g, m):
        return ahead.astype(m.dtype) * m + now.astype(m.dtype) * g

    return leaf

"""RMSprop: the gradient over the root of its mean square, or of its variance."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim._sgd import trace
from assay.optim._transform import Transform, chain, identity, scale_by_learning_rate
from assay.typing import Array, PyTree, Scalar, ScalarOrSchedule


class ScaleByRmsState(NamedTuple):
    """The state of `scale_by_rms`, whatever its flags."""

    count: Array  # () int32, updates so far
    nu: PyTree  # mean of the squares, like params, >= float32


class ScaleByStddevState(NamedTuple):
    """The state of `scale_by_stddev`, whatever its flags."""

    count: Array  # () int32, updates so far
    mu: PyTree  # mean of the gradients, like params, >= float32
    variance: PyTree  # mean of squares − mu², kept itself: it cannot go negative


def scale_by_rms(
    decay: Scalar = 0.9,
    eps: Scalar = 1e-8,
    initial_scale: Scalar = 0.0,
    eps_in_sqrt: bool = True,
    bias_correction: bool = False,
) -> Transform:
    """g / √(v + eps), or g / (√v + eps); v the mean of g², from initial_scale.

    >>> tx = scale_by_rms(decay=0.75)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [2.0, -2.0]

    Hinton, Neural Networks for Machine Learning, lecture 6e.
    """
    who = "scale_by_rms"

    def init(params):
        nu = arithmetic.full_like(who, params, initial_scale)
        return ScaleByRmsState(jnp.zeros([], jnp.int32), nu)

    def update(updates, state, params=None, **extra):
        del params, extra
        count = arithmetic.increment(state.count)
        nu = arithmetic.ema_square(who, updates, state.nu, decay)
        c = _weight(decay, count, nu, bias_correction)
        updates = _over_root(updates, nu, c, eps, eps_in_sqrt)
        return updates, ScaleByRmsState(count, arithmetic.cast_like(nu, state.nu))

    return Transform(init, update)


def scale_by_stddev(
    decay: Scalar = 0.9,
    eps: Scalar = 1e-8,
    initial_scale: Scalar = 0.0,
    eps_in_sqrt: bool = True,
    bias_correction: bool = False,
) -> Transform:
    """g / √(s + eps), or g / (√s + eps); s = mean of g² − (mean of g)².

    s follows its own recurrence, s ← decay · (s + (1 − decay)(g − m)²): the difference
    of the two means goes negative in float32.

    >>> tx = scale_by_stddev(decay=0.5)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [2.0, -2.0]

    Graves 2013, arXiv:1308.0850; the weighted recurrence: West 1979.
    """
    who = "scale_by_stddev"

    def init(params):
        mu = arithmetic.full_like(who, params, 0.0)
        variance = arithmetic.full_like(who, params, initial_scale)
        return ScaleByStddevState(jnp.zeros([], jnp.int32), mu, variance)

    def update(updates, state, params=None, **extra):
        del params, extra
        count = arithmetic.increment(state.count)
        before = _weight(decay, state.count, state.mu, bias_correction)
        c = _weight(decay, count, state.mu, bias_correction)
        leaf = _variance_rule(decay, before, c)
        args = (updates, state.variance, state.mu)
        variance = arithmetic.accumulate(who, leaf, *args)
        mu = arithmetic.ema(who, updates, state.mu, decay)
        updates = _over_root(updates, variance, c, eps, eps_in_sqrt)
        new = arithmetic.cast_like((mu, variance), (state.mu, state.variance))
        return updates, ScaleByStddevState(count, *new)

    return Transform(init, update)


def rmsprop(
    learning_rate: ScalarOrSchedule,
    decay: Scalar = 0.9,
    eps: Scalar = 1e-8,
    initial_scale: Scalar = 0.0,
    eps_in_sqrt: bool = True,
    centered: bool = False,
    momentum: Scalar | None = None,
    nesterov: bool = False,
    bias_correction: bool = False,
    *,
    rate_last: bool = False,
) -> Transform:
    """RMSprop: `scale_by_rms` (`scale_by_stddev` if centered), the rate, then momentum.

    `rate_last` has the momentum before the rate, as torch: equal at a constant rate,
    different under a schedule. torch's eps is outside the root: eps_in_sqrt=False.

    >>> tx = rmsprop(0.1, decay=0.75)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [-0.2, 0.2]
    """
    rule = scale_by_stddev if centered else scale_by_rms
    rule = rule(decay, eps, initial_scale, eps_in_sqrt, bias_correction)
    rate = scale_by_learning_rate(learning_rate)
    velocity = identity() if momentum is None else trace(momentum, nesterov)
    return chain(rule, *((velocity, rate) if rate_last else (rate, velocity)))


def _weight(decay, count, moments, bias_correction):
    """The weight of all gradients in the means: 1 where it is not to be corrected."""
    dtype = arithmetic.wide(*jax.tree.leaves(moments))
    if not bias_correction:
        return jnp.ones([], dtype)
    return arithmetic.correction(decay, count, dtype)


def _variance_rule(decay, before, after):
    """West's recurrence; `before` and `after` are the weights of the means."""
    b, w = arithmetic.number(decay), arithmetic.complement(decay)

    def leaf(g, s, m):
        # No weight yet, no mean: the first gradient adds no variance.
        total = jnp.where(before > 0, before, 1)
        share = (before / after * arithmetic.like(w, before)).astype(g.dtype)
        return arithmetic.like(b, g) * (
            s + share * (g - m / total.astype(g.dtype)) ** 2
        )

    return leaf


def _over_root(updates, squares, weight, eps, eps_in_sqrt):
    """g / √(squares/weight + eps), or g / (√(squares/weight) + eps)."""
    eps = arithmetic.number(eps)

    def leaf(g, v):
        e, v = arithmetic.like(eps, v), v / weight.astype(v.dtype)
        below = (
            arithmetic.safe_sqrt(v + e) if eps_in_sqrt else arithmetic.safe_sqrt(v) + e
        )
        return g.astype(v.dtype) / below

    return arithmetic.each(leaf, updates, squares)

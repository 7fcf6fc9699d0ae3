"""Adam: the running mean of the gradient over the root of that of its square."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.typing import Array, DType, PyTree, Scalar, ScalarOrSchedule

# Room for adamw, amsgrad, adamax, nadam, radam: each its own file beside this one.


class ScaleByAdamState(NamedTuple):
    """The state of `scale_by_adam`."""

    count: Array  # () int32, updates so far
    mu: PyTree  # mean of the gradients, like params, >= float32 or mu_dtype
    nu: PyTree  # mean of their squares, like params, >= float32


def scale_by_adam(
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: DType = None,
    *,
    nesterov: bool = False,
) -> Transform:
    """m/(1−b1ᵗ) / (√(v/(1−b2ᵗ) + eps_root) + eps), m and v the means of g and g².

    The corrections never cancel and the betas are never rounded, so that float32 keeps
    within 1e-6 of the rule. `nesterov` looks one step ahead as Dozat 2016 does.

    >>> tx = scale_by_adam()
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [1.0, -1.0]

    Kingma and Ba 2015, arXiv:1412.6980.
    """
    eps, eps_root = arithmetic.number(eps), arithmetic.number(eps_root)
    who = "scale_by_adam"

    def init(params):
        mu = arithmetic.full_like(who, params, 0.0, mu_dtype)
        nu = arithmetic.full_like(who, params, 0.0)
        return ScaleByAdamState(jnp.zeros([], jnp.int32), mu, nu)

    def update(updates, state, params=None, **extra):
        del params, extra
        count = arithmetic.increment(state.count)
        mu = arithmetic.ema(who, updates, state.mu, b1)
        nu = arithmetic.ema_square(who, updates, state.nu, b2)
        dtype = arithmetic.wide(*jax.tree.leaves((mu, nu)))
        c1 = arithmetic.correction(b1, count, dtype)
        c2 = arithmetic.correction(b2, count, dtype)
        head = _nesterov_head(updates, mu, b1, count, c1) if nesterov else mu

        def leaf(g, m, v):
            # Both corrections on the denominator: v / c2 would overflow first.
            root = arithmetic.safe_sqrt(v + (c2 * eps_root).astype(v.dtype))
            below = root * (c1 / jnp.sqrt(c2)).astype(v.dtype)
            return m.astype(v.dtype) / (below + (c1 * eps).astype(v.dtype))

        new = arithmetic.cast_like((mu, nu), (state.mu, state.nu))
        updates = arithmetic.each(leaf, updates, head, nu)
        return updates, ScaleByAdamState(count, *new)

    return Transform(init, update)


def adam(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: DType = None,
    *,
    nesterov: bool = False,
) -> Transform:
    """Adam: `scale_by_adam`, then a step downhill.

    >>> tx = adam(0.1)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [-0.1, 0.1]
    """
    rule = scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov)
    return chain(rule, scale_by_learning_rate(learning_rate))


def _nesterov_head(updates, mu, b1, count, c1):
    """c1 · (b1 m/(1 − b1ᵗ⁺¹) + (1 − b1) g/(1 − b1ᵗ)), to be divided by c1 below."""
    ahead = arithmetic.correction(b1, arithmetic.increment(count), c1.dtype)
    b, w = arithmetic.number(b1), arithmetic.complement(b1)
    ratio = arithmetic.like(b, c1) * c1 / ahead

    def leaf(g, m):
        return ratio.astype(m.dtype) * m + arithmetic.like(w, m) * g.astype(m.dtype)

    return arithmetic.accumulate("scale_by_adam", leaf, updates, mu)

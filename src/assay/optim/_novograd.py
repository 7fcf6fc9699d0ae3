"""NovoGrad: momentum of gradients that are each divided by their layer's norm."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim import _leaves
from assay.optim._grouped import leafwise
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.typing import Array, DType, PyTree, Scalar, ScalarOrSchedule


class ScaleByNovogradState(NamedTuple):
    """The state of `scale_by_novograd`."""

    count: Array  # () int32, updates so far
    mu: PyTree  # the velocity, like params, >= float32 or mu_dtype
    nu: PyTree  # mean of ‖g‖², () for every leaf, >= float32


def scale_by_novograd(
    b1: Scalar = 0.9,
    b2: Scalar = 0.25,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    weight_decay: ScalarOrSchedule = 0.0,
    mu_dtype: DType = None,
) -> Transform:
    """m ← b1 m + g / (√(v + eps_root) + eps) + weight_decay · p; v the mean of ‖g‖².

    The norm is that of a leaf; v starts from the first ‖g‖², and m, which is no mean,
    from 0.

    >>> tx = scale_by_novograd()
    >>> g = jnp.array([3.0, -4.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g), g)[0].tolist()]
    [0.6, -0.8]

    Ginsburg et al. 2019, arXiv:1905.11286.
    """
    who, decay = "scale_by_novograd", weight_decay
    decay = decay if callable(decay) else arithmetic.number(decay)
    decayed = not (isinstance(decay, (int, float)) and decay == 0)

    def init(params):
        mu = arithmetic.full_like(who, params, 0.0, mu_dtype)
        nu = jax.tree.map(lambda p: jnp.zeros([], arithmetic.wide(p)), params)
        return ScaleByNovogradState(jnp.zeros([], jnp.int32), mu, nu)

    def update(updates, state, params=None, **extra):
        del extra
        first, count = state.count == 0, arithmetic.increment(state.count)
        if decayed:
            _leaves.need_params(who, params)

        def squares(g, v):
            norm = jnp.sum(g * g)
            return jnp.where(first, norm, arithmetic.toward(v, norm, b2))

        nu = arithmetic.accumulate(who, squares, updates, state.nu)
        one = jnp.ones([], arithmetic.wide(*jax.tree.leaves(nu)))
        normalized = arithmetic.normalized(one, one, eps, eps_root)

        def velocity(g, m, v, *p):
            new = arithmetic.decayed(m, b1) + normalized(g, g, v)
            if not decayed:
                return new
            rate = decay(state.count) if callable(decay) else decay
            return new + arithmetic.like(arithmetic.number(rate), g) * p[0]

        more = (params,) if decayed else ()
        mu = arithmetic.accumulate(who, velocity, updates, state.mu, nu, *more)
        new = arithmetic.cast_like((mu, nu), state[1:])
        updates = arithmetic.each(lambda g, m: m, updates, mu)
        return updates, ScaleByNovogradState(count, *new)

    return leafwise("scale_by_novograd", Transform(init, update))


def novograd(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.25,
    eps: Scalar = 1e-6,
    eps_root: Scalar = 0.0,
    weight_decay: ScalarOrSchedule = 0.0,
) -> Transform:
    """NovoGrad: `scale_by_novograd`, then a step downhill.

    >>> tx = novograd(0.1)
    >>> g = jnp.array([3.0, -4.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [-0.06, 0.08]
    """
    rule = scale_by_novograd(b1, b2, eps, eps_root, weight_decay)
    return chain(rule, scale_by_learning_rate(learning_rate))

"""Adadelta: a step in the parameter's own units."""

from collections.abc import Callable
from typing import NamedTuple

from assay.optim import _arithmetic as arithmetic
from assay.optim._decay import add_decayed_weights
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.typing import PyTree, Scalar, ScalarOrSchedule


class ScaleByAdaDeltaState(NamedTuple):
    """The state of `scale_by_adadelta`."""

    e_g: PyTree  # mean of the squared gradients, like params, >= float32
    e_x: PyTree  # mean of the squared updates, like params, >= float32


def scale_by_adadelta(rho: Scalar = 0.9, eps: Scalar = 1e-6) -> Transform:
    """u = √(x + eps) / √(v + eps) · g, v the mean of g², x that of the earlier u².

    >>> import jax.numpy as jnp
    >>> tx = scale_by_adadelta(rho=0.0, eps=0.01)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 4) for u in tx.update(g, tx.init(g))[0].tolist()]
    [0.0981, -0.0999]

    Zeiler 2012, arXiv:1212.5701.
    """
    who, eps = "scale_by_adadelta", arithmetic.number(eps)

    def init(params):
        e_g = arithmetic.full_like(who, params, 0.0)
        e_x = arithmetic.full_like(who, params, 0.0)
        return ScaleByAdaDeltaState(e_g, e_x)

    def step(g, v, x):
        e = arithmetic.like(eps, g)
        # First by one root: the product of g and the other may be too large.
        return g / arithmetic.safe_sqrt(v + e) * arithmetic.safe_sqrt(x + e)

    def follow(g, x, v):
        return arithmetic.toward_square(x, step(g, v, x), rho)

    def update(updates, state, params=None, **extra):
        del params, extra
        e_g = arithmetic.ema_square(who, updates, state.e_g, rho)
        e_x = arithmetic.accumulate(who, follow, updates, state.e_x, e_g)
        new = arithmetic.cast_like((e_g, e_x), tuple(state))
        updates = arithmetic.each(step, updates, e_g, state.e_x)
        return updates, ScaleByAdaDeltaState(*new)

    return Transform(init, update)


def adadelta(
    learning_rate: ScalarOrSchedule | None = None,
    rho: Scalar = 0.9,
    eps: Scalar = 1e-6,
    weight_decay: ScalarOrSchedule = 0.0,
    weight_decay_mask: PyTree | Callable | None = None,
) -> Transform:
    """Adadelta: the L2 penalty's gradient, `scale_by_adadelta`, then a step downhill.

    The rate None is Optax's: u itself, uphill. 1 is the paper's and torch's.

    >>> import jax.numpy as jnp
    >>> tx = adadelta(1.0, rho=0.0, eps=0.01)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 4) for u in tx.update(g, tx.init(g), g)[0].tolist()]
    [-0.0981, 0.0999]
    """
    return chain(
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_adadelta(rho, eps),
        scale_by_learning_rate(learning_rate),
    )

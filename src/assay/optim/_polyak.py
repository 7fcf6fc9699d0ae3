"""Polyak's step: as long as the distance to the minimum's value asks for."""

import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim import _norms
from assay.optim._transform import (
    EmptyState,
    Transform,
    chain,
    scale_by_learning_rate,
)
from assay.typing import Scalar, ScalarOrSchedule

SMALLEST = 2.0**-52  # a squared norm of no more than this is a minimum: step 0


def scale_by_polyak(
    f_min: Scalar = 0.0,
    max_learning_rate: Scalar = 1.0,
    eps: Scalar = 0.0,
    variant: str = "sps",
) -> Transform:
    """g · min((f − f_min)/(‖g‖² + eps), max_learning_rate), f given as `value`.

    `variant="sps+"` takes a gap f − f_min below 0 as 0. The step is 0 where
    ‖g‖² + eps <= 2⁻⁵².

    >>> tx = scale_by_polyak()
    >>> tx.update(jnp.array([3.0, 4.0]), (), value=5.0)[0].tolist()
    [0.6000000238418579, 0.800000011920929]

    Loizou et al. 2021, arXiv:2002.10542; "sps+": Garrigos et al. 2023,
    arXiv:2307.14528.
    """
    who = "scale_by_polyak"
    _check.choice(who, "variant", variant, ("sps", "sps+"))
    f_min, eps = arithmetic.number(f_min), arithmetic.number(eps)
    top = arithmetic.number(max_learning_rate)

    def update(updates, state, params=None, *, value=None, **extra):
        del params, extra
        if value is None:
            todo = "Call update(updates, state, params, value=loss)."
            _check.fail(who, "value must be given", None, todo)
        unit, n = _norms.norm(updates)
        # In units where the norm is large: neither it nor its square overflows.
        small = 1 / jnp.maximum(unit, 1)
        gap = jnp.asarray(value).astype(n.dtype) - arithmetic.like(f_min, n)
        gap = (jnp.maximum(gap, 0) if variant == "sps+" else gap) * small
        below = (n * (unit * small)) ** 2 + arithmetic.like(eps, n) * small * small
        some = below > SMALLEST
        step = gap / jnp.where(some, below, 1)
        step = jnp.minimum(step, arithmetic.like(top, n) / small)
        step = jnp.where(some, step, 0)

        def leaf(g):
            return g * small.astype(g.dtype) * step.astype(g.dtype)

        updates = arithmetic.each(leaf, updates)
        return updates, state

    return Transform(lambda params: EmptyState(), update)


def polyak_sgd(
    max_learning_rate: Scalar = 1.0,
    scaling: ScalarOrSchedule = 1.0,
    f_min: Scalar = 0.0,
    eps: Scalar = 0.0,
    variant: str = "sps",
) -> Transform:
    """Gradient descent by Polyak's step: −scaling · `scale_by_polyak`.

    As documented by Optax, whose code takes the norm after the scaling: there a larger
    `scaling` makes the step smaller. Equal at scaling = 1.

    >>> tx = polyak_sgd(scaling=2.0)
    >>> updates, _ = tx.update(jnp.array([3.0, 4.0]), tx.init(None), value=5.0)
    >>> [round(u, 6) for u in updates.tolist()]
    [-1.2, -1.6]
    """
    rule = scale_by_polyak(f_min, max_learning_rate, eps, variant)
    return chain(rule, scale_by_learning_rate(scaling))

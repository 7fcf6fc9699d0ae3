"""The sign of the gradient, or of its running mean."""

import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim._sgd import trace
from assay.optim._transform import (
    Transform,
    chain,
    scale_by_learning_rate,
    stateless,
)
from assay.typing import DType, Scalar, ScalarOrSchedule


def scale_by_sign() -> Transform:
    """sign(g): ±1, and 0 where g is 0.

    >>> tx = scale_by_sign()
    >>> tx.update(jnp.array([0.5, -2.0, 0.0]), tx.init(None))[0].tolist()
    [1.0, -1.0, 0.0]

    Bernstein et al. 2018, arXiv:1802.04434.
    """
    return stateless(lambda updates, params: arithmetic.each(jnp.sign, updates))


def sign_sgd(learning_rate: ScalarOrSchedule) -> Transform:
    """u = −learning_rate · sign(g).

    >>> tx = sign_sgd(0.1)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [-0.1, 0.1]

    Bernstein et al. 2018, arXiv:1802.04434.
    """
    return chain(scale_by_sign(), scale_by_learning_rate(learning_rate))


def signum(
    learning_rate: ScalarOrSchedule, beta: Scalar = 0.9, accumulator_dtype: DType = None
) -> Transform:
    """u = −learning_rate · sign(m), m ← beta · m + g: a mean's sign needs no weight.

    >>> tx = signum(0.1)
    >>> g = jnp.array([0.5, -2.0])
    >>> _, state = tx.update(g, tx.init(g))
    >>> [round(u, 6) for u in tx.update(-g / 2, state)[0].tolist()]
    [-0.1, 0.1]

    Bernstein et al. 2018, arXiv:1802.04434, algorithm 2.
    """
    velocity = trace(beta, accumulator_dtype=accumulator_dtype)
    return chain(velocity, scale_by_sign(), scale_by_learning_rate(learning_rate))

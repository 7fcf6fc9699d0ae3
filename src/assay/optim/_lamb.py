"""LAMB: Adam whose steps are as large as the leaf that they change."""

from collections.abc import Callable

from assay.optim._adam import scale_by_adam
from assay.optim._decay import add_decayed_weights
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.optim._trust import scale_by_trust_ratio
from assay.typing import PyTree, Scalar, ScalarOrSchedule


def lamb(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-6,
    eps_root: Scalar = 0.0,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: PyTree | Callable | None = None,
) -> Transform:
    """u = −learning_rate · ‖p‖/‖r‖ · r, r = Adam's direction + weight_decay · p.

    >>> import jax.numpy as jnp
    >>> tx = lamb(0.1)
    >>> w = jnp.array([3.0, 4.0])
    >>> updates, _ = tx.update(jnp.array([0.0, 7.0]), tx.init(w), w)
    >>> [round(u, 6) for u in updates.tolist()]
    [-0.0, -0.5]

    You et al. 2020, arXiv:1904.00962.
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_trust_ratio(),
        scale_by_learning_rate(learning_rate),
    )

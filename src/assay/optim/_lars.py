"""LARS: momentum on gradients that are as large as the leaf that they change."""

from collections.abc import Callable

from assay.optim._decay import add_decayed_weights
from assay.optim._sgd import trace
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.optim._trust import scale_by_trust_ratio
from assay.typing import PyTree, Scalar, ScalarOrSchedule


def lars(
    learning_rate: ScalarOrSchedule,
    weight_decay: ScalarOrSchedule = 0.0,
    weight_decay_mask: PyTree | Callable = True,
    trust_coefficient: Scalar = 0.001,
    eps: Scalar = 0.0,
    trust_ratio_mask: PyTree | Callable = True,
    momentum: Scalar = 0.9,
    nesterov: bool = False,
) -> Transform:
    """v ← momentum · v + learning_rate · λ (g + weight_decay · p); u = −v.

    λ = trust_coefficient · ‖p‖ / (‖g + weight_decay · p‖ + eps) of the leaf: rate and
    ratio are inside the velocity, as in the paper.

    >>> import jax.numpy as jnp
    >>> tx = lars(1.0, trust_coefficient=0.1)
    >>> w = jnp.array([3.0, 4.0])
    >>> updates, _ = tx.update(jnp.array([0.0, 7.0]), tx.init(w), w)
    >>> [round(u, 6) for u in updates.tolist()]
    [0.0, -0.5]

    You, Gitman and Ginsburg 2017, arXiv:1708.03888.
    """
    return chain(
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_trust_ratio(0.0, trust_coefficient, eps, mask=trust_ratio_mask),
        scale_by_learning_rate(learning_rate),
        trace(momentum, nesterov),
    )

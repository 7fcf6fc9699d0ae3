"""Fromage: every leaf turns by the same angle and keeps its size."""

from collections.abc import Callable

from assay.optim import _arithmetic as arithmetic
from assay.optim._decay import add_decayed_weights
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.optim._trust import scale_by_trust_ratio
from assay.typing import Scalar, ScalarOrSchedule


def fromage(learning_rate: ScalarOrSchedule, min_norm: Scalar = 1e-6) -> Transform:
    """p + u = (p − learning_rate · ‖p‖/‖g‖ · g) / √(1 + learning_rate²), leaf by leaf.

    >>> import jax.numpy as jnp
    >>> tx = fromage(0.75)
    >>> w = jnp.array([3.0, 4.0])
    >>> updates, _ = tx.update(jnp.array([4.0, -3.0]), tx.init(w), w)
    >>> [round(x, 6) for x in (w + updates).tolist()]
    [0.0, 5.0]

    Bernstein et al. 2020, arXiv:2002.03432.
    """

    def step(eta):
        eta = arithmetic.number(eta)
        return eta / (1 + eta * eta) ** 0.5

    def decay(eta):
        # 1/s − 1 without the cancellation, s = √(1 + eta²).
        eta = arithmetic.number(eta)
        s = (1 + eta * eta) ** 0.5
        return -eta * eta / (s * (1 + s))

    return chain(
        scale_by_trust_ratio(min_norm),
        scale_by_learning_rate(_after(step, learning_rate)),
        add_decayed_weights(_after(decay, learning_rate)),
    )


def _after(f: Callable, rate: ScalarOrSchedule) -> ScalarOrSchedule:
    """f(rate), or the schedule t -> f(rate(t))."""
    return (lambda t: f(rate(t))) if callable(rate) else f(rate)

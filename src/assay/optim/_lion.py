"""Lion: the sign of a mix of gradient and momentum."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim._decay import add_decayed_weights
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.typing import Array, DType, PyTree, Scalar, ScalarOrSchedule


class ScaleByLionState(NamedTuple):
    """The state of `scale_by_lion`."""

    count: Array  # () int32, updates so far
    mu: PyTree  # mean of the gradients with b2, like params, >= float32 or mu_dtype


def scale_by_lion(
    b1: Scalar = 0.9,
    b2: Scalar = 0.99,
    mu_dtype: DType = None,
    *,
    mode: str = "hard",
    smooth_beta: Scalar = 1.0,
) -> Transform:
    """sign(c), c = b1 m + (1−b1) g; then m ← b2 m + (1−b2) g.

    `mode` "smooth" takes tanh(smooth_beta · c), "refined" c clipped to ±1: both are 0
    with c, where the sign flickers.

    >>> tx = scale_by_lion()
    >>> g = jnp.array([0.5, -2.0, 0.0])
    >>> tx.update(g, tx.init(g))[0].tolist()
    [1.0, -1.0, 0.0]

    Chen et al. 2023, arXiv:2302.06675.
    """
    who = "scale_by_lion"
    b, after = _weight_after(arithmetic.number(b1), arithmetic.number(b2))
    steep = arithmetic.number(smooth_beta)
    shapes = {
        "hard": jnp.sign,
        "smooth": lambda c: jnp.tanh(arithmetic.like(steep, c) * c),
        "refined": lambda c: jnp.clip(c, -1, 1),
    }
    _check.choice(who, "mode", mode, shapes)

    def init(params):
        mu = arithmetic.full_like(who, params, 0.0, mu_dtype)
        return ScaleByLionState(jnp.zeros([], jnp.int32), mu)

    def leaf(g, m):
        w = arithmetic.like(arithmetic.complement(b), g)
        return shapes[mode](w * g + arithmetic.like(b, g) * m.astype(g.dtype))

    def update(updates, state, params=None, **extra):
        del params, extra
        count = arithmetic.increment(state.count)
        mu = arithmetic.ema(who, updates, state.mu, b2)
        updates = arithmetic.each(leaf, updates, mu if after else state.mu)
        return updates, ScaleByLionState(count, arithmetic.cast_like(mu, state.mu))

    return Transform(init, update)


def _weight_after(b1: Scalar, b2: Scalar) -> tuple[Scalar, bool]:
    """(b, True): c = b m + (1−b) g with m the mean after this step, b = b1/b2.

    The mean before it is then read once only, and XLA overwrites it; else it makes a
    copy first, which costs more than all the rest. (b1, False) where numbers are traced
    or the weight of g would be negative: m is the mean before.
    """
    known = isinstance(b1, (int, float)) and isinstance(b2, (int, float))
    return (b1 / b2, True) if known and 0 <= b1 <= b2 and b2 > 0 else (b1, False)


def lion(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.99,
    mu_dtype: DType = None,
    weight_decay: ScalarOrSchedule = 1e-3,
    mask: PyTree | Callable | None = None,
) -> Transform:
    """Lion: `scale_by_lion`, the decay of `adamw`, then a step downhill.

    >>> tx = lion(0.1, weight_decay=0.5)
    >>> w = jnp.array([2.0, -2.0])
    >>> g = jnp.array([0.5, -0.5])
    >>> [round(u, 6) for u in tx.update(g, tx.init(w), w)[0].tolist()]
    [-0.2, 0.2]
    """
    return chain(
        scale_by_lion(b1, b2, mu_dtype),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )

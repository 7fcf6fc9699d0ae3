"""Weight decay, as a transform of its own."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim import _leaves, _mask
from assay.optim._transform import Transform
from assay.typing import Array, PyTree, ScalarOrSchedule


class AddDecayedWeightsState(NamedTuple):
    """The state of `add_decayed_weights`."""

    count: Array  # () int32, updates so far


def add_decayed_weights(
    weight_decay: ScalarOrSchedule = 0.0, mask: PyTree | Callable | None = None
) -> Transform:
    """u = g + weight_decay · p, where `mask` (a tree of booleans, or params -> one).

    Before `scale_by_adam` it is the L2 penalty's gradient, after it AdamW's decay.

    >>> tx = add_decayed_weights(0.5)
    >>> w = jnp.array([2.0, -2.0])
    >>> tx.update(jnp.zeros(2), tx.init(w), w)[0].tolist()
    [1.0, -1.0]

    Loshchilov and Hutter 2019, arXiv:1711.05101.
    """

    def init(params):
        del params
        return AddDecayedWeightsState(jnp.zeros([], jnp.int32))

    def update(updates, state, params=None, **extra):
        del extra
        _leaves.need_params("add_decayed_weights", params)
        rate = weight_decay(state.count) if callable(weight_decay) else weight_decay
        rate = arithmetic.number(rate)

        def leaf(g, p):
            return g + arithmetic.like(rate, g) * jnp.asarray(p).astype(g.dtype)

        def branch(chosen, gs, ps):
            return arithmetic.each(leaf, gs, ps) if chosen else gs

        chosen = True
        if mask is not None:
            chosen = _mask.chosen("add_decayed_weights", mask, params)
        updates = jax.tree.map(branch, chosen, updates, params)
        count = arithmetic.increment(state.count)
        return updates, AddDecayedWeightsState(count)

    return Transform(init, update)

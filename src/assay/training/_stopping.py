"""When to stop, and which parameters to keep: an init/update pair like an optimizer."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.typing import Array, PyTree


class EarlyStopping(NamedTuple):
    """A pure pair: ``init(tree) -> state``; ``update(value, state, tree) -> state``."""

    init: Callable
    update: Callable
    monitor: str | None = None


class EarlyStoppingState(NamedTuple):
    """The best so far."""

    best: Array  # () float, the best value seen
    kept: PyTree  # the tree that had it
    waited: Array  # () int32, updates since then
    seen: Array  # () int32, updates in all
    stop: Array  # () bool, patience is at its end


def early_stopping(
    patience: int = 10,
    min_delta: float = 0.0,
    *,
    monitor: str | None = None,
    maximize: bool = False,
) -> EarlyStopping:
    """stop ⇔ the last `patience` values did not beat the best by more than `min_delta`.

    `monitor` names the entry of the history to watch: by default "val_loss" if there
    is validation data, else "loss"; `maximize` for accuracies. `fit` gives back the
    kept parameters and state. Both functions are pure, so a sweep may `vmap` them.

    >>> rule = early_stopping(patience=2)
    >>> state = rule.init({"w": jnp.zeros(())})
    >>> for loss, w in [(3.0, 1.0), (2.0, 2.0), (2.5, 3.0), (2.0, 4.0)]:
    ...     state = rule.update(jnp.asarray(loss), state, {"w": jnp.asarray(w)})
    >>> bool(state.stop), float(state.best), float(state.kept["w"])
    (True, 2.0, 2.0)

    Prechelt 1998, Early stopping - but when?
    """
    _check.within("early_stopping", "patience", patience, 1, float("inf"))
    _check.within("early_stopping", "min_delta", min_delta, 0, float("inf"))
    sign = -1.0 if maximize else 1.0

    def init(tree):
        worst = jnp.asarray(sign * jnp.inf, jnp.result_type(float))
        zero = jnp.zeros((), jnp.int32)
        return EarlyStoppingState(worst, tree, zero, zero, jnp.asarray(False))

    def update(value, state, tree):
        value = jnp.asarray(value, state.best.dtype)
        # Not a number compares false: it counts as no improvement.
        better = sign * (state.best - value) > min_delta
        better |= (state.seen == 0) & jnp.isfinite(value)
        keep = jax.tree.map(
            lambda new, old: jnp.where(better, new, old), tree, state.kept
        )
        waited = jnp.where(better, 0, state.waited + 1)
        best = jnp.where(better, value, state.best)
        stop = waited >= patience
        return EarlyStoppingState(best, keep, waited, state.seen + 1, stop)

    return EarlyStopping(init, update, monitor)

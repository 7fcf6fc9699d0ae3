"""Pairs that emit something else than their updates, for the walks of the mirrors."""

from collections.abc import Callable
from typing import NamedTuple

from assay.verify.mirrors.optim._walks import walk


class Ready(NamedTuple):
    """A pair whose updates are already what is compared."""

    init: Callable
    update: Callable


def reading(emit: Callable) -> Callable:
    """A reader that walks over emit(updates, state) of a pair."""

    def read(tx, **how):
        if isinstance(tx, Ready):
            return walk(tx, **how)

        def update(g, state, p):
            u, state = tx.update(g, state, p)
            return emit(u, state), state

        return walk(Ready(tx.init, update), **how)

    return read

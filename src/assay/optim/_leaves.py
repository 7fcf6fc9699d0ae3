"""What rules that read the parameters share; a map with several results."""

from collections.abc import Callable

import jax

from assay import _check
from assay.typing import PyTree


def need_params(who: str, params: PyTree) -> None:
    """The rule reads the parameters: say so where they are missing."""
    if params is None:
        todo = "Call update(updates, state, params)."
        _check.fail(who, "params must be given", None, todo)


def spread(
    who: str, f: Callable, columns: int, updates: PyTree, *rest: PyTree
) -> tuple[PyTree, ...]:
    """f(update, *rest), a tuple of `columns` results, on every leaf: one tree for each.

    Where there is no update there is none, and the first of the rest stay as they are.
    """
    leaves, structure = jax.tree.flatten(updates, is_leaf=lambda g: g is None)
    others = [structure.flatten_up_to(tree) for tree in rest]
    done = []
    for g, *old in zip(leaves, *others, strict=True):
        if g is not None and any(x is None for x in old):
            todo = "Call init with the parameters that receive gradients."
            _check.fail(who, "every update needs its state", "a leaf without", todo)
        kept = [*old, *[None] * columns][: columns - 1]
        done.append((g, *kept) if g is None else f(g, *old))
    found = list(zip(*done, strict=True)) or [()] * columns
    return tuple(structure.unflatten(column) for column in found)

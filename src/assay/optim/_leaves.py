"""Norms of single leaves in units that cannot overflow; a map with several results."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim._clip import _scaled_norm
from assay.typing import Array, PyTree, Scalar


class Norm(NamedTuple):
    """‖x‖ = unit · n, where neither overflows even if their product does."""

    unit: Array  # () a power of two
    n: Array  # () >= float32

    @property
    def inverse(self) -> Array:
        """1/unit, exact. Multiply by it: x/unit/n is compiled to x/(unit · n)."""
        return 1 / self.unit


def norm(x: Array) -> Norm:
    """√Σx² of one leaf."""
    return Norm(*_scaled_norm(x))


def rms(x: Array) -> Norm:
    """√mean(x²) of one leaf; 0 if it is empty."""
    unit, n = _scaled_norm(x)
    return Norm(unit, n / max(jnp.size(x), 1) ** 0.5)


def at_least(size: Norm, floor: Scalar) -> Norm:
    """max(‖x‖, floor)."""
    floor = arithmetic.like(arithmetic.number(floor), size.n)
    # In units of 1 where the floor is taken: floor / unit could overflow.
    low = size.n * size.unit <= floor
    return Norm(jnp.where(low, 1, size.unit), jnp.where(low, floor, size.n))


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

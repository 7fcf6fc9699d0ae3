"""What a cell tells the loops: one step, and how a cotangent goes back through it."""

from collections.abc import Callable
from typing import NamedTuple


class Rule(NamedTuple):
    """A cell in the words of a `Layout`; a state is a tuple, its first part is y."""

    gates: int  # how many parts of the state's size a kernel has
    adds: bool  # whether net = x W + h U + b, with no gate between
    bias: Callable  # params -> what is added to x W
    step: Callable  # (layout, params) -> ((net, state) ↦ (state, what is kept))
    pull: Callable  # (layout, params) -> ((kept, g of state) ↦ (g of net, g of state))
    kept: int  # how many arrays of the state's size a step keeps
    weights: (
        Callable  # (layout, kept, h before, g of net) -> all but the first kernel's
    )

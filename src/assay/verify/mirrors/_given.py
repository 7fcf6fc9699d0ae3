"""How a mirror says which inputs it is checked with."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Draw(NamedTuple):
    """An array to be drawn: `make(rng)` gives it in float64 or integers."""

    make: Callable[[np.random.Generator], Any]
    differentiable: bool = True


def normal(*shape: int, scale: float = 1.0, shift: float = 0.0) -> Draw:
    """Gaussian numbers of either sign."""
    return Draw(lambda rng: shift + scale * rng.standard_normal(shape))


def positive(*shape: int, low: float = 0.1, high: float = 3.0) -> Draw:
    """Uniform numbers above zero."""
    return Draw(lambda rng: rng.uniform(low, high, shape))


def probabilities(*shape: int) -> Draw:
    """Rows that are positive and sum to one over the last axis."""

    def make(rng):
        e = rng.gamma(1.0, size=shape) + 0.01
        return e / e.sum(-1, keepdims=True)

    return Draw(make)


def integers(*shape: int, high: int, low: int = 0) -> Draw:
    """Integers in [low, high)."""
    return Draw(lambda rng: rng.integers(low, high, shape), differentiable=False)


def signs(*shape: int) -> Draw:
    """Labels of -1 and +1."""
    return Draw(lambda rng: rng.choice([-1.0, 1.0], shape), differentiable=False)


def booleans(*shape: int) -> Draw:
    """Masks, with at least the first entry True along the last axis."""

    def make(rng):
        mask = rng.random(shape) < 0.6
        mask[..., 0] = True
        return mask

    return Draw(make, differentiable=False)


def static(value: Any) -> Draw:
    """A Python value or tree handed over as it is."""
    return Draw(lambda _: value, differentiable=False)


def tree(make: Callable[[np.random.Generator], Any]) -> Draw:
    """A parameter tree (NamedTuple, dict) whose leaves `make` draws."""
    return Draw(make)


def given(**inputs: Any) -> Callable:
    """Add one case to a mirror: a Draw, or a shape tuple for Gaussian numbers.

    Stack several for several cases. Inputs are passed by name to both functions.
    """
    case = {n: v if isinstance(v, Draw) else normal(*v) for n, v in inputs.items()}

    def add(mirror: Callable) -> Callable:
        mirror.cases = [case, *getattr(mirror, "cases", [])]
        return mirror

    return add


def mark(**facts: Any) -> Callable:
    """State facts of a mirror: `source`, `ulp`, `gradient=False`, `why`."""

    def add(mirror: Callable) -> Callable:
        mirror.facts = {**getattr(mirror, "facts", {}), **facts}
        return mirror

    return add

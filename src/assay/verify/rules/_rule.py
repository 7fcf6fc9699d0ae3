"""What a rule is, and how it walks over trees."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from assay.optim import Transform

# (t, g, p, s, rate, **settings) -> (update, s): one leaf, one step, float64.
#   t     updates so far, this one counted: 1, 2, ... (a number or an array like g)
#   g, p  gradient; parameter before this update
#   s     the leaf's state by name; {} at the first step
#   rate  the learning rate of this step
Rule = Callable[..., tuple[np.ndarray, dict[str, Any]]]


def transform(rule: Rule, learning_rate: Any = 1.0, **settings: Any) -> Transform:
    """The rule as an (init, update) pair on trees of NumPy arrays, in float64.

    >>> from assay.verify import rules
    >>> tx = transform(rules.adam, 0.1)
    >>> g = {"w": np.array([0.5, -2.0])}
    >>> tx.update(g, tx.init(g), g)[0]["w"].round(6).tolist()
    [-0.1, 0.1]
    """

    def init(params):
        return 0, [{} for _ in jax.tree.leaves(params)]

    def update(updates, state, params=None, **extra):
        del extra
        count, states = state
        rate = None if learning_rate is None else float(at(learning_rate, count + 1))
        leaves, structure = jax.tree.flatten(updates)
        ps = leaves if params is None else jax.tree.leaves(params)
        done = [
            rule(count + 1, _double(g), _double(p), s, rate, **settings)
            for g, p, s in zip(leaves, ps, states, strict=True)
        ]
        new = structure.unflatten([u for u, _ in done])
        return new, (count + 1, [s for _, s in done])

    return Transform(init, update)


def at(value: Any, t: int) -> Any:
    """A number, or a schedule's number: it counts the updates before this one."""
    return value(t - 1) if callable(value) else value


def _double(x: Any) -> np.ndarray:
    return np.asarray(x, np.float64)

"""What the wrappers of the mirrors wrap, by operators that NumPy and JAX both have."""

from typing import Any

import jax
import numpy as np
import optax


def zeros(params):
    """A velocity at rest, in NumPy or JAX as the parameters are."""
    return jax.tree.map(lambda p: 0 * p, params)


def _follow(updates, state, params):
    state = jax.tree.map(lambda g, t: g + 0.9 * t, updates, state)
    return jax.tree.map(lambda t, p: t + 0.1 * p, state, params), state


# A velocity and a decay, and what only doubles.
INNER = optax.GradientTransformation(zeros, _follow)
DOUBLE = optax.stateless(lambda updates, params: jax.tree.map(lambda g: 2 * g, updates))


def numpy_pair(step: Any, start: Any = lambda params: None) -> Any:
    """A pair from step(t, g, s, p) -> (u, s) on whole trees, t the updates before."""

    def update(updates, state, params=None):
        t, inner = state
        updates, inner = step(t, updates, inner, params)
        return updates, (t + 1, inner)

    return optax.GradientTransformation(lambda p: (0, start(p)), update)


def zeros_of(g):
    """No update."""
    return {n: np.zeros(x.shape) for n, x in g.items()}


def noise(rng):
    """Two leaves."""
    return [rng.standard_normal((2, 3)), rng.normal(size=4)]

"""The gradients that two optimizers are compared on: no one kind tells all apart."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from assay.typing import PyTree


def parameters() -> PyTree:
    """Leaves of every rank, all sizes different but for a pair of twins."""
    rng = np.random.default_rng(5)
    shapes = {
        "conv": {"kernel": (2, 3, 1, 5)},
        "dense": {"bias": (4,), "kernel": (3, 4)},
        "scale": (),
        "twin": {"kernel": (3, 4)},  # as large as another: two may share a state
    }

    def draw(shape):
        return np.asarray(rng.standard_normal(shape), np.float32)

    drawn = jax.tree.map(draw, shapes, is_leaf=lambda x: isinstance(x, tuple))
    # A leaf that starts at zero, as biases do: what norms of parameters make of it.
    return {**drawn, "zero": np.zeros(2, np.float32)}


def mixed() -> PyTree:
    """Leaves of three precisions, one of them without entries, one large."""
    rng = np.random.default_rng(6)
    shapes = {"bfloat16": (3, 4), "empty": (0, 3), "float16": (5,), "float32": (2, 3)}
    shapes["large"] = (128, 130)  # what Adafactor and its like factor

    def draw(name, shape):
        dtype = np.float32 if name in ("empty", "large") else jnp.dtype(name)
        return rng.standard_normal(shape).astype(dtype)

    return {name: draw(name, shape) for name, shape in shapes.items()}


def _noise(rng, steps, shape):
    return rng.standard_normal((steps, *shape))


def _scaled(size: float) -> Callable:
    return lambda rng, steps, shape: size * _noise(rng, steps, shape)


def _zeros(rng, steps, shape):
    return np.zeros((steps, *shape))


def _sparse(rng, steps, shape):
    """One entry in ten, and some never."""
    sometimes = rng.random((steps, *shape)) < 0.1
    ever = rng.random(shape) < 0.8
    return _noise(rng, steps, shape) * sometimes * ever


def _alternating(rng, steps, shape):
    """The same size at every step, the sign turning."""
    sign = np.where(np.arange(steps) % 2, -1.0, 1.0)
    return sign.reshape(-1, *([1] * len(shape))) * np.abs(_noise(rng, 1, shape))


def _steady(rng, steps, shape):
    """A mean with a little noise: the moments approach it from below."""
    return 1 + 0.1 * _noise(rng, steps, shape)


def _bursts(rng, steps, shape):
    """A scale of its own for every step, from 1e-6 to 1e4."""
    size = 10 ** rng.uniform(-6, 4, steps)
    return size.reshape(-1, *([1] * len(shape))) * _noise(rng, steps, shape)


def _rank_one(rng, steps, shape):
    """An outer product, as the gradient of a dense layer is for one example."""
    if len(shape) < 2:
        return _noise(rng, steps, shape)
    rows = _noise(rng, steps, (*shape[:-1], 1))
    return rows * _noise(rng, steps, (*[1] * (len(shape) - 1), shape[-1]))


STREAMS: dict[str, Callable] = {
    "noise": _noise,
    "tiny": _scaled(1e-6),
    "small": _scaled(1e-3),
    "large": _scaled(1e4),
    "bursts": _bursts,
    "steady": _steady,
    "alternating": _alternating,
    "sparse": _sparse,
    "zeros": _zeros,
    "rank one": _rank_one,
}


def gradients(name: str, params: PyTree, steps: int) -> list[Any]:
    """One tree a step, in the parameters' dtype, the same at every call."""
    rng = np.random.default_rng(list(STREAMS).index(name))
    leaves, structure = jax.tree.flatten(params)
    made = [STREAMS[name](rng, steps, np.shape(p)) for p in leaves]
    made = [
        g.astype(jax.dtypes.result_type(p)) for g, p in zip(made, leaves, strict=True)
    ]
    return [structure.unflatten([g[t] for g in made]) for t in range(steps)]

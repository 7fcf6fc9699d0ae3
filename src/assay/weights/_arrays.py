"""NumPy's arrays stay NumPy's, with all their digits; JAX's stay JAX's, and traced."""

from typing import Any

import jax.numpy as jnp
import numpy as np


def namespace(*arrays: Any) -> Any:
    """`numpy` if all arrays are NumPy's, else `jax.numpy`."""
    return np if all(isinstance(a, np.ndarray) for a in arrays) else jnp


def zeros(kernel: Any) -> Any:
    """A bias of zeros for the columns of `kernel`."""
    return namespace(kernel).zeros_like(kernel, shape=kernel.shape[1:])


def split(array: Any, n: int) -> list[Any]:
    """n gates, which stand beside one another."""
    return namespace(array).split(array, n, axis=-1)


def beside(parts: Any) -> Any:
    """The gates beside one another."""
    parts = list(parts)
    return namespace(*parts).concatenate(parts, axis=-1)

"""NumPy's arrays stay NumPy's, with all their digits; JAX's stay JAX's, and traced."""

import difflib
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from assay import _check


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


def taken(who: str, tensors: Mapping[str, Any], name: str) -> Any:
    """The tensor of that name, or an error with the nearest."""
    if name not in tensors:
        near = difflib.get_close_matches(name, list(tensors), n=3)
        got = f"none; the nearest are {near}" if near else "none like it"
        todo = "Does the `prefix` fit?"
        _check.fail(who, f"tensors must have {name!r}", got, todo)
    return tensors[name]

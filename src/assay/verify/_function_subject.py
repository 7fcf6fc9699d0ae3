"""A function, its reference and a set of inputs, called in any dtype at any point."""

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from assay import _check

NUDGE = 1e-2  # off the kinks, which chosen inputs love to sit on
SHAKES = 8  # random moves of the inputs by one ULP: how much of an error is theirs


class Subject:
    """Arrays among the inputs may move; everything else is passed as it is."""

    def __init__(self, mine: Callable, reference: Callable, inputs: Any):
        self.mine, self.reference = mine, reference
        made = inputs(np.random.default_rng(0)) if callable(inputs) else inputs
        made = made if type(made) in (tuple, dict) else (made,)
        pairs, self.structure = jax.tree_util.tree_flatten_with_path(made)
        self.leaves = [leaf for _, leaf in pairs]
        words = _parameters(mine) if type(made) is tuple else []
        self.names = [_name(path, words) for path, _ in pairs]
        self.arrays = [k for k, x in enumerate(self.leaves) if _is_array(x)]
        self.floats = [k for k in self.arrays if _floating(self.leaves[k])]
        if not self.arrays:
            todo = "Give a tuple or a dict of them, or a function that makes one."
            _check.fail("verify.function", "inputs must hold arrays", "none", todo)
        self.dtype = self._common_dtype()

    def _common_dtype(self) -> Any:
        """The inputs' own; NumPy's float64 counts as a number without a dtype."""
        kinds = [
            jnp.float32 if isinstance(x, np.ndarray) and x.dtype == np.float64 else x
            for x in (self.leaves[k] for k in self.floats)
        ]
        with jax.numpy_dtype_promotion("standard"):
            return jnp.result_type(*kinds) if kinds else jnp.dtype(jnp.float32)

    @functools.cached_property
    def point(self) -> list[np.ndarray]:
        """The floating inputs in float64, rounded to the dtype first."""
        with np.errstate(over="ignore"):
            found = [np.asarray(self.leaves[k]).astype(self.dtype) for k in self.floats]
        return [x.astype(np.float64) for x in found]

    def moving(self, point: list, dtype: Any = None) -> list:
        """All arrays, the floating ones at `point` in `dtype`."""
        at = dict(zip(self.floats, point, strict=True))
        with np.errstate(over="ignore"):  # float16 may have no such number
            return [
                jnp.asarray(at[k], dtype or self.dtype) if k in at else _plain_array(x)
                for k, x in ((k, self.leaves[k]) for k in self.arrays)
            ]

    def call(self, f: Callable, moving: list) -> Any:
        """f with these arrays in their places; a lone one by position: sin(x, /)."""
        leaves = list(self.leaves)
        for k, x in zip(self.arrays, moving, strict=True):
            leaves[k] = x
        inputs = self.structure.unflatten(leaves)
        if isinstance(inputs, dict) and len(inputs) > 1:
            return f(**inputs)
        return f(*(inputs.values() if isinstance(inputs, dict) else inputs))

    @functools.cached_property
    def compiled(self) -> Callable:
        """Mine under `jit`: arrays -> outputs."""
        return jax.jit(lambda moving: self.call(self.mine, moving))

    def value(self, point: list | None = None) -> list[np.ndarray]:
        """Mine, compiled, in the dtype of the inputs; the leaves of what it returns."""
        at = self.point if point is None else point
        return jax.device_get(jax.tree.leaves(self.compiled(self.moving(at))))

    @functools.cached_property
    def _reference(self) -> Callable:
        """The reference compiled if JAX can trace it, else as it is."""
        compiled = jax.jit(lambda moving: self.call(self.reference, moving))
        try:
            jax.eval_shape(compiled, self.moving(self.point, jnp.float64))
        except Exception:  # NumPy's functions have many; a plain call has the true one
            return lambda moving: self.call(self.reference, list(map(_numpy, moving)))
        return compiled

    def truth(self, point: list | None = None) -> list[np.ndarray]:
        """The reference in float64; the leaves of what it returns."""
        at = self.point if point is None else point
        with (
            jax.enable_x64(True),
            jax.numpy_dtype_promotion("standard"),
            jax.numpy_rank_promotion("allow"),
            np.errstate(all="ignore"),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore", RuntimeWarning)  # NumPy on empty arrays
            found = self._reference(self.moving(at, jnp.float64))
            return [np.asarray(y) for y in jax.tree.leaves(found)]

    @functools.cached_property
    def expected(self) -> list[np.ndarray]:
        """The reference at the inputs."""
        return self.truth()

    @functools.cached_property
    def exact(self) -> bool:
        """Whether the reference computes in float64, so that differences mean it."""
        kinds = [y.dtype for y in self.expected if _floating(y)]
        return all(kind == np.float64 for kind in kinds)

    @functools.cached_property
    def shaken(self) -> list[np.ndarray]:
        """How far one ULP of the inputs moves each output, in the reference.

        A sum that cancels has lost its digits by nobody's mistake.
        """
        rng = np.random.default_rng(5)
        moved = [np.zeros(y.shape) for y in self.expected]
        eps = float(jnp.finfo(self.dtype).eps)
        for _ in range(SHAKES if self.floats else 0):
            signs = [rng.choice([-1.0, 1.0], x.shape) for x in self.point]
            at = [x * (1 + eps * s) for x, s in zip(self.point, signs, strict=True)]
            for k, (y, old) in enumerate(
                zip(self.truth(at), self.expected, strict=True)
            ):
                if y.shape == old.shape and _floating(y):
                    with np.errstate(invalid="ignore"):
                        step = np.nan_to_num(np.abs(y - old), nan=0, posinf=0)
                    moved[k] = np.maximum(moved[k], step)
        return moved

    def nudged(self) -> list[np.ndarray]:
        """Finite inputs, each moved by about a percent, up or down."""
        rng = np.random.default_rng(11)
        made = []
        for x in self.point:
            x = np.where(np.isfinite(x), x, 0.5)
            made.append(x + NUDGE * rng.uniform(0.2, 1, x.shape) * (np.abs(x) + 0.1))
        return made


def _parameters(f: Callable) -> list[str]:
    """What the function calls its arguments, if it says so."""
    try:
        return list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        return []


def _name(path: Any, words: list[str]) -> str:
    """x, params/kernel, or argument 0."""
    first, *rest = jax.tree_util.keystr(path, simple=True, separator="/").split("/")
    if first.isdigit():
        known = int(first) < len(words)
        first = words[int(first)] if known else f"argument {first}"
    return "/".join([first, *rest])


def _is_array(x: Any) -> bool:
    return isinstance(x, (jax.Array, np.ndarray))


def _floating(x: Any) -> bool:
    return jnp.issubdtype(x.dtype, jnp.floating)


def _plain_array(x: Any) -> Any:
    """Integers and booleans as JAX would take them outside x64."""
    if isinstance(x, np.ndarray) and x.dtype in (np.int64, np.uint64):
        return jnp.asarray(x, jnp.int32 if x.dtype == np.int64 else jnp.uint32)
    return jnp.asarray(x)


def _numpy(x: Any) -> Any:
    """For a reference that JAX cannot trace; random keys have no such form."""
    return x if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else np.asarray(x)

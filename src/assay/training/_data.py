"""What the loop asks of its data."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from assay import _check
from assay.typing import Array, PyTree


def on_device(who: str, data: Any) -> tuple:
    """(x, y) or (x, y, weight) as arrays on the device, checked."""
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        kind = type(data).__name__
        got = f"{kind} of {len(data)}" if isinstance(data, (tuple, list)) else kind
        must = "data must be (x, y) or (x, y, sample_weight)"
        _check.fail(who, must, got, kind=TypeError)
    same_rows(who, **dict(zip(("x", "y", "sample_weight"), data, strict=False)))
    for name, part in zip(("x", "y", "sample_weight"), data, strict=False):
        finite(who, name, part)
    return tuple(jax.tree.map(jnp.asarray, part) for part in data)


def same_rows(who: str, **parts: PyTree) -> None:
    """Every array has the same, positive number of rows."""
    rows = {}
    for name, part in parts.items():
        for leaf in jax.tree.leaves(part):
            if np.ndim(leaf) == 0:
                _check.fail(who, f"{name} must have a first axis of rows", "a scalar")
            rows.setdefault(np.shape(leaf)[0], name)
    if len(rows) != 1:
        got = ", ".join(f"{n} rows in {name}" for n, name in rows.items())
        _check.fail(who, f"{', '.join(parts)} must have the same number of rows", got)
    if 0 in rows:
        _check.fail(who, "data must have at least one row", "none")


def finite(who: str, name: str, part: PyTree) -> None:
    """No NaN and no infinity anywhere; the first row that has one is named."""
    for leaf in jax.tree.leaves(part):
        array = np.asarray(leaf)
        if not jnp.issubdtype(array.dtype, jnp.floating):
            continue
        good = np.isfinite(array)
        if not good.all():
            row = int(np.argwhere(~good)[0][0])
            got = f"{array[~good].flat[0]} in row {row} ({(~good).sum()} such numbers)"
            _check.fail(who, f"{name} must be finite", got, "Clean or impute the data.")


def with_class_weight(data: tuple, class_weight: Any) -> tuple:
    """The data with each row's weight times that of its class."""
    if class_weight is None:
        return data
    x, y, *weight = data
    by_class = _table(class_weight)
    labels = y if jnp.issubdtype(y.dtype, jnp.integer) else _classes(y)
    if int(labels.max()) >= len(by_class) or int(labels.min()) < 0:
        must = f"class_weight must have a weight for each label 0 to {labels.max()}"
        _check.fail("fit", must, f"{len(by_class)} weights")
    weights = jnp.asarray(by_class)[labels]
    return x, y, weights * weight[0].astype(weights.dtype) if weight else weights


def _table(class_weight: Mapping[int, float] | Sequence[float]) -> np.ndarray:
    """{0: 1.0, 2: 5.0} -> [1, 1, 5]: a class that is not named weighs 1."""
    if not isinstance(class_weight, Mapping):
        return np.asarray(class_weight, np.float32)
    table = np.ones(max(class_weight) + 1, np.float32)
    for label, weight in class_weight.items():
        table[label] = weight
    return table


def _classes(y: Array) -> Array:
    """The class of each one-hot row, or of each 0/1 number."""
    if y.ndim > 1 and y.shape[-1] > 1:
        return y.argmax(-1)
    return y.reshape(y.shape[0]).astype(jnp.int32)

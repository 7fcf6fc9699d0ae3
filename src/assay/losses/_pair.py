"""The check that every loss of two arrays starts with."""

from typing import Any

from assay import _check, _numerics
from assay.typing import Array


def _pair(who: str, **arrays: Any) -> tuple[Array, Array]:
    """Both arrays in the wider of their dtypes, at least float32; shapes must match."""
    _check.same_shape(who, **arrays)
    name = next(iter(arrays))
    _check.floating(who, **{name: arrays[name]})
    a, b = _numerics.widest(*arrays.values())
    return a, b

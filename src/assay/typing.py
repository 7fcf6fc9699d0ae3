"""The words of the signatures: what an array, a key, a tree and a schedule are."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Array, Bool, Float, Int, Num, PRNGKeyArray, PyTree, Shaped

Key = PRNGKeyArray | Array  # a typed key, or the uint32 array of older code
if TYPE_CHECKING:
    Scalar = float | int | Array
else:  # NumPy's scalars serve too, but checkers do not let them do arithmetic
    Scalar = float | int | np.generic | Array
Schedule = Callable[[Any], Any]  # steps done so far -> value
ScalarOrSchedule = Scalar | Schedule
Initializer = Callable[..., Array]  # (key, shape, dtype) -> Array
Loss = Callable[..., Array]  # (outputs, labels) -> one number per example
Axis = int | tuple[int, ...] | None
DType = Any

__all__ = [
    "Array",
    "Axis",
    "Bool",
    "DType",
    "Float",
    "Initializer",
    "Int",
    "Key",
    "Loss",
    "Num",
    "PyTree",
    "Scalar",
    "ScalarOrSchedule",
    "Schedule",
    "Shaped",
]

"""Which of several formulations runs: a table of measurements, read at trace time.

Each row of `_choices.jsonl` has an operation, a platform, a dtype, a class of shapes
and what every form took there, in milliseconds. ``python -m benchmarks.choose``
writes the rows of the machine it runs on. What no row speaks about is left to XLA.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jax import lax

FILE = Path(__file__).with_name("_choices.jsonl")
PLATFORMS = "cpu", "cuda", "rocm", "tpu"
DIRECTIONS = "forward", "backward"


def rows() -> list[dict[str, Any]]:
    """The table, one row a class."""
    lines = FILE.read_text(encoding="utf-8").splitlines() if FILE.exists() else []
    return [json.loads(line) for line in lines]


@cache
def _table() -> dict[tuple[str, ...], str]:
    return {(*key(row), d): row["chosen"][d] for row in rows() for d in DIRECTIONS}


def key(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What a row speaks about."""
    return tuple(row[n] for n in ("operation", "platform", "dtype", "class"))


def bucket(n: int) -> int:
    """The power of four that stands for n: 3 to 8 give 4, 9 to 32 give 16.

    >>> [bucket(n) for n in (1, 3, 9, 49, 128, 784)]
    [1, 4, 16, 64, 64, 1024]
    """
    b = 1
    while n > 2 * b:
        b *= 4
    return b


def chosen(operation: str, dtype: Any, shape_class: str, direction: str):
    """{platform: name of a form} where a measurement prefers one to XLA's own.

    The rows of float32 speak for float64 as well, where that has none.
    """
    found = {}
    for platform in PLATFORMS:
        for width in (str(dtype), "float32"):
            name = _table().get((operation, platform, width, shape_class, direction))
            if name:
                found[platform] = name
                break
    return {platform: name for platform, name in found.items() if name != "lax"}


def run(forms: Mapping[str, Callable], default: Callable, *args):
    """The form of the platform that the program is compiled for, else the default."""
    if not forms:
        return default(*args)
    return lax.platform_dependent(*args, default=default, **forms)

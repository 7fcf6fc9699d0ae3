"""Which of several formulations runs: a table of measurements, read at trace time.

Each row of `_choices.jsonl` has an operation, a platform, a dtype, a class of shapes
and what every form took there, in milliseconds. ``python -m benchmarks.choose``
writes the rows of the machine it runs on. A class without a row takes the nearest one:
of the same words, and no size more than four times as large or as small; of depthwise
and grouped convolutions and of pools, at which XLA is slow throughout, one at any
distance. What no row speaks about is left to XLA.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from math import log
from pathlib import Path
from typing import Any

from jax import lax

FILE = Path(__file__).with_name("_choices.jsonl")
PLATFORMS = "cpu", "cuda", "rocm", "tpu"
DIRECTIONS = "forward", "backward"
NUMBER, APART = re.compile(r"\b\d+\b"), re.compile("depthwise|groups|pool")
LIKE_SIZES = {"still": "1", "strided": "4", "few": "4", "many": "16"}


def rows() -> list[dict[str, Any]]:
    """The table, one row a class."""
    lines = FILE.read_text(encoding="utf-8").splitlines() if FILE.exists() else []
    return [json.loads(line) for line in lines]


@cache
def _table() -> dict[tuple[str, ...], dict[str, dict[str, str]]]:
    """(operation, platform, dtype) -> class -> direction -> the form chosen."""
    table: dict[tuple[str, ...], dict] = {}
    for row in rows():
        *which, shape_class = key(row)
        table.setdefault(tuple(which), {})[shape_class] = row["chosen"]
    return table


@cache
def _nearest(which: tuple[str, ...], shape_class: str) -> dict[str, str]:
    """What is chosen for the class, or for the one nearest to it; {} without either."""
    classes = _table().get(which, {})
    far = {name: _distance(name, shape_class) for name in classes}
    best = min(far, key=far.__getitem__, default="")
    return classes[best] if best and far[best] < float("inf") else {}


def _distance(a: str, b: str) -> float:
    """The powers of four between the sizes of two classes; infinite if too far.

    >>> _distance("2d dense, 4 to 16, few", "2d dense, 16 to 4, few")
    2.0
    >>> _distance("2d dense, 4 to 16, few", "2d dense, 4 to 16, many")
    inf
    """
    (words_a, sizes_a), (words_b, sizes_b) = _parts(a), _parts(b)
    if words_a != words_b:
        return float("inf")
    steps = [abs(log(m / n, 4)) for m, n in zip(sizes_a, sizes_b, strict=True)]
    near = APART.search(a) or all(step < 1.5 for step in steps)
    return round(sum(steps), 6) if near else float("inf")


def _parts(shape_class: str) -> tuple[str, list[int]]:
    """(the words, the sizes) of a class's name."""
    if APART.search(shape_class):
        for word, size in LIKE_SIZES.items():
            shape_class = shape_class.replace(word, size)
    sizes = [int(n) for n in NUMBER.findall(shape_class)]
    return NUMBER.sub("", shape_class), sizes


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

    The nearest class speaks for one without a row, and float32 for float64.
    """
    found = {}
    for platform in PLATFORMS:
        for width in (str(dtype), "float32"):
            near = _nearest((operation, platform, width), shape_class)
            if near:
                found[platform] = near[direction]
                break
    return {platform: name for platform, name in found.items() if name != "lax"}


def run(forms: Mapping[str, Callable], default: Callable, *args):
    """The form of the platform that the program is compiled for, else the default."""
    if not forms:
        return default(*args)
    return lax.platform_dependent(*args, default=default, **forms)

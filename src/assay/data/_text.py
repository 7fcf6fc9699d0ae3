"""Texts as bytes: 256 tokens, no vocabulary to build and none to carry along."""

import os
from pathlib import Path

import jax
import numpy as np

from assay import _check
from assay.data._sets import Pair
from assay.typing import Key


def documentation() -> str:
    """Python's own reference of its language, as `help("topics")` shows it.

    `pydoc_data.topics`, which every Python has: some 370 kB, and another text in every
    version of Python. Sections that stand in several topics are kept once, paragraph
    by paragraph, or what is held out would have been read before.

    >>> documentation()[:6], len(documentation()) > 200_000
    ('assert', True)
    """
    from pydoc_data.topics import topics

    seen: dict[str, None] = {}
    for name in sorted(topics):
        for paragraph in (name, *topics[name].split("\n\n")):
            if paragraph.strip():
                seen.setdefault(paragraph.strip("\n"))
    return "\n\n".join(seen) + "\n"


def text(source: str | os.PathLike) -> np.ndarray:
    """The bytes, 0 to 255 in int32, of a string in UTF-8 or of the file at a Path.

    >>> text("aé").tolist()
    [97, 195, 169]
    """
    raw = source.encode() if isinstance(source, str) else Path(source).read_bytes()
    return np.frombuffer(raw, np.uint8).astype(np.int32)


def held_out(
    tokens: np.ndarray, *, fraction: float = 0.1
) -> tuple[np.ndarray, np.ndarray]:
    """(the beginning, the last `fraction`): to learn from, and to be judged by.

    By position, as neighbouring windows share their bytes.

    >>> held_out(np.arange(10), fraction=0.2)[1].tolist()
    [8, 9]
    """
    _check.within("held_out", "fraction", fraction, 0, 1)
    cut = len(tokens) - round(fraction * len(tokens))
    return tokens[:cut], tokens[cut:]


def windows(tokens: np.ndarray, length: int, *, stride: int | None = None) -> Pair:
    """(x, y), each (n, length): y is x one token later; one begins every `stride`.

    They lie end to end unless `stride` says otherwise. What is left over is dropped.

    >>> x, y = windows(np.arange(8), 3)
    >>> x.tolist(), y.tolist()
    ([[0, 1, 2], [3, 4, 5]], [[1, 2, 3], [4, 5, 6]])
    """
    _check.within("windows", "stride", stride, 1, float("inf"))
    last = _last("windows", tokens, length)
    return _cut(tokens, length, np.arange(0, last + 1, stride or length))


def random_windows(tokens: np.ndarray, length: int, count: int, *, key: Key) -> Pair:
    """(x, y) of `count` windows anywhere in the text: see `windows`.

    >>> x, y = random_windows(np.arange(8), 3, 5, key=jax.random.key(0))
    >>> x.shape, bool((x[:, 1:] == y[:, :-1]).all())
    ((5, 3), True)
    """
    last = _last("random_windows", tokens, length)
    starts = jax.random.randint(key, (count,), 0, last + 1)
    return _cut(tokens, length, np.asarray(starts))


def _last(who: str, tokens: np.ndarray, length: int) -> int:
    """Where the last window may begin."""
    _check.within(who, "length", length, 1, float("inf"))
    if len(tokens) <= length:
        must = (
            f"the text must have more than {length} tokens, for a window and the next"
        )
        _check.fail(who, must, len(tokens))
    return len(tokens) - length - 1


def _cut(tokens: np.ndarray, length: int, starts: np.ndarray) -> Pair:
    places = starts[:, None] + np.arange(length)
    return tokens[places], tokens[places + 1]

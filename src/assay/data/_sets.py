"""The lectures' tables, scikit-learn's digits, IDX folders, CSV tables."""

import csv as _csv
import gzip
import itertools
import math
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from assay import _check
from assay.typing import Key

Pair = tuple[np.ndarray, np.ndarray]


class Dataset(NamedTuple):
    """Rows to learn from and rows to be judged by."""

    train: Pair  # (x, y)
    test: Pair
    names: tuple[str, ...] = ()  # of the features of a table
    classes: tuple[str, ...] = ()  # label -> its word, where labels had words


# The lectures' tables -----------------------------------------------------------

STUDENTS = (
    *((1, 5, 0), (2, 6, 0), (1, 4, 0), (3, 5, 0), (4, 6, 1)),
    *((5, 5, 1), (5, 7, 1), (6, 6, 1), (7, 5, 1), (8, 6, 0)),
    *((2, 3, 0), (3, 4, 1), (6, 7, 1), (7, 8, 1), (8, 7, 1)),
)
# scikit-learn 1.7: train_test_split(..., test_size=0.3, random_state=42) of 15 rows.
STUDENTS_TRAIN = (8, 2, 1, 14, 4, 7, 10, 12, 3, 6)
STUDENTS_TEST = (9, 11, 0, 13, 5)

HEART = ((28, 150, 110, 1), (36, 120, 90, 0), (42, 180, 160, 1))
LMS = ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, -1))
LOGIC = {
    "and": (0, 0, 0, 1),
    "or": (0, 1, 1, 1),
    "xor": (0, 1, 1, 0),
    "nand": (1, 1, 1, 0),
    "nor": (1, 0, 0, 0),
}
FOOTBALL = ("premier league on", "a friendly game", "not home", "man united playing")


def students() -> Dataset:
    """15 students: hours of study and sleep -> passed; split 70/30 as in the lecture.

    The labels are those printed: (8, 6) fails and (3, 4) passes, against the trend.
    Both are test rows, so a test accuracy of 1 would be luck.

    >>> students().train[0].shape, students().test[1].tolist()
    ((10, 2), [0, 1, 0, 1, 1])
    """
    table = np.array(STUDENTS, np.float32)
    parts = [_last_is_label(table[list(i)]) for i in (STUDENTS_TRAIN, STUDENTS_TEST)]
    return Dataset(*parts, names=("study hours", "sleep hours"))


def heart() -> Dataset:
    """3 patients: age, cholesterol, blood pressure -> ill. No test rows: test is train.

    >>> heart().train[1].tolist()
    [1, 0, 1]
    """
    names = ("age", "cholesterol", "blood pressure")
    return _whole(_last_is_label(np.array(HEART, np.float32)), names)


def lms_rows() -> Dataset:
    """The 4 rows of the LMS example, targets -1 and +1 in float32. Test is train.

    >>> lms_rows().train[1].tolist()
    [1.0, -1.0, -1.0, -1.0]
    """
    table = np.array(LMS, np.float32)
    return _whole((table[:, :2], table[:, 2]), ("x1", "x2"))


def logic(name: str) -> Dataset:
    """The truth table of "and", "or", "xor", "nand" or "nor". Test is train.

    >>> x, y = logic("xor").train
    >>> x.tolist(), y.tolist()
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])
    """
    _check.choice("logic", "name", name, LOGIC)
    return _whole((_corners(2), np.array(LOGIC[name], np.int32)), ("x1", "x2"))


def football() -> Dataset:
    """All 16 answers to the four questions of the football example -> goes to watch.

    "not home" inhibits; else he watches if any of the other three holds (theta = 1).
    1 is *will watch*: the lecture labels 0 so, then reads an inhibited neuron's 0 as
    *will not*. Test is train.

    >>> x, y = football().train
    >>> x.shape, int(y.sum()), int(y[x[:, 2] == 1].sum())
    ((16, 4), 7, 0)
    """
    x = _corners(4)
    watches = (x[:, [0, 1, 3]].sum(1) >= 1) & (x[:, 2] == 0)
    return _whole((x, watches.astype(np.int32)), FOOTBALL)


def _corners(n: int) -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=n)), np.float32)


def _last_is_label(table: np.ndarray) -> Pair:
    return table[:, :-1], table[:, -1].astype(np.int32)


def _whole(pair: Pair, names: tuple[str, ...]) -> Dataset:
    return Dataset(pair, pair, names=names)


# Images -------------------------------------------------------------------------


def digits(*, size: int = 8) -> Dataset:
    """1797 handwritten digits (n, size, size, 1) in [0, 1], labels 0 to 9.

    scikit-learn's; 1437 to learn from and 360 to be judged by, each class in
    proportion, always the same rows. Above 8 they are enlarged (`enlarge`).

    >>> digits().train[0].shape, digits(size=28).test[0].shape
    ((1437, 8, 8, 1), (360, 28, 28, 1))
    """
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ModuleNotFoundError:
        _check.extra("digits", "scikit-learn", "data")
    pixels, y = load_digits(return_X_y=True)
    x = np.asarray(pixels / 16, np.float32).reshape(-1, 8, 8, 1)
    x, y = x if size == 8 else enlarge(x, size), y.astype(np.int32)
    rows = np.arange(len(y))
    how: Any = {"test_size": 0.2, "stratify": y, "random_state": 0}
    train, test = (np.asarray(part) for part in train_test_split(rows, **how))
    return Dataset((x[train], y[train]), (x[test], y[test]))


def enlarge(images: Any, size: int) -> np.ndarray:
    """Bilinear resize of (n, h, w, c) images to (n, size, size, c), half-pixel centres.

    >>> image = np.array([0.0, 1.0]).reshape(1, 1, 2, 1)
    >>> enlarge(image, 4)[0, 0, :, 0].tolist()
    [0.0, 0.25, 0.75, 1.0]
    """
    images = np.asarray(images, np.float32)
    _check.rank_at_least("enlarge", "images", images, 4, "(n, h, w, c)")
    shape = (*images.shape[:-3], size, size, images.shape[-1])
    return np.asarray(jax.image.resize(images, shape, "bilinear"))


IDX_FILES = ("train-images", "train-labels", "t10k-images", "t10k-labels")


def idx(folder: str | os.PathLike) -> Dataset:
    """A folder in MNIST's format: images (n, rows, columns, 1) in [0, 1], int32 labels.

    Reads train-images-idx3-ubyte, train-labels-idx1-ubyte and the two t10k- files,
    plain or .gz. A wrong magic number, a file cut short or too long, and unequal
    counts raise ValueError and name the file.

    >>> import tempfile
    >>> idx(tempfile.gettempdir() + "/no such folder")
    Traceback (most recent call last):
    FileNotFoundError: idx: train-images-idx3-ubyte or .gz must be in ...
    """
    arrays = [read_idx(_find_idx(Path(folder), name), name) for name in IDX_FILES]
    for images, labels, part in ((*arrays[:2], "train"), (*arrays[2:], "t10k")):
        if len(images) != len(labels):
            got = f"{len(images)} images and {len(labels)} labels in {folder}"
            _check.fail("idx", f"{part} images and labels must be as many", got)
    x_train, y_train, x_test, y_test = arrays
    return Dataset((x_train, y_train), (x_test, y_test))


def _find_idx(folder: Path, name: str) -> Path:
    axes = 3 if name.endswith("images") else 1
    stems = (f"{name}-idx{axes}-ubyte", f"{name}.idx{axes}-ubyte")
    for stem, suffix in itertools.product(stems, ("", ".gz")):
        if (path := folder / (stem + suffix)).is_file():
            return path
    must = f"{stems[0]} or .gz must be in {os.fspath(folder)!r}"
    got = "no such folder" if not folder.is_dir() else "no such file"
    _check.fail("idx", must, got, kind=FileNotFoundError)


def read_idx(path: Path, name: str) -> np.ndarray:
    """One file of that kind: a magic number, the lengths of the axes, then bytes."""
    raw = _bytes(path)
    axes = 3 if name.endswith("images") else 1
    magic = int.from_bytes(raw[:4], "big")
    if len(raw) < 4 or magic != 0x800 + axes:
        must = f"{path.name} must begin with the magic number {0x800 + axes}"
        _check.fail("idx", must, magic if len(raw) >= 4 else f"{len(raw)} bytes")
    ends = range(8, 8 + 4 * axes, 4)
    shape = [int.from_bytes(raw[end - 4 : end], "big") for end in ends]
    size = 4 + 4 * axes + math.prod(shape)
    if len(raw) != size:
        must = f"{path.name} must have {size} bytes, as its header says"
        _check.fail("idx", must, f"{len(raw)}", "Was the download cut short?")
    body = np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)
    if axes == 1:
        return body.astype(np.int32)
    return body[..., None].astype(np.float32) / np.float32(255)


def _bytes(path: Path) -> bytes:
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        return gzip.decompress(path.read_bytes())
    except (EOFError, OSError, zlib.error) as error:
        todo = "Was the download cut short?"
        _check.fail("idx", f"{path.name} must be a whole gzip file", error, todo)


# Tables -------------------------------------------------------------------------


def csv(
    path: str | os.PathLike, *, target: int | str = -1, fraction: float = 0.8
) -> Dataset:
    """A table of numbers with one target column, by its name or its place.

    The first line is a header if one of its features is not a number. Targets that are
    words become labels in alphabetical order (`classes` keeps the words), targets
    written without a decimal point int32 labels, others float32. `fraction` of the
    rows are for training, the same rows each time. An empty or ragged line, a feature
    that is no finite number, or an unknown column raises, naming row and column.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "a.csv")
    ...     _ = path.write_text("size,colour\\n1.5,red\\n2.5,blue\\n")
    ...     table = csv(path, target="colour", fraction=0.5)
    >>> table.names, table.classes, table.train[0].shape
    (('size',), ('blue', 'red'), (1, 1))
    """
    _check.within("csv", "fraction", fraction, 0, 1)
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = [(n, row) for n, row in enumerate(_csv.reader(file), 1) if row]
    if not rows:
        _check.fail("csv", f"{os.fspath(path)!r} must have rows", "an empty file")
    header, rows = _header(rows, target)
    at = _column(header, target)
    for n, row in rows:
        if len(row) != len(header):
            must = f"row {n} must have {len(header)} columns"
            _check.fail("csv", must, len(row))
    names = tuple(name for i, name in enumerate(header) if i != at)
    x = np.array([_features(n, row, header, at) for n, row in rows], np.float32)
    y, classes = _targets([(n, row[at].strip()) for n, row in rows], header[at])
    dataset = split((x, y), fraction, jax.random.key(0))
    return dataset._replace(names=names, classes=classes)


def _header(rows: list, target: int | str) -> tuple[list[str], list]:
    """(names, the rows under them)."""
    first = [cell.strip() for cell in rows[0][1]]
    place = target if isinstance(target, int) and -len(first) <= target else 0
    features = [c for i, c in enumerate(first) if i != place % len(first)]
    if isinstance(target, str) or any(_number(c) is None for c in features):
        if len(rows) == 1:
            _check.fail("csv", "there must be rows under the header", "none")
        return first, rows[1:]
    return [f"column {i}" for i in range(1, len(first) + 1)], rows


def _column(header: Sequence[str], target: int | str) -> int:
    """The place of the target column."""
    if isinstance(target, str):
        _check.choice("csv", "target", target, header)
        return list(header).index(target)
    _check.within("csv", "target", target, -len(header), len(header) - 1)
    return target % len(header)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _features(n: int, row: list[str], header: Sequence[str], at: int) -> list[float]:
    cells = list(zip(header, row, strict=True))
    del cells[at]
    return [_finite(n, name, cell) for name, cell in cells]


def _finite(n: int, name: str, cell: str) -> float:
    value = _number(cell)
    if value is None or not np.isfinite(value):
        must = f"row {n}, column {name!r} must be a finite number"
        _check.fail("csv", must, repr(cell))
    return value


def _targets(cells: list[tuple[int, str]], name: str) -> tuple[np.ndarray, tuple]:
    """(labels or numbers, the words of the labels)."""
    for n, cell in cells:
        if not cell:
            _check.fail("csv", f"row {n}, column {name!r} must not be empty", "nothing")
    words = [cell for _, cell in cells]
    if all(_number(word) is None for word in words):
        classes = tuple(sorted(set(words)))
        return np.array([classes.index(w) for w in words], np.int32), classes
    numbers = [_finite(n, name, cell) for n, cell in cells]
    whole = all(word.lstrip("+-").isdigit() for word in words)
    return np.array(numbers, np.int32 if whole else np.float32), ()


def split(pair: tuple[Any, Any], fraction: float, key: Key) -> Dataset:
    """A random `fraction` of the rows for training, the rest for testing.

    >>> parts = split((np.arange(10), np.arange(10)), 0.7, jax.random.key(0))
    >>> sorted([*parts.train[0], *parts.test[0]]) == list(range(10))
    True
    >>> len(parts.train[0])
    7
    """
    _check.within("split", "fraction", fraction, 0, 1)
    x, y = (np.asarray(a) for a in pair)
    if len(x) != len(y):
        must = "x and y must have the same number of rows"
        _check.fail("split", must, f"{len(x)} and {len(y)}")
    order = np.asarray(jax.random.permutation(key, len(x)))
    first, rest = np.split(order, [round(fraction * len(x))])
    return Dataset((x[first], y[first]), (x[rest], y[rest]))


def pad_sequences(
    sequences: Sequence[Any], *, time: int | None = None, value: float = 0.0
) -> Pair:
    """Sequences (length, ...) as one array (n, time, ...), `value` behind; and lengths.

    `time` is the longest length unless given: one `time` for all batches is one shape
    to compile. The lengths make a mask by `layers.lengths_to_mask`.

    >>> x, lengths = pad_sequences([[1.0, 2.0], [3.0]])
    >>> x.tolist(), lengths.tolist()
    ([[1.0, 2.0], [3.0, 0.0]], [2, 1])
    """
    rows = [np.asarray(s) for s in sequences]
    lengths = np.array([len(row) for row in rows], np.int32)
    longest = int(lengths.max(initial=0))
    time = longest if time is None else time
    if not rows or longest > time or len({row.shape[1:] for row in rows}) > 1:
        must = f"there must be sequences of at most {time} steps and of equal steps"
        got = [row.shape for row in rows][:8]
        _check.fail("pad_sequences", must, got, "Cut the longer ones.")
    shape = (len(rows), time, *rows[0].shape[1:])
    x = np.full(shape, value, np.result_type(*rows))
    for row, target in zip(rows, x, strict=True):
        target[: len(row)] = row
    return x, lengths


def unpad_sequences(x: Any, lengths: Any) -> list[np.ndarray]:
    """The sequences of an array (n, time, ...), each cut to its length.

    >>> [s.tolist() for s in unpad_sequences(np.array([[1, 2], [3, 0]]), [2, 1])]
    [[1, 2], [3]]
    """
    return [np.asarray(r)[:n] for r, n in zip(x, np.asarray(lengths), strict=True)]

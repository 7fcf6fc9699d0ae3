"""What `--data` and FILE name: arrays, checked before anything is trained."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from assay import data
from assay.cli._words import UserError, blame, nearest

NAMED: dict[str, Callable[[], data.Dataset]] = {
    "digits": data.digits,
    "students": data.students,
    "heart": data.heart,
    "football": data.football,
    **{name: lambda name=name: data.logic(name) for name in data.LOGIC},
}
FEW = 20  # rows; below it none are spared for validation
MOST = 5000  # validation rows


class Source(NamedTuple):
    """Rows to learn from, to watch, and to be judged by."""

    train: data.Pair
    validation: data.Pair | None
    test: data.Pair
    classes: int
    words: tuple[str, ...]  # of the classes, if they have words
    features: tuple[str, ...]  # of a table's columns
    scaling: dict[str, list[float]] | None  # mean and deviation of each column


def load(spec: str, seed: int) -> Source:
    """The data that `--data` names, split and scaled."""
    with blame("--data"):
        dataset = _read(spec)
    (x, y), (x_test, y_test) = dataset.train, dataset.test
    classes = _count_classes(y, y_test, from_table=bool(dataset.names))
    for part in (x, x_test):
        if not np.isfinite(part).all():
            row = int(np.argwhere(~np.isfinite(part))[0][0])
            raise UserError(f"--data: inputs must be finite; row {row} is not.")
    scaling = _scaling(x) if x.ndim == 2 else None
    x, x_test = scale(x, scaling), scale(x_test, scaling)
    train, validation = _split((x, y), seed)
    rest = classes, dataset.classes, dataset.names, scaling
    return Source(train, validation, (x_test, y_test), *rest)


def _read(spec: str) -> data.Dataset:
    if spec in NAMED:
        return NAMED[spec]()
    path = Path(spec).expanduser()
    if path.is_dir():
        return data.idx(path)
    if path.is_file():
        return data.csv(path)
    looks = "no such file or folder" if _is_path(spec) else "no data of that name"
    hint = "" if _is_path(spec) else nearest(spec, NAMED)
    raise UserError(f"--data: {spec!r}: {looks}.{hint}")


def _is_path(spec: str) -> bool:
    return "/" in spec or "\\" in spec or "." in spec


def _count_classes(y: Any, y_test: Any, *, from_table: bool) -> int:
    """Labels must be 0, 1, ..., classes - 1."""
    if len(y) == 0 or len(y_test) == 0:
        raise UserError("--data: there must be rows to learn from and rows to test.")
    if not np.issubdtype(y.dtype, np.integer):
        raise UserError(
            "--data: the last column must be a class: whole numbers from 0, or words; "
            f"got {y[0]:g}."
        )
    every = np.concatenate([y, y_test])
    known = every if from_table else y
    present = len(np.unique(known))
    classes = max(int(known.max()) + 1, 2)
    low, high = int(every.min()), int(every.max())
    # A label far beyond the others is a mistake, not hundreds of empty classes.
    if low < 0 or high >= classes or classes > 2 * present + 1:
        bad = low if low < 0 else high
        raise UserError(f"--data: labels must be from 0 to {present - 1}; got {bad}.")
    return classes


def _scaling(x: np.ndarray) -> dict[str, list[float]]:
    deviation = x.std(0)
    deviation = np.where(deviation > 0, deviation, 1)
    return {"mean": x.mean(0).tolist(), "deviation": deviation.tolist()}


def scale(x: Any, scaling: dict[str, list[float]] | None) -> np.ndarray:
    """(x − mean) / deviation, column by column; images stay as they are."""
    x = np.asarray(x, np.float32)
    if scaling is None:
        return x
    mean, deviation = (np.asarray(scaling[k], np.float32) for k in scaling)
    return (x - mean) / deviation


def _split(pair: data.Pair, seed: int) -> tuple[data.Pair, data.Pair | None]:
    """A tenth of the rows is watched and not learned from."""
    x, y = pair
    if len(x) < FEW:
        return pair, None
    order = np.random.default_rng(seed).permutation(len(x))
    count = min(len(x) // 10, MOST)
    watched, learned = np.sort(order[:count]), np.sort(order[count:])
    return (x[learned], y[learned]), (x[watched], y[watched])


def read_inputs(path: str, features: tuple[str, ...]) -> np.ndarray:
    """The inputs in a .npy, .npz, IDX or CSV file, as they stand."""
    place = Path(path).expanduser()
    if not place.is_file():
        raise UserError(f"{path}: no such file.")
    with blame(path):
        if place.suffix == ".npy":
            x = np.load(place, allow_pickle=False)
        elif place.suffix == ".npz":
            x = _one_array(place)
        elif "ubyte" in place.name or ".idx" in place.name:
            x = data.read_idx(place, "images")
        else:
            x = _table(place, features)
        kind = x.dtype.kind
        if kind not in "fiub":
            raise UserError(f"{path}: inputs must be numbers; got {x.dtype}.")
    x = x.astype(np.float32) / 255 if x.dtype == np.uint8 else x.astype(np.float32)
    if not np.isfinite(x).all():
        row = int(np.argwhere(~np.isfinite(x))[0][0]) if x.ndim else 0
        raise UserError(f"{path}: inputs must be finite; row {row} is not.")
    return x


def _one_array(path: Path) -> np.ndarray:
    with np.load(path, allow_pickle=False) as file:
        names = file.files
        name = "x" if "x" in names else names[0] if len(names) == 1 else None
        if name is None:
            raise UserError(f"{path}: needs one array, or one called x; got {names}.")
        return file[name]


def _table(path: Path, features: tuple[str, ...]) -> np.ndarray:
    """The columns named as in training if there is a header, else all of them."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    if not rows:
        raise UserError(f"{path}: an empty file.")
    head = [cell.strip() for cell in rows[0]]
    start, columns = 0, list(range(len(head)))
    if not all(_is_number(cell) for cell in head):
        start = 1
        missing = [name for name in features if name not in head]
        if missing:
            raise UserError(
                f"{path}: no column {missing[0]!r}.{nearest(missing[0], head)}"
            )
        columns = [head.index(name) for name in features] or columns
    return np.array([_row(n, row, head, columns) for n, row in _numbered(rows, start)])


def _numbered(rows: list, start: int) -> list[tuple[int, list[str]]]:
    if len(rows) == start:
        raise UserError("there are no rows under the header.")
    return list(enumerate(rows, 1))[start:]


def _row(n: int, row: list[str], head: list[str], columns: list[int]) -> list[float]:
    if len(row) != len(head):
        raise UserError(f"row {n} must have {len(head)} columns; got {len(row)}.")
    for i in columns:
        if not _is_number(row[i]):
            got = repr(row[i])
            raise UserError(f"row {n}, column {i + 1} must be a number; got {got}.")
    return [float(row[i]) for i in columns]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True

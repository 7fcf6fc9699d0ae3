"""`assay verify`: one row a public function, ours against its mirror."""

import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from assay import _check
from assay.verify import _beside, _bounds, _function, _measure, _second
from assay.verify._conventions._table import CONVENTIONS
from assay.verify._discover import discover, mirrored_rooms
from assay.verify.mirrors._given import Draw

# Where neither `_bounds.STATED` nor the mirror says one: float32 under jit, in ULP.
BOUNDS = {
    "activations": 4.0,
    "initializers": 4.0,
    "losses": 8.0,
    "metrics": 8.0,
    "layers": 16.0,
    "optim": 8.0,  # relative to the update's largest entry in its leaf: 1e-6
    "augment": 4.0,
    "images": 16.0,
    "costs": 0.0,
    "sampling": 4.0,
}
GRADIENT_BOUND = 1e-6  # relative, float64: differences themselves reach 1e-9


class Row(NamedTuple):
    """One line of the table."""

    room: str
    name: str
    reference: str
    ulp: float
    bound: float
    gradient: float | None
    ok: bool
    note: str = ""
    second: str = ""  # the second source, where the room has one
    second_ulp: float | None = None  # the distance from that
    beside: tuple[_beside.Beside, ...] = ()  # oracles, and the peers' distances too


class Distances(NamedTuple):
    """What the comparison of one row found."""

    ulp: float
    gradient: float | None
    second: float | None  # in ULP from the second source


def grid() -> np.ndarray:
    """Float32 numbers of every magnitude and either sign, dense around zero."""
    small = np.linspace(-20, 20, 2001)
    magnitudes = np.logspace(-37, 38, 451)
    limits = np.array([0.0, np.inf, -np.inf, np.nan, 88.0, -88.0, 104.0, -104.0])
    return np.concatenate([small, magnitudes, -magnitudes, limits])


# Values on the whole line, derivatives where differences can speak.
WHOLE_LINE = {"x": Draw(lambda _: grid())}
NEAR_ZERO = {"x": Draw(lambda rng: rng.uniform(-6, 6, 37))}


def mirror_of(room: str, name: str) -> Callable:
    """The reference of the same name."""
    mirrors = importlib.import_module(f"assay.verify.mirrors.{room}")
    if not hasattr(mirrors, name):
        _check.fail(f"verify {room}.{name}", "there must be a mirror of it", "none")
    return getattr(mirrors, name)


def cases_of(room: str, mirror: Callable) -> list[dict[str, Draw]]:
    """What the mirror states with @given; activations of one array have a grid."""
    stated = getattr(mirror, "cases", [])
    return stated or ([NEAR_ZERO, WHOLE_LINE] if room == "activations" else [])


def facts_of(mirror: Callable) -> dict[str, Any]:
    """What the mirror states of itself: source, bound, whether there is a gradient."""
    return getattr(mirror, "facts", {})


def source_of(mirror: Callable) -> str:
    """Where the reference comes from, in a word or two."""
    stated = facts_of(mirror).get("source")
    module = getattr(mirror, "__module__", "") or ""
    if stated:
        return stated
    module = module.replace("jax._src.nn", "jax.nn")
    for public in ("jax.nn", "optax", "sklearn", "flax", "scipy", "torch"):
        if module.startswith(public):
            return public
    return "formula in NumPy"


def bound_of(room: str, name: str, mirror: Callable) -> float:
    """What the table of bounds states of the value, else the mirror, else the room.

    Rows are in ULP of the value: a bound relative to something larger (`of`) may have
    another figure in the mirror.
    """
    stated = _bounds.STATED.get(room, {}).get(name)
    marked = facts_of(mirror).get("ulp")
    if stated is not None and not (stated.of and marked):
        return float(stated.value)
    return float(BOUNDS[room] if marked is None else marked)


def row(room: str, name: str) -> Row:
    """Compare one function; an exception is a failed row that says what happened."""
    about, bound = (room, name, ""), float("nan")
    try:
        mirror = mirror_of(room, name)
        about, bound = (room, name, source_of(mirror)), bound_of(room, name, mirror)
        found = _find(room, name, mirror)
        others = _beside.all_beside(room, name)
    except Exception as error:  # the table must be finished, and exit 1
        note = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        return Row(*about, float("inf"), bound, None, False, note)
    slope_ok = found.gradient is None or found.gradient <= GRADIENT_BOUND
    faults = [fault for other in others for fault in other.faults]
    ok = max(found.ulp, found.second or 0.0) <= bound and slope_ok and not faults
    note = "; ".join(faults) or facts_of(mirror).get("why") or _alone(room, name)
    second = _second_of(room, name, mirror)
    more = (second.source if second else "", found.second, others)
    return Row(*about, found.ulp, bound, found.gradient, ok, note, *more)


def _alone(room: str, name: str) -> str:
    """Where Optax is wrong or alone, with its thread; "" elsewhere."""
    rows = CONVENTIONS if room == "optim" else ()
    for row in rows:
        told = row.optimizer == name and row.library == "optax" and row.thread
        if told and "Optax" in row.note:
            return f"{row.note}; {row.thread}"
    return ""


def _second_of(room: str, name: str, mirror: Callable) -> _second.Second | None:
    """Optimizers have two references: no library is an oracle there."""
    return _second.second_of(name, mirror) if room == "optim" else None


def _find(room: str, name: str, mirror: Callable) -> Distances:
    """Choose how this function is compared: by a property, or by value and slope."""
    ours, facts = discover(room)[name], facts_of(mirror)
    second = _second_of(room, name, mirror)
    if facts.get("property"):
        return _property(ours, mirror, second)
    cases, rows = cases_of(room, mirror), facts.get("rows", room == "layers")
    if not cases:
        _check.fail(f"verify {room}.{name}", "its mirror must state @given", "none")
    differentiate = facts.get("gradient", True)
    found = _function.compare(
        ours, mirror, cases, rows=rows, differentiate=differentiate
    )
    apart = None
    if second is not None:
        other = second.make
        apart = _function.compare(ours, other, cases, rows=rows, differentiate=False)
    return Distances(found.ulp, found.gradient, apart and apart.ulp)


def _property(
    ours: Callable, mirror: Callable, second: _second.Second | None
) -> Distances:
    """A mirror that states a property returns what it got and what it expected."""
    worst, apart = 0.0, []
    rows = facts_of(mirror).get("rows", False)
    for seed, case in enumerate(getattr(mirror, "cases", None) or [{}]):
        inputs = _function.cast(_function.draw(case, seed), np.float32)
        got, expected = mirror(ours, **inputs)
        worst = max(worst, _measure.tree_ulp(got, expected, rows=rows))
        if second is not None and second.knows(inputs):
            expected = _second.expected(second, mirror, inputs)
            apart.append(_measure.tree_ulp(got, expected, rows=rows))
    return Distances(worst, None, max(apart, default=None))


def rows(rooms: Iterable[str] | None = None, only: Iterable[str] = ()) -> Iterator[Row]:
    """The rows of the named rooms, or of all, one at a time; `only` these functions."""
    known, wanted = mirrored_rooms(), set(only)
    asked = []
    for room in rooms or known:
        _check.choice("assay verify", "room", room, known)
        names = discover(room)
        asked += [(room, name) for name in names if not wanted or name in wanted]
    # The time goes to the compiler, which leaves Python to another thread.
    with ThreadPoolExecutor(min(8, 2 * (os.cpu_count() or 1))) as pool:
        coming = [pool.submit(row, *one) for one in asked]
        try:
            yield from (future.result() for future in coming)
        finally:
            pool.shutdown(cancel_futures=True)

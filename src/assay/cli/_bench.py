"""`assay bench`: every public function against its reference, by the protocol."""

import argparse
import importlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from assay import bench as protocol
from assay.cli._verify import rooms_of
from assay.cli._words import cells, dump, one_line
from assay.verify import discover

WIDTHS = (34, 10, 10, 8, 14)
TOLERANCE = 1e-4  # float32 against float32, relative to the largest value


def bench(args: argparse.Namespace) -> int:
    """Print a line a function as it is measured; 1 if any pair disagrees."""
    failed = 0
    for room in rooms_of(args):
        if not args.json:
            head = (f"{room}", "ours µs", "ref. µs", "ratio", "quartiles")
            print(f"\n{cells(head, WIDTHS)}", flush=True)
        for name, row in measured(room, args.rounds):
            failed += isinstance(row, Exception)
            print(_line(room, name, row, args.json), flush=True)
    if not args.json:
        print("\nratio = reference / ours: above 1, ours is faster; * = NumPy loop")
    return 1 if failed else 0


def _line(room: str, name: str, row: Any, machine: bool) -> str:
    if isinstance(row, protocol.Row):
        if machine:
            return protocol.json_line(row, room=room)
        star = "" if row.how == "compiled" else "*"
        spread = f"{row.low:.2f} - {row.high:.2f}"
        times = f"{row.ours * 1e6:.1f}", f"{row.theirs * 1e6:.1f}{star}"
        return cells((f"  {name}", *times, f"{row.ratio:.2f}", spread), WIDTHS)
    why = one_line(row) if isinstance(row, Exception) else row
    if machine:
        kind = "failed" if isinstance(row, Exception) else "skipped"
        return dump({"room": room, "name": name, kind: why})
    return f"  {name:<33} {why}"[:80]


def measured(room: str, rounds: int) -> Iterator[tuple[str, Any]]:
    """(name, Row), or the disagreement, or the reason why there is none."""
    mirrors = importlib.import_module(f"assay.verify.mirrors.{room}")
    for name, ours in discover(room).items():
        pair = _pair(room, name, ours, getattr(mirrors, name))
        if isinstance(pair, str):
            yield name, pair
            continue
        try:
            yield name, _compare(name, *pair, rounds=rounds)
        except Exception as error:
            yield name, error


def _pair(room: str, name: str, ours: Callable, theirs: Callable) -> Any:
    """(ours, theirs, arrays), or why there is nothing to time."""
    from assay.verify import _function

    if getattr(theirs, "facts", {}).get("property"):
        return "(checked by a property: nothing to race)"
    cases = getattr(theirs, "cases", [])
    if not cases and room == "activations":
        x = np.random.default_rng(0).standard_normal((1024, 256))
        return ours, theirs, [jnp.asarray(x, jnp.float32)]
    if not cases:
        return "(its reference states no inputs)"
    inputs = _function.cast(_function.draw(cases[0]), jnp.float32)
    arrays, statics = _function.split(inputs)

    def bound(f: Callable) -> Callable:
        return lambda a: _function.call(f, {**a, **statics})

    return bound(ours), bound(theirs), [arrays]


def _compare(name: str, ours: Callable, theirs: Callable, arrays: list, *, rounds: int):
    # Optax does not run under strict promotion; neither rule changes our numbers.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        race = {"name": name, "rounds": rounds, "tolerance": TOLERANCE}
        return protocol.compare(ours, theirs, arrays, **race)

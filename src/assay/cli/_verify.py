"""`assay verify`: every public function beside its independent reference."""

import argparse
from collections.abc import Sequence

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from assay import verify as proofs
from assay.cli._words import UserError, choose, dump


def rooms_of(args: argparse.Namespace) -> tuple[str, ...]:
    """The rooms asked for, or all."""
    known = proofs.mirrored_rooms()
    asked = [choose("--room", room, known) for room in args.room or ()]
    asked += [choose("room", room, known) for room in getattr(args, "what", ())]
    return tuple(dict.fromkeys(asked)) or known


def verify(args: argparse.Namespace) -> int:
    """The rooms' tables, or one optimizer or function beside another."""
    alone = len(args.what) == 1 and args.what[0] not in proofs.mirrored_rooms()
    if args.against or args.set or (alone and ":" in args.what[0]):
        from assay.cli import _compare

        return _compare.compare(args)
    return _rooms(args)


def _rooms(args: argparse.Namespace) -> int:
    """Print the tables; 1 if any function, or convention, is outside its bound."""
    rooms = rooms_of(args)
    only = _named(rooms, args.only or ())
    if args.plot and not _measured(rooms, only):
        raise UserError("--plot: none of these functions takes one array alone.")
    found = _found(rooms, only)
    alike = proofs.conventions() if "optim" in rooms and not args.only else []
    if args.json:
        for row in found:
            print(dump(proofs.record(row)))
        for row in alike:
            print(dump(row.as_dict()))
    else:
        _print(found, alike)
    if args.plot:
        _plot(found, args.plot)
    return 0 if found and all(row.ok for row in [*found, *alike]) else 1


def _named(rooms: tuple[str, ...], only: Sequence[str]) -> list[str]:
    """The functions of --only, which the rooms must have."""
    names = [name for room in rooms for name in proofs.discover(room)]
    return [choose("--only", name, names) for name in only]


def _measured(rooms: tuple[str, ...], only: list[str]) -> bool:
    """Whether any of the functions has an oracle."""
    names = ((room, name) for room in rooms for name in proofs.discover(room))
    return any(proofs.oracles_of(*n) for n in names if not only or n[1] in only)


def _found(rooms: tuple[str, ...], only: list[str]) -> list[proofs.Row]:
    """The rows, with a line that moves while they are made."""
    found, note = [], Console(stderr=True)
    words = SpinnerColumn(), TextColumn("{task.description}")
    quiet = not note.is_terminal
    with Progress(*words, console=note, transient=True, disable=quiet) as p:
        task = p.add_task("starting")
        for row in proofs.rows(rooms, *([only] if only else [])):
            found.append(row)
            p.update(task, description=f"{len(found)} checked: {row.room}.{row.name}")
    return found


def _print(found: list[proofs.Row], alike: list) -> None:
    """The functions of one array beside their peers, the others, the conventions."""
    console = Console()
    console = console if console.is_terminal else Console(width=96)
    alone = [row for row in found if not row.beside]
    if len(alone) < len(found):
        console.print(proofs.accuracy_table(found))
    if alone:
        console.print(proofs.table(alone))
    if alike:
        console.print(proofs.conventions_table(alike))
        print(proofs.conventions_summary(alike))
    console.print(proofs.summary(found), markup=False, highlight=False)


def _plot(found: list[proofs.Row], path: str) -> None:
    """The errors of what has an oracle, over the domain, as a picture."""
    from assay import plots

    panels = {}
    for beside in [beside for row in found for beside in row.beside]:
        curves = proofs.curves(beside.key)
        for place, order in enumerate(("value", "first", "second")):
            series = {library: orders[place] for library, orders in curves.items()}
            bound = getattr(beside.bound, order, None)
            panels[f"{beside.key}: {order}"] = plots.Errors(series, bound)
    Console(stderr=True).print(f"wrote {plots.errors(path, panels)}", highlight=False)

"""`assay verify`: every public function beside its independent reference."""

import argparse

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from assay import verify as proofs
from assay.cli._words import choose, dump


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
    """Print the table; 1 if any function, or convention, is outside its bound."""
    rooms, found = rooms_of(args), []
    note = Console(stderr=True)
    words = SpinnerColumn(), TextColumn("{task.description}")
    with Progress(
        *words, console=note, transient=True, disable=not note.is_terminal
    ) as p:
        task = p.add_task("starting")
        for row in proofs.rows(rooms):
            found.append(row)
            p.update(task, description=f"{len(found)} checked: {row.room}.{row.name}")
        p.update(task, description="the conventions of the libraries")
        alike = proofs.conventions() if "optim" in rooms else []
    if args.json:
        for row in found:
            print(dump(row._asdict()))
        for row in alike:
            print(dump(row.as_dict()))
    else:
        console = Console()
        console = console if console.is_terminal else Console(width=80)
        console.print(proofs.table(found))
        if alike:
            console.print(proofs.conventions_table(alike))
            print(proofs.conventions_summary(alike))
        console.print(proofs.summary(found), markup=False, highlight=False)
    return 0 if found and all(row.ok for row in [*found, *alike]) else 1

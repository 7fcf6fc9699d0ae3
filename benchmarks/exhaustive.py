"""`python -m benchmarks.exhaustive [NAME ...] [--out FOLDER] [--update]`.

Every float32 there is (2^32 bit patterns) through every activation of one array, value
and first derivative, against the float64 oracles of `assay.verify` or, where a function
is its own asymptote, against that: a minute a function. A walk may be stopped at any
time and goes on where it stood, at most 2^24 inputs back. What it found is kept in a
small file a function, with a fingerprint of the compiled programs and of jaxlib's
version: a function that is no longer the same is walked again, others are not.
"""

import argparse
import datetime
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from assay import __version__
from benchmarks import _walk_page
from benchmarks._asymptotes import ASYMPTOTES, Regions
from benchmarks._walk import ALL, Grid, Subject, Walker, walk

HERE = Path(__file__).parent
OUT = HERE / "walks"
PAGE = HERE / "exhaustive.md"
ALIASES = {"swish", "hard_swish", "linear"}
NOT_ALL = {"snake"}  # 1 + sin 2x, whose oracle ends at 2^24


def oracles() -> dict[str, Any]:
    """The float64 functions, by the activation's or loss's name."""
    from assay.verify.oracles import ORACLES

    return {key: o for key, o in ORACLES.items() if key not in ALIASES | NOT_ALL}


def subject(key: str, *, second: bool = False) -> Subject | None:
    """What is walked for a key; None where the house has no such function."""
    from assay.verify import _sections

    ours, oracle = _sections.ours(key), oracles()[key]
    if ours is None:
        return None
    truths = {"value": oracle.value, "first": oracle.first}
    truths |= {"second": oracle.second} if second else {}
    regions = ASYMPTOTES.get(key, Regions())
    return Subject(key, ours, truths, regions, oracle.kinks)


def activations(*, second: bool = False) -> dict[str, Subject]:
    """Every activation of one array, which a plain call walks."""
    keys = [key for key in oracles() if "." not in key]
    found = {key: subject(key, second=second) for key in keys}
    return {key: s for key, s in found.items() if s is not None}


def main(argv: list[str] | None = None, grid: Grid = ALL) -> int:
    """Walk what is new or changed; 130 if stopped, 1 if an oracle failed."""
    args = _arguments(argv)
    unknown = [name for name in args.names if name not in oracles()]
    if unknown:
        print(f"benchmarks.exhaustive: no oracle of {', '.join(unknown)}; there are")
        print(" ", *oracles())
        return 2
    second = {"second": args.second}
    named = [subject(name, **second) for name in args.names]
    chosen = [s for s in named if s is not None]
    out = Path(args.out)
    try:
        failed = _walk_all(chosen or [*activations(**second).values()], out, grid)
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from here.")
        return 130
    if args.update:
        _walk_page.write(Path(args.page), _walk_page.states(out))
    return 1 if failed else 0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.exhaustive", description=__doc__)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="losses.NAME too; all activations")
    add("--out", default=str(OUT), metavar="FOLDER", help="what walks are kept in")
    add("--update", action="store_true", help="write the table anew")
    add("--page", default=str(PAGE), help=argparse.SUPPRESS)
    add("--second", action="store_true", help="the second derivative too")
    return parser.parse_args(argv)


def facts() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "assay": __version__,
        "jax": jax.__version__,
        "jaxlib": version("jaxlib"),
        "python": platform.python_version(),
        "vectors": _vectors(),
        "date": datetime.date.today().isoformat(),
    }


def _vectors() -> str:
    """The widest vectors of this processor, which XLA compiles for."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return platform.machine()
    kinds = ("avx512f", "avx2", "avx", "asimd")
    return next((k for k in kinds if k in flags), platform.machine())


def _walk_all(chosen: list[Subject], out: Path, grid: Grid) -> list[str]:
    """Walk each; the names of those that an oracle or a region stopped."""
    console, failed = Console(), []
    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(None),
        TextColumn("{task.fields[worst]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, redirect_stdout=False) as progress:
        total = len(grid.starts) * len(chosen)
        whole = progress.add_task("all", total=total, worst="")
        for subject in chosen:
            bar = progress.add_task(subject.name, total=len(grid.starts), worst="")
            try:
                line = _one(subject, out, grid, progress, (bar, whole))
            except (ValueError, TypeError) as error:
                failed.append(subject.name)
                line = f"{subject.name}: {error}"
            progress.remove_task(bar)
            progress.print(line, highlight=False)
    return failed


def _one(
    subject: Subject,
    out: Path,
    grid: Grid,
    progress: Progress,
    bars: tuple[TaskID, TaskID],
) -> str:
    """One walk; its line for people."""
    walker = Walker(subject, grid.size, list(subject.truths))
    path = out / f"{re.sub('[()]', '_', subject.name)}.json"
    state: dict[str, Any] = {}
    before = progress.tasks[0].completed
    for state in walk(walker, path, facts(), grid):
        worst = _walk_page.summary(state)
        progress.update(bars[0], completed=state["done"], worst=worst)
        progress.update(bars[1], completed=before + state["done"])
    return f"{subject.name:<16} {_walk_page.summary(state)}  {state['seconds']:.0f} s"


if __name__ == "__main__":
    sys.exit(main())

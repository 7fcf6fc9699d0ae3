"""Measure ours and the peers' errors, and write docs/accuracy.md.

    python scripts/accuracy.py             every function with an oracle: three minutes
    python scripts/accuracy.py gelu silu   these, printed, nothing written

torch and Keras have their columns where they are installed.
"""

import argparse
import datetime
import importlib.metadata
import math
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from assay.verify import _accuracy, _beside, _bounds, _sections
from assay.verify._accuracy import Accuracy, Worst
from assay.verify._beside import Beside
from assay.verify.oracles import ORACLES

PAGE = Path(__file__).parents[1] / "docs" / "accuracy.md"
COUNT = 2**20
COLUMNS = {"assay": "assay", "jax": "jax.nn", "torch": "torch", "keras": "Keras"}
TITLES = {
    "value": "The value",
    "first": "The first derivative",
    "second": "The second derivative",
}
HEAD = """# How accurate the functions of one array are, beside their peers

Written by `python scripts/accuracy.py` on {date}, on {machine}, with {versions}.

The figures are the worst error in ULP of float32, |got − true| / 2^(⌊log₂|true|⌋ − 23),
on CPU, compiled (torch: as it runs), and the input where it was met. The truth is that
of float64 oracles, checked against mpmath ([oracles.md](oracles.md)). The inputs are
{count:,} random bit patterns a function, a quarter as many from 2⁻⁸ to 2⁷, powers of
two, and the neighbours of kinks, of saturation and overflow points and of the roots of
the derivatives. Zero is right where the truth is subnormal; kinks are left out of the
derivatives; within 1e-5 of a root a second derivative may be 2⁻²² off. ∞ means NaN or
infinity where a number belongs; 1.68e+07, which is 2²⁴, a number that is lost.
`assay`'s bounds are those that its docstrings state. A dash: the library has no such
function or derivative. Losses are seen along their first argument, the second as
stated or 0.
"""


def versions() -> str:
    """What was measured."""
    names = "jax", "jaxlib", "optax", "torch", "keras", "numpy", "scipy"
    found = {d.metadata["Name"]: d.version for d in importlib.metadata.distributions()}
    told = [f"{name} {found[name]}" for name in names if name in found]
    return f"Python {platform.python_version()}, {', '.join(told)}"


def of_library(beside: Beside, library: str) -> Accuracy | None:
    """A library's figures; Optax stands in the column of jax.nn."""
    found = beside.found.get(library)
    return beside.found.get("optax") if found is None and library == "jax" else found


def short(value: float) -> str:
    """The digits that tell a float32 from its neighbours."""
    return f"{value:.9g}"


def cell(worst: Worst | None) -> str:
    """The ULP, and where."""
    if worst is None or math.isnan(worst.ulp):
        return "–"
    if worst.ulp == float("inf"):
        return f"∞ at {short(worst.at)}"
    return "0" if worst.ulp == 0 else f"{worst.ulp:.3g} at {short(worst.at)}"


def table(measured: Sequence[Beside], order: str) -> str:
    """One order of all functions, as Markdown."""
    lines = [f"## {TITLES[order]}", ""]
    lines += [f"| function | bound | {' | '.join(COLUMNS.values())} |"]
    lines += ["| --- | ---: |" + " ---: |" * len(COLUMNS)]
    for beside in measured:
        bound = getattr(beside.bound, order, None)
        libraries = [of_library(beside, library) for library in COLUMNS]
        cells = [cell(found and getattr(found, order)) for found in libraries]
        stated = "–" if bound is None else f"{bound:g}"
        lines.append(f"| {beside.key} | {stated} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def kept(beside: Beside, found: Accuracy, order: str) -> bool:
    """Whether an order is within the most that any of our rows may state."""
    limit = getattr(_bounds.most(*_sections.parsed(beside.key)[:2]), order)
    return getattr(found, order).ulp <= limit


def summary(measured: Sequence[Beside]) -> str:
    """How many functions of each library are within 4, 8 and 16 ULP."""
    lines = ["## In short", ""]
    lines += ["| | " + " | ".join(COLUMNS.values()) + " |"]
    lines += ["| --- |" + " ---: |" * len(COLUMNS)]
    counts: dict[str, list[int]] = {}
    for library in COLUMNS:
        rows = [(b, of_library(b, library)) for b in measured]
        for name, count in counted([(b, f) for b, f in rows if f is not None]).items():
            counts.setdefault(name, []).append(count)
    for name, row in counts.items():
        lines.append(f"| {name} | {' | '.join(map(str, row))} |")
    return "\n".join(lines) + "\n"


def counted(rows: Sequence[tuple[Beside, Accuracy]]) -> dict[str, int]:
    """The counts of one library."""
    good = [[kept(b, f, order) for order in _accuracy.ORDERS] for b, f in rows]
    right = [not f.limits for _, f in rows]
    names = "value within 4 ULP (8 for gelu, tanh, tanh_shrink, losses)", "first, 8 ULP"
    columns = dict(
        zip((*names, "second, 16 ULP"), zip(*good, strict=True), strict=True)
    )
    return {
        "functions measured": len(rows),
        **{name: sum(column) for name, column in columns.items()},
        "right at ±∞ and NaN": sum(right),
        "all of these": sum(all(g) and r for g, r in zip(good, right, strict=True)),
    }


def limits(measured: Sequence[Beside]) -> str:
    """Who has no right limit where."""
    lines = [
        "## Limits",
        "",
        "Where value or slope is wrong at an infinity, or a number at NaN:",
        "",
    ]
    for beside in measured:
        for library in COLUMNS:
            found = of_library(beside, library)
            if found is not None and found.limits:
                places = ", ".join(f"{x:g}" for x in found.limits)
                lines.append(f"- {beside.key}, {COLUMNS[library]}: {places}")
    return "\n".join(lines) + "\n"


def page(measured: Sequence[Beside]) -> str:
    """The whole of docs/accuracy.md."""
    machine = f"{platform.system()} {platform.machine()}"
    head = HEAD.format(
        date=datetime.date.today(), machine=machine, versions=versions(), count=COUNT
    )
    tables = [table(measured, order) for order in _accuracy.ORDERS]
    return "\n".join([head, summary(measured), *tables, limits(measured)])


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure errors beside the peers'.")
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    keys = args.names or [k for k in ORACLES if _sections.ours(k) is not None]
    measured = []
    for key in keys:
        measured.append(_beside.beside(key, COUNT))
        print(key, *measured[-1].faults, sep="\n   ", flush=True)
    if args.names:
        print(page(measured))
    else:
        PAGE.write_text(page(measured))
        print(f"wrote {PAGE}")
    return int(any(beside.faults for beside in measured))


if __name__ == "__main__":
    sys.exit(main())

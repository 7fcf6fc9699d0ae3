"""The table of conventions for people: in the terminal, as JSON, as Markdown."""

import itertools
from collections.abc import Iterable

from rich.console import Group
from rich.table import Table

from assay.verify._conventions._check import DOUBLE, STEPS, Found
from assay.verify._conventions._row import LIBRARIES, Convention
from assay.verify._conventions._table import CONVENTIONS

SINGLE = 1e-6  # beyond it a library's float32 is explained

HEAD = """# Which optimizer is it?

The same name is not the same algorithm. Below: the direction u of every library, the
update being −rate · u, or −u where the rate stands in u itself; the arguments of
`assay.optim` that make it at that library's own defaults; and how it is called there.
m̂, v̂ are the means of g and g² over 1−bᵗ.
`assay verify optim` checks every line over {steps} steps, at eps 1e-8, 1e-5, 1e-2,
1 and its own where it has one, against the rule in NumPy's float64.

This page is written by `assay.verify.conventions_markdown()`; do not edit it by hand.
"""


def conventions_table(found: Iterable[Found]) -> Group:
    """One line a convention: ours and theirs from the rule, in float32 and float64."""
    found = list(found)
    table = Table(title="distance from the rule in float64, float32 and x64")
    table.add_column("optimizer", overflow="fold")
    table.add_column("as")
    for heading in ("ours", "theirs", "apart"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for name, group in itertools.groupby(found, key=lambda f: f.convention.optimizer):
        for i, f in enumerate(group):
            ours, theirs = (
                _both(f.single, f.double),
                _both(f.theirs_single, f.theirs_double),
            )
            mine = "ours right" if f.note else "right"  # theirs is not installed
            word = f"[green]{mine}[/]" if f.ok else "[red]WRONG[/]"
            far = f.apart
            far = "" if far is None else f"{far:.0e}"
            table.add_row(
                "" if i else name, f.convention.library, ours, theirs, far, word
            )
        table.add_section()
    return Group(table, *_remarks(found))


def conventions_summary(found: list[Found]) -> str:
    """The last line: how many, and which are wrong."""
    names = [f"{f.convention.optimizer} as {f.convention.library}" for f in found]
    wrong = [n for n, f in zip(names, found, strict=True) if not f.ok]
    if not wrong:
        return f"{len(found)} conventions, all as the table says"
    return f"{len(wrong)} of {len(found)} conventions are wrong: {', '.join(wrong)}"


def conventions_markdown(rows: Iterable[Convention] = CONVENTIONS) -> str:
    """The page of the documentation: equation and arguments of every library."""
    out = [HEAD.format(steps=STEPS)]
    for name, group in itertools.groupby(
        sorted(rows, key=lambda r: r.optimizer), key=lambda r: r.optimizer
    ):
        out.append(f"## {name}\n")
        out.append("| as | u | ours | theirs | |")
        out.append("|---|---|---|---|---|")
        out += [_line(row) for row in group]
        out.append("")
    return "\n".join(out)


def _both(single: float | None, double: float | None) -> str:
    return " ".join("–" if x is None else f"{x:.0e}" for x in (single, double))


def _remarks(found: list[Found]) -> list[str]:
    """Who is wrong or alone, with the thread; what explains a library's distance."""
    said: dict[str, list[str]] = {}
    for f in found:
        row = f.convention
        thread = "; ".join(w for w in (row.note, row.thread) if w and row.thread)
        far = (f.theirs_single or 0.0) > SINGLE and f"in float32: {row.rounding}"
        low = (f.theirs_double or 0.0) > DOUBLE and f"in x64: {row.low}"
        for words in (thread, far, low, f.note):
            if words:
                said.setdefault(words, []).append(f"{row.optimizer}/{row.library}")
    return [f"{', '.join(dict.fromkeys(who))}: {words}" for words, who in said.items()]


def _line(row: Convention) -> str:
    """One row of Markdown; bars stand for absolute values, so they are escaped."""
    ours, theirs = (f"`{c}`" if c else "–" for c in (row.ours_call, row.theirs_call))
    notes = [row.note, f"float64: {row.low}" if row.low else ""]
    notes.append(f"[thread](https://{row.thread})" if row.thread else "")
    note = "; ".join(n for n in notes if n)
    cells = LIBRARIES[row.library], row.equation, ours, theirs, note
    return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"

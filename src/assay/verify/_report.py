"""The table that `assay verify` prints."""

import itertools
import math
from collections.abc import Iterable

from rich.table import Table

from assay.verify._rooms import Row


def table(rows: Iterable[Row]) -> Table:
    """One line a function: reference, worst error in ULP, derivative error, verdict.

    Optimizers have two lines, one for the second source. Below the table: where the
    reference's reading is not the paper's, with the thread.
    """
    remarks: list[str] = []
    out = Table(title="ours in float32 against the reference in float64", expand=False)
    out.caption_justify = "left"
    out.add_column("function", overflow="fold")
    out.add_column("reference", overflow="fold")
    for heading in ("ULP", "bound", "gradient"):
        out.add_column(heading, justify="right", no_wrap=True)
    out.add_column("verdict", no_wrap=True)
    for room, found in itertools.groupby(rows, key=lambda r: r.room):
        out.add_section()
        out.add_row(f"[bold]{room}[/]")
        for r in found:
            out.add_row(r.name, r.reference, *figures(r), verdict(r))
            if r.second:
                out.add_row("", r.second, _second(r))
            if r.ok and "github.com" in r.note:
                remarks.append(f"{r.name}: {r.note}")
    out.caption = "\n".join(remarks) or None
    return out


def _second(row: Row) -> str:
    return "–" if row.second_ulp is None else number(row.second_ulp)


def figures(row: Row) -> tuple[str, str, str]:
    """ULP, bound and derivative error as short text."""
    slope = "–" if row.gradient is None else f"{row.gradient:.0e}"
    return number(row.ulp), number(row.bound), slope


def number(value: float) -> str:
    """Two digits, or three for large numbers, or ∞."""
    if math.isinf(value):
        return "∞"
    return f"{value:.2g}" if value < 100 else f"{value:.3g}"


def verdict(row: Row) -> str:
    """A word, coloured; what went wrong where it is known."""
    if row.ok:
        return "[green]right[/]"
    return f"[red]WRONG[/] {row.note}"[:60]


def summary(rows: list[Row]) -> str:
    """The last line: how many, and which are wrong."""
    wrong = [f"{r.room}.{r.name}" for r in rows if not r.ok]
    if not wrong:
        return f"{len(rows)} functions, all within their bounds"
    return f"{len(wrong)} of {len(rows)} functions are wrong: {', '.join(wrong)}"

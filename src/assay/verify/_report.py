"""The tables that `assay verify` prints."""

import itertools
import math
from collections.abc import Iterable
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from assay.verify._accuracy import ORDERS, Accuracy
from assay.verify._beside import Beside
from assay.verify._rooms import Row


def table(rows: Iterable[Row]) -> Table:
    """One line a function: reference, worst error in ULP, derivative error, verdict.

    Optimizers have two lines, one for the second source. Below the table: where the
    reference's reading is not the paper's, with the thread.
    """
    remarks: list[str] = []
    out = Table(title="ours in float32 against the reference in float64", expand=False)
    out.caption_justify = "left"
    # Names never give way to what went wrong, which is folded instead.
    out.add_column("function", overflow="fold", min_width=20)
    out.add_column("reference", overflow="fold", min_width=12)
    for heading in ("ULP", "bound", "gradient"):
        out.add_column(heading, justify="right", no_wrap=True)
    out.add_column("verdict", overflow="fold", min_width=8)
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
    """Two digits, or three for large numbers, or ∞; – for what there is not."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞"
    return f"{value:.2g}" if value < 100 else f"{value:.3g}"


def verdict(row: Row) -> str:
    """A word, coloured; what went wrong where it is known."""
    if row.ok:
        return "[green]right[/]"
    return f"[red]WRONG[/] {escape(row.note[:120])}"


def summary(rows: list[Row]) -> str:
    """The last line: how many, and which are wrong."""
    wrong = [f"{r.room}.{r.name}" for r in rows if not r.ok]
    if not wrong:
        return f"{len(rows)} functions, all within their bounds"
    return f"{len(wrong)} of {len(rows)} functions are wrong: {', '.join(wrong)}"


def accuracy_table(rows: Iterable[Row]) -> Table:
    """Value and derivatives of functions of one array, ours and the peers', in ULP.

    The worst over random bit patterns and the points that matter; the limits are at ±∞
    and NaN, of value and first derivative.
    """
    out = Table(title="worst ULP from the float64 oracle", box=box.SIMPLE_HEAD)
    out.add_column("function", overflow="fold", min_width=16)
    out.add_column("of", no_wrap=True)
    for heading in ("value", "first", "second"):
        out.add_column(heading, justify="right", no_wrap=True)
    out.add_column("limits", no_wrap=True)
    out.add_column("verdict", overflow="fold")
    for row in rows:
        for beside in row.beside:
            for library, found in beside.found.items():
                ours = library == "assay"
                name = beside.key.removeprefix("losses.") if ours else ""
                told = judged(row, beside) if ours else ""
                style = "" if ours else "dim"
                out.add_row(name, library, *three(found), told, style=style)
    return out


def three(found: Accuracy) -> tuple[str, str, str, str]:
    """The figures of the three orders, and where the limits are wrong."""
    value, first, second = (number(worst.ulp) for worst in found.orders)
    limits = " ".join(f"{x:g}" for x in found.limits)
    return value, first, second, f"not {limits}" if limits else "right"


def judged(row: Row, beside: Beside) -> str:
    """The bounds that hold, or what breaks them; the mirror has its say too."""
    if beside.faults:
        return f"[red]WRONG[/] {'; '.join(beside.faults)}"
    if not row.ok and not any(other.faults for other in row.beside):
        against = f"{number(row.ulp)} ULP and {figures(row)[2]} from {row.reference}"
        return f"[red]WRONG[/] {escape(against)}"
    if beside.bound is None:
        return "no bound"
    given = (b for b in beside.bound[:3] if b is not None)
    return f"[green]≤ {', '.join(f'{b:g}' for b in given)}[/]"


def record(row: Row) -> dict[str, Any]:
    """A row for machines: what was measured beside the peers by key and library."""
    out = row._asdict()
    out["beside"] = {
        beside.key: {library: figure(found) for library, found in beside.found.items()}
        for beside in row.beside
    }
    return out


def figure(found: Accuracy) -> dict[str, Any]:
    """One library's figures by name."""
    orders = zip(ORDERS, found.orders, strict=True)
    limits = [str(x) for x in found.limits]
    return {order: w._asdict() for order, w in orders} | {"no_limit_at": limits}

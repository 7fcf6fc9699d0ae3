"""A bar on a terminal, silence elsewhere."""

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class Bar:
    """Nothing to see: the quiet bar."""

    def step(self, rows: int) -> None:
        """`rows` more rows were handed to the device."""

    def epoch(self, number: int, logs: dict[str, float], seconds: list[float]) -> None:
        """An epoch is done."""


class _RichBar(Bar):
    """Rows done of all epochs; the rate leaves the first, compiling epoch out."""

    def __init__(self, progress: Progress, epochs: int, rows: int):
        self.progress, self.epochs, self.rows = progress, epochs, rows
        self.task = progress.add_task("", total=epochs * rows, notes="compiling")
        self.done, self.shown = 0, time.monotonic()

    def step(self, rows: int) -> None:
        self.done += rows
        if time.monotonic() - self.shown > 0.1:
            self.shown = time.monotonic()
            self.progress.update(self.task, completed=self.done)

    def epoch(self, number: int, logs: dict[str, float], seconds: list[float]) -> None:
        self.done = number * self.rows
        notes = "  ".join(f"{name} {value:.4g}" for name, value in logs.items())
        if steady := seconds[1:]:
            notes += f"  {self.rows * len(steady) / sum(steady):,.0f} rows/s"
        name = f"epoch {number}/{self.epochs}"
        self.progress.update(
            self.task, description=name, completed=self.done, notes=notes
        )


@contextlib.contextmanager
def progress_bar(wanted: bool | None, epochs: int, rows: int) -> Iterator[Bar]:
    """The bar on standard error; quiet when not a terminal, or when not wanted."""
    console = Console(stderr=True)
    if wanted is False or (wanted is None and not console.is_terminal):
        yield Bar()
        return
    # Where it cannot be redrawn, the bar is printed once, at the end.
    once = {"console": console, "transient": console.is_terminal}
    text = (
        TextColumn("{task.description}"),
        BarColumn(20),
        TextColumn("{task.fields[notes]}"),
    )
    with Progress(*text, TimeRemainingColumn(), **once) as shown:
        yield _RichBar(shown, epochs, rows)

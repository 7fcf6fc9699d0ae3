"""Does an optimizer keep the protocol? Clause by clause, with what broke it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from rich.table import Table

from assay import _check
from assay.optim import Transform
from assay.verify import _clauses, _record
from assay.verify._comparison import SLIM, shown

KEPT, BROKEN, NOT_RUN = "kept", "broken", "not run"


class Clause(NamedTuple):
    """One clause: whether it is kept, and what happened."""

    name: str
    verdict: str  # kept, broken or not run
    note: str = ""


class Contract(NamedTuple):
    """What became of every clause; print it, or `check()` it in a test."""

    clauses: tuple[Clause, ...]

    @property
    def kept(self) -> bool:
        """Whether no clause was broken."""
        return not self.broken

    @property
    def broken(self) -> tuple[Clause, ...]:
        """The broken clauses."""
        return tuple(c for c in self.clauses if c.verdict == BROKEN)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        run = [c for c in self.clauses if c.verdict != NOT_RUN]
        if self.kept:
            return f"keeps all {len(run)} clauses of the contract"
        what = "; ".join(f"{c.name}: {c.note}" for c in self.broken)
        return f"breaks {len(self.broken)} of {len(run)} clauses: {what}"

    def check(self) -> None:
        """Raise AssertionError with the verdict if a clause is broken."""
        if not self.kept:
            raise AssertionError(self.sentence)

    def as_dict(self) -> dict[str, Any]:
        """The contract for machines."""
        clauses = [c._asdict() for c in self.clauses]
        return {"kept": self.kept, "verdict": self.sentence, "clauses": clauses}

    def __rich__(self) -> Table:
        """The table: one row a clause."""
        end = f"{len(self.broken)} broken" if self.broken else self.sentence
        table = Table(caption=end, caption_justify="left", **SLIM)
        table.add_column("clause")
        table.add_column("verdict", no_wrap=True)
        table.add_column("what happened", overflow="fold")
        colours = {KEPT: "green", BROKEN: "red", NOT_RUN: "dim"}
        for c in self.clauses:
            verdict = f"[{colours[c.verdict]}]{c.verdict}[/]"
            table.add_row(c.name, verdict, c.note.replace("[", r"\["))
        return table

    def __str__(self) -> str:
        return shown(self)


def contract(
    optimizer: Callable | Transform,
    *,
    learning_rate: float = 0.1,
    extra: Callable | None = None,
) -> Contract:
    """Whether an optimizer keeps what training loops and wrappers rely on.

    `optimizer` is a maker that takes a learning rate (then the clauses about that are
    run too), or a finished (init, update) pair. `extra(gradients, params)` gives the
    extra arguments that its update cannot do without.

    >>> from assay import optim
    >>> report = contract(optim.sgd)
    >>> report.kept
    True
    """
    finished = hasattr(optimizer, "init") and hasattr(optimizer, "update")
    make: Any = None if finished else optimizer
    with _record.relaxed():
        tx: Any = optimizer if make is None else make(learning_rate)
        if not (hasattr(tx, "init") and hasattr(tx, "update")):
            must = "optimizer must be, or make, an (init, update) pair"
            _check.fail("verify.contract", must, type(tx).__name__, kind=TypeError)
        subject = _clauses.Subject(make, tx, learning_rate, extra)
        return Contract(tuple(_tried(c, subject) for c in _clauses.CLAUSES))


def _tried(clause: Callable, subject: _clauses.Subject) -> Clause:
    name = (clause.__doc__ or "").strip()
    try:
        clause(subject)
    except _clauses.NotRun as reason:
        return Clause(name, NOT_RUN, str(reason))
    except AssertionError as error:
        return Clause(name, BROKEN, str(error))
    except Exception as error:  # whatever it raises, it does not run
        text = next((line for line in str(error).splitlines() if line.strip()), "")
        return Clause(name, BROKEN, f"{type(error).__name__}: {text}"[:200])
    return Clause(name, KEPT)

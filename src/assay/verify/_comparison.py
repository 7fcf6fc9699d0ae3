"""What the comparison of two optimizers found: for people, machines and tests."""

import io
from typing import Any, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from assay.verify._record import Difference

MIXED, HALF = "mixed dtypes", "half precision"  # one walk, its leaves by precision

SLIM: dict[str, Any] = {"box": SIMPLE_HEAD, "pad_edge": False, "padding": (0, 0, 0, 1)}


class Parting(NamedTuple):
    """Where two optimizers go different ways."""

    field: str  # updates, params, float64 (updates), or a field of the state
    step: int
    leaf: str
    relative: float  # of the largest entry in that leaf
    ulp: float


class Stream(NamedTuple):
    """What one stream of gradients showed; `step`, `leaf` ... say where they part."""

    name: str
    mine: Difference  # the updates of mine in float32 from the rule in float64
    theirs: Difference  # those of the reference in float32 from the rule
    apart: Difference  # mine from the nearer of both; its `first` is a verdict
    double: Difference  # mine in float64 from the rule; its `first` is a verdict
    params: Difference  # like apart, the updates added up; its `first` is a verdict
    state: dict[str, Difference]  # like apart, the fields that both states have
    growth: dict[int, float]  # {1, 10, ... steps: the parameters of mine from the rule}
    binding: bool = True  # whether a difference here is a verdict, or only told

    @property
    def parting(self) -> Parting | None:
        """Where they part: in their updates, else in the sums, else in float64."""
        judged = {"updates": self.apart, "params": self.params, "float64": self.double}
        found = (_soonest({name: d}) for name, d in judged.items())
        return next((p for p in found if p), None)

    @property
    def state_parting(self) -> Parting | None:
        """The first step at which a field of their states differs."""
        return _soonest(self.state)

    @property
    def stream(self) -> str:
        """The name of the gradients."""
        return self.name

    @property
    def step(self) -> int:
        """The step, from 1, at which they part; 0 if they never do."""
        return self.parting.step if self.parting else 0

    @property
    def leaf(self) -> str:
        """The leaf in which they part."""
        return self.parting.leaf if self.parting else ""

    @property
    def field(self) -> str:
        """What parts: updates, params, or float64 for the updates of that walk."""
        return self.parting.field if self.parting else ""

    @property
    def relative(self) -> float:
        """How far, of the largest entry in that leaf."""
        return self.parting.relative if self.parting else 0.0

    @property
    def ulp(self) -> float:
        """How far, in units in the last place of that entry."""
        return self.parting.ulp if self.parting else 0.0


class Report(NamedTuple):
    """The comparison of two optimizers; print it, or `check()` it in a test."""

    streams: tuple[Stream, ...]
    steps: int
    tolerance: float
    diagnosis: str = ""  # why they differ, where the reason was found
    notes: tuple[str, ...] = ()  # what else is to be said
    broken: str = ""  # what mine raises where the reference runs

    @property
    def matches(self) -> bool:
        """Whether no stream drove them apart, and mine ran on all."""
        return self.first is None and not self.broken

    @property
    def first(self) -> Stream | None:
        """The stream that drove them apart soonest: its step, leaf, field and ulp."""
        wrong = [s for s in self.streams if s.parting and s.binding]
        order = ("updates", "params", "float64")
        return min(wrong, key=lambda s: (order.index(s.field), s.step), default=None)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        said = self._agreement() if self.first is None else self._difference(self.first)
        said = self.broken or said
        told = [s for s in self.streams if s.parting and not s.binding and self.matches]
        apart = [f"{s.name} differs from step {s.step} in {s.leaf}" for s in told]
        return "; ".join([said, *apart, *self.notes])

    def _agreement(self) -> str:
        plain = [s for s in self.streams if s.binding]  # half a digit is 0.4 %
        mine = max((s.mine for s in plain), key=lambda d: d.lately)
        theirs = max((s.theirs for s in plain), key=lambda d: d.lately)
        odd = sorted({p.field for s in self.streams if (p := s.state_parting)})
        state = f"; the state differs in {', '.join(odd)}" if odd else ""
        return (
            f"matches the reference over {self.steps} steps of "
            f"{len(self.streams)} streams: {_size(mine)} from the rule in float64, "
            f"the reference itself {_size(theirs)}{state}"
        )

    def _difference(self, s: Stream) -> str:
        allowed = "1e-12" if s.field == "float64" else f"{self.tolerance:.0e}"
        what = "" if s.field == "updates" else f", {s.field}"
        why = f"; {self.diagnosis}" if self.diagnosis else ""
        p, earlier = s.state_parting, ""
        if p is not None and p.step <= s.step:
            earlier = f"; {p.field} of the state from step {p.step}"
        return (
            f"differs from the reference first at step {s.step} in {s.leaf} "
            f"({s.name} gradients{what}): {s.relative:.1e} of the largest entry, "
            f"{s.ulp:.3g} ULP, where {allowed} is allowed{earlier}{why}"
        )

    def check(self) -> None:
        """Raise AssertionError with the verdict unless the two match."""
        if not self.matches:
            raise AssertionError(self.sentence)

    def as_dict(self) -> dict[str, Any]:
        """The report for machines: plain numbers, names and None."""
        first = None
        if self.first is not None and self.first.parting is not None:
            first = {"stream": self.first.name, **self.first.parting._asdict()}
        return {
            "matches": self.matches,
            "verdict": self.sentence,
            "diagnosis": self.diagnosis,
            "first": first,
            "steps": self.steps,
            "tolerance": self.tolerance,
            "notes": list(self.notes),
            "streams": {s.name: _parts(s) for s in self.streams},
        }

    def __rich__(self) -> Table:
        """The table: one row a stream, distances of the largest entry."""
        table = Table(caption=self.sentence, caption_justify="left", **SLIM)
        table.add_column("gradients", no_wrap=True)
        for head in ("from rule", "reference", "float64", "params"):
            table.add_column(head, justify="right", no_wrap=True)
        table.add_column("first difference", overflow="fold")
        for s in self.streams:
            sizes = [_short(d) for d in (s.mine, s.theirs, s.double)]
            grown = max(s.growth.values(), default=0.0)
            table.add_row(s.name, *sizes, f"{grown:.0e}" if grown else "0", _when(s))
        return table

    def __str__(self) -> str:
        return shown(self)


def shown(report: Any) -> str:
    """What rich prints of it, in 80 columns."""
    out = io.StringIO()
    Console(file=out, width=80).print(report.__rich__())
    return out.getvalue().rstrip()


def _soonest(found: dict[str, Difference]) -> Parting | None:
    firsts = [Parting(n, *d.first) for n, d in found.items() if d.first]
    return min(firsts, key=lambda p: p.step, default=None)


def _when(s: Stream) -> str:
    if s.parting is None:
        return "–"
    what = "" if s.field == "updates" else f"{s.field}: "
    return f"{what}step {s.step}, {s.leaf}"


def _size(d: Difference) -> str:
    """Over the largest entry lately: a lone number crossing zero is no news."""
    return f"{d.lately:.1e} ({d.lately_ulp:.3g} ULP)" if d.step else "0"


def _short(d: Difference) -> str:
    return f"{d.lately:.0e}" if d.step else "0"


def _parts(s: Stream) -> dict[str, Any]:
    named = ("mine", "theirs", "apart", "double", "params")
    return {
        **{name: _plain(getattr(s, name)) for name in named},
        "state": {field: _plain(d) for field, d in s.state.items()},
        "growth": {str(step): size for step, size in s.growth.items()},
    }


def _plain(d: Difference) -> dict[str, Any]:
    first = None if d.first is None else d.first._asdict()
    return {**d._asdict(), "first": first}

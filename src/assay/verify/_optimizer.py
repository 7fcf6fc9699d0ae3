"""Is this optimizer that one? Streams of gradients, judged by the rule in float64."""

import io
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from rich.console import Console
from rich.table import Table

from assay import _check
from assay.optim import Transform, apply_updates
from assay.typing import PyTree
from assay.verify import _record, _shadow, _streams
from assay.verify._record import Difference


class Stream(NamedTuple):
    """What one stream of gradients showed."""

    name: str
    mine: Difference  # mine in float32 from the rule in float64
    theirs: Difference  # the reference in float32 from the rule
    apart: Difference  # mine from the nearer of both; its `first` is the verdict


class Report(NamedTuple):
    """The comparison of two optimizers; print it, or `check()` it in a test."""

    streams: tuple[Stream, ...]
    steps: int
    tolerance: float
    diagnosis: str = ""  # why they differ, when the search for the reason is there

    @property
    def matches(self) -> bool:
        """Whether no stream drove them apart."""
        return all(s.apart.first is None for s in self.streams)

    @property
    def first(self) -> Stream | None:
        """The stream that drove them apart soonest."""
        wrong = [(s.apart.first.step, s) for s in self.streams if s.apart.first]
        return min(wrong, key=lambda pair: pair[0], default=(0, None))[1]

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        if self.first is None or self.first.apart.first is None:
            mine = max((s.mine for s in self.streams), key=lambda d: d.lately)
            theirs = max((s.theirs for s in self.streams), key=lambda d: d.lately)
            return (
                f"matches the reference over {self.steps} steps of "
                f"{len(self.streams)} streams: {_size(mine)} from the rule in float64, "
                f"the reference itself {_size(theirs)}"
            )
        f = self.first.apart.first
        why = f"; {self.diagnosis}" if self.diagnosis else ""
        return (
            f"differs from the reference first at step {f.step} in {f.leaf} "
            f"({self.first.name} gradients): {f.relative:.1e} of the largest entry, "
            f"{f.ulp:.3g} ULP, where {self.tolerance:.0e} is allowed{why}"
        )

    def check(self) -> None:
        """Raise AssertionError with the verdict unless the two match."""
        if not self.matches:
            raise AssertionError(self.sentence)

    def as_dict(self) -> dict[str, Any]:
        """The report for machines: plain numbers, names and None."""
        streams = {s.name: {n: _plain(d) for n, d in _parts(s)} for s in self.streams}
        return {
            "matches": self.matches,
            "verdict": self.sentence,
            "steps": self.steps,
            "tolerance": self.tolerance,
            "streams": streams,
        }

    def __rich__(self) -> Table:
        """The table: one row a stream."""
        table = Table(caption=self.sentence, caption_justify="left")
        heads = "gradients", "from the rule", "the reference's own", "first difference"
        for head in heads:
            table.add_column(head)
        for s in self.streams:
            first = s.apart.first
            when = "–" if first is None else f"step {first.step}, {first.leaf}"
            table.add_row(s.name, _size(s.mine), _size(s.theirs), when)
        return table

    def __str__(self) -> str:
        out = io.StringIO()
        Console(file=out, width=100).print(self.__rich__())
        return out.getvalue().rstrip()


def optimizer(
    mine: Transform,
    reference: Transform,
    *,
    params: PyTree | None = None,
    steps: int = 100,
    tolerance: float = _shadow.TOLERANCE,
) -> Report:
    """Walk both over the same gradients and say whether, when and where they part.

    Any (init, update) pair serves as `mine`. Judged by the reference evaluated in
    float64, so that nobody's rounding is a false alarm: mine must be within
    `tolerance` (or four times the reference's own distance) of the rule, or of the
    reference. Both see the reference's parameters.

    >>> import optax
    >>> from assay import optim
    >>> optimizer(optim.adam(1e-3), optax.adam(1e-3), steps=10).matches
    True
    >>> wrong = optimizer(optim.adam(1e-3, b2=0.99), optax.adam(1e-3), steps=10)
    >>> wrong.first.apart.first.step
    2
    """
    _check.within("verify.optimizer", "steps", steps, 1, float("inf"))
    params = _streams.parameters() if params is None else params
    rule = _shadow.rule64(reference, tolerance=tolerance)

    @jax.jit
    def advance(gradients, ours, theirs, p):
        with _record.relaxed():
            u, ours = mine.update(gradients, ours, p)
            r, theirs = reference.update(gradients, theirs, p)
        return _shadow.Seen(gradients, p, u, r), ours, theirs, apply_updates(p, r)

    def walk(name):
        p = jax.tree.map(jnp.asarray, params)
        with _record.relaxed():
            states = mine.init(p), reference.init(p)
        beside = rule.init(p)
        for gradients in _streams.gradients(name, params, steps):
            seen, *states, p = advance(gradients, *states, p)
            beside = rule.step(beside, seen)
        found = _shadow.rule_distances(beside, params)
        return Stream(name, found.mine, found.theirs, found.apart)

    return Report(tuple(map(walk, _streams.STREAMS)), steps, tolerance)


def _size(d: Difference) -> str:
    """Over the largest entry lately: a lone number crossing zero is no news."""
    return f"{d.lately:.1e} ({d.lately_ulp:.3g} ULP)" if d.step else "0"


def _parts(stream: Stream) -> list[tuple[str, Difference]]:
    return [(n, getattr(stream, n)) for n in ("mine", "theirs", "apart")]


def _plain(d: Difference) -> dict[str, Any]:
    first = None if d.first is None else d.first._asdict()
    return {**d._asdict(), "first": first}

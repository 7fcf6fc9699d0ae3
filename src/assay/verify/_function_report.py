"""Is this function that one? Values, derivatives and manners, in one report."""

import io
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from assay import _check
from assay.verify import _function_checks
from assay.verify._function_checks import Check
from assay.verify._function_subject import Subject
from assay.verify._report import number

DERIVATIVES = "gradient", "jvp", "second"


class FunctionReport(NamedTuple):
    """What was checked of one function; print it, or `check()` it in a test."""

    name: str
    dtype: str
    checks: tuple[Check, ...]

    @property
    def matches(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong

    @property
    def wrong(self) -> list[Check]:
        """The checks that failed."""
        return [c for c in self.checks if c.ok is False]

    @property
    def sentence(self) -> str:
        """The verdict: which check failed, where and by how much."""
        if self.wrong:
            return f"{self.name}: " + "; ".join(map(_said, self.wrong))
        slopes = [
            c.found
            for c in self.checks
            if c.found is not None and c.name.startswith(DERIVATIVES)
        ]
        ulp = next((c.found for c in self.checks if c.name.startswith("values")), None)
        parts = [f"values within {number(ulp)} ULP"] if ulp is not None else []
        parts += [f"derivatives to {max(slopes):.0e}"] if slopes else []
        said = ", ".join(parts) or "as far as it was checked"
        return f"{self.name} matches the reference in {self.dtype}: {said}"

    def check(self) -> None:
        """Raise AssertionError with the verdict unless everything is right."""
        if self.wrong:
            raise AssertionError(self.sentence)

    def as_dict(self) -> dict[str, Any]:
        """The report for machines: plain numbers, names and None."""
        return {
            "matches": self.matches,
            "verdict": self.sentence,
            "function": self.name,
            "dtype": self.dtype,
            "checks": {c.name: _plain(c) for c in self.checks},
        }

    def __rich__(self) -> Table:
        """The table: one row a check."""
        table = Table(caption=self.sentence, caption_justify="left", expand=False)
        table.add_column("check", no_wrap=True)
        for head in ("found", "bound"):
            table.add_column(head, justify="right", no_wrap=True)
        table.add_column("verdict", overflow="fold")
        for c in self.checks:
            table.add_row(c.name, _figure(c.found), _figure(c.bound), _verdict(c))
        return table

    def __str__(self) -> str:
        out = io.StringIO()
        Console(file=out, width=80).print(self)
        return out.getvalue().rstrip()


def function(
    mine: Callable,
    reference: Callable,
    inputs: Any,
    *,
    ulp: float = 8.0,
    gradient: float = 1e-6,
    skip: tuple[str, ...] = (),
) -> FunctionReport:
    """Check one function against a reference that is evaluated in float64.

    `inputs` is a tuple of arguments, a dict by name, or `rng -> one of these`; arrays
    (and trees of them) move, the rest is passed on. Values are judged in units in the
    last place, or of what one such unit of the inputs moves; derivatives by differences
    of the reference, in float64, relative to their norm: a percent is seen at every
    size. Then: jvp = vjp, second order, vmap = loop, jit = eager, dtype kept, nan and
    inf, empty inputs. `skip` leaves out some of them: values, derivatives, vmap, jit,
    dtype, non_finite, empty.

    >>> import jax, jax.numpy as jnp, numpy as np
    >>> x = np.linspace(-2, 2, 7, dtype=np.float32)
    >>> report = function(jnp.tanh, np.tanh, (x,))
    >>> report.matches
    True
    >>> @jax.custom_jvp
    ... def wrong(x):
    ...     return jnp.tanh(x)
    >>> wrong.defjvps(lambda t, y, x: 1.01 * (1 - y * y) * t)
    >>> [c.name for c in function(wrong, np.tanh, (x,)).wrong]
    ['gradient, forward', 'gradient, backward', 'second order, forward', \
'second order, backward']
    """
    known = _function_checks.CHECKS
    for name in skip:
        _check.choice("verify.function", "skip", name, known)
    subject = Subject(mine, reference, inputs)
    bounds = {"derivatives": gradient}
    found: list[Check] = []
    for name, check in known.items():
        if name not in skip:
            found += _run(name, check, subject, bounds.get(name, ulp))
    name = getattr(mine, "__name__", type(mine).__name__)
    return FunctionReport(name, subject.dtype.name, tuple(found))


def _run(name: str, check: Callable, subject: Subject, bound: float) -> list[Check]:
    """A check that raises has failed; the reference raising is the caller's mistake."""
    _ = subject.expected
    try:
        return check(subject, bound)
    except Exception as error:  # the report must be finished
        note = f"raises {type(error).__name__}: {error}".splitlines()[0][:200]
        return [Check(name, False, note=note)]


def _said(c: Check) -> str:
    """`values, ULP 3.2e+04, 8 allowed (output[2] is ...)`."""
    size = ""
    if c.found is not None and c.bound is not None:
        size = f" {_figure(c.found)}, {_figure(c.bound)} allowed"
    return f"{c.name}{size} ({c.note})" if c.note else f"{c.name}{size}"


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1e}" if 0 < value < 0.01 else number(value)


def _verdict(c: Check) -> str:
    if c.ok is None:
        return f"[dim]n/a: {_quoted(c.note)}[/]"
    return "[green]right[/]" if c.ok else f"[red]WRONG[/] {_quoted(c.note)}"


def _quoted(text: str) -> str:
    """Brackets as they are: rich would read output[3] as a style."""
    return text.replace("[", r"\[")


def _plain(c: Check) -> dict[str, Any]:
    # JSON has no infinity.
    found = "inf" if c.found is not None and math.isinf(c.found) else c.found
    return {"ok": c.ok, "found": found, "bound": c.bound, "note": c.note}

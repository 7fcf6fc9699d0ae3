"""The stated bounds: one table, which tests, docstrings, docs and `assay verify` read.

Float32 on CPU, under jit, inputs and results normal numbers, in ULP of the true value
(`of` names what else they are relative to). A docstring ends with `Bound.sentence`.
"""

from typing import NamedTuple


class Bound(NamedTuple):
    """How far a function, and its first two derivatives, may be from the truth."""

    value: float
    first: float | None = None  # over the whole domain, the roots included
    second: float | None = None  # absolute 2^-22 within 1e-5 of a root
    of: str = ""  # "the row's largest entry", "max(|max x|, |result|)"

    def sentence(self) -> str:
        """The last line of the function's docstring."""
        slopes = "" if self.first is None else f"; derivatives {self.first:g}"
        slopes += "" if self.second is None else f" and {self.second:g}"
        of = f" of {self.of}" if self.of else ""
        return f"Float32, CPU: within {self.value:g} ULP{of}{slopes}."


ACTIVATIONS: dict[str, Bound] = {}
LOSSES: dict[str, Bound] = {}
METRICS: dict[str, Bound] = {}
INITIALIZERS: dict[str, Bound] = {}

STATED = {
    "activations": ACTIVATIONS,
    "losses": LOSSES,
    "metrics": METRICS,
    "initializers": INITIALIZERS,
}

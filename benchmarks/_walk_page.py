"""The table of the walks, in Markdown."""

import json
from pathlib import Path
from typing import Any

import numpy as np

TITLE = """# Every float32 through every activation

    python -m benchmarks.exhaustive --update

All 2^32 bit patterns, under jit on CPU, value and first derivative in ULP of the true
value; the worst input as a number and as its bits. *By oracle*: millions of inputs, of
value and of derivative, that were compared with the float64 function of `assay.verify`;
*by asymptote*: where the function is a polynomial within 1/16 ULP, proved by the
oracle, those compared with that (`_asymptotes.py`). Infinity counts as 2^128, NaN must
meet NaN. Subnormal inputs and results may be zeros, as XLA flushes them; corners have
the derivative that the docstring says."""


def states(folder: Path) -> list[dict[str, Any]]:
    """The finished walks of a folder, by name."""
    found = [json.loads(p.read_text(encoding="utf-8")) for p in folder.glob("*.json")]
    return sorted((s for s in found if finished(s)), key=lambda s: s["name"])


def finished(state: dict[str, Any]) -> bool:
    """Whether all blocks were walked."""
    return state["done"] == state["blocks"]


def number(bits: int) -> float:
    """The float32 of a bit pattern."""
    return float(np.asarray([bits], np.uint32).view(np.float32)[0])


def place(found: dict[str, Any]) -> str:
    """An input as a number and as its bits."""
    return f"{number(found['bits']):.9g} `{found['bits']:08x}`"


def summary(state: dict[str, Any]) -> str:
    """The worst so far, in a few characters."""
    return " ".join(f"{q[0]} {w['ulp']:.2f}" for q, w in state["worst"].items())


def row(state: dict[str, Any]) -> str:
    """One function."""
    cells = [f"`{state['name']}`"]
    for q in ("value", "first"):
        found = state["worst"].get(q)
        exact = found is not None and found["ulp"] == 0
        cells += ["", ""] if not found else [_ulp(found), "" if exact else place(found)]
    cells += [_millions(state, kind) for kind in ("oracle", "asymptote")]
    cells += [f"{state['seconds']:.0f}", state["jaxlib"], state["date"]]
    return f"| {' | '.join(cells)} |"


def _millions(state: dict[str, Any], kind: str) -> str:
    """Of inputs, for value and slope."""
    counts = [state["counts"][q] for q in ("value", "first") if q in state["counts"]]
    return " / ".join(f"{count[kind] / 1e6:,.0f}" for count in counts)


def _ulp(found: dict[str, Any]) -> str:
    """Rounded up: the table promises no more than was seen."""
    return f"{np.ceil(found['ulp'] * 100) / 100:.2f}"


def page(found: list[dict[str, Any]]) -> str:
    """The whole page."""
    head = "| function | value, ULP | at | derivative, ULP | at | by oracle "
    head += "| by asymptote | CPU s | jaxlib | date |"
    return "\n".join([TITLE, "", _where(found), "", head, "|---" * 10 + "|"]) + (
        "".join("\n" + row(state) for state in found) + "\n"
    )


def _where(found: list[dict[str, Any]]) -> str:
    kinds = {(s["python"], s["jax"], s["vectors"]) for s in found}
    texts = [f"python {p}, jax {j}, vectors of {v}" for p, j, v in sorted(kinds)]
    return "; ".join(texts or ["No walk is finished"]) + "."


def write(path: Path, found: list[dict[str, Any]]) -> None:
    """Write the page of these walks."""
    path.write_text(page(found), encoding="utf-8")

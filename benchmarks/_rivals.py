"""Ours and its peers in turns on the same arrays: a row for each peer.

A row is met if the upper quartile of its ratios reaches the target in one of three
runs. torch takes its turns in a process of its own.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from assay import bench
from benchmarks.bench_layers import _ratio, _turns

ROUNDS, RUNS = 9, 3
COTANGENTS = " + cotangents"


def race(
    name: str,
    fs: dict[str, Callable],
    args: list,
    targets: dict[str, float],
    torch: Callable | None = None,
    *,
    smoke: bool = False,
) -> Iterator[dict[str, Any]]:
    """The best of at most three runs of fs["ours"] beside each of the others.

    A name that ends in " + cotangents" asks for all cotangents too, of one that is
    drawn beforehand.
    """
    if name.endswith(COTANGENTS):
        g = drawn(np.random.default_rng(1), jax.eval_shape(fs["ours"], *args).shape)
        fs, args = {n: pulled(f) for n, f in fs.items()}, [g, *args]
    ready = {n: bench.prepare(f, *args) for n, f in fs.items()}
    gaps = {n: bench.difference(ready["ours"].value, r.value) for n, r in ready.items()}
    if not max(gaps.values()) <= 1e-4:
        raise ValueError(f"{name}: ours must agree with the peers; got {gaps}.")
    best: dict[str, dict[str, Any]] = {}
    for run in range(1 if smoke else RUNS):
        rivals = {n: r.call for n, r in ready.items()}
        times = _turns(
            rivals | ({"torch": torch} if torch else {}), 1 if smoke else ROUNDS
        )
        for peer in list(ready)[1:]:
            row = _row(times, peer, targets[peer])
            old = best.get(peer)
            if old is None or (not met(old) and row["high"] > old["high"]):
                best[peer] = {"case": name, "difference": gaps[peer], **row}
                best[peer]["runs"] = run + 1
        if all(map(met, best.values())):
            break
    yield from best.values()


def _row(times: dict[str, list[float]], peer: str, target: float) -> dict[str, Any]:
    torch = _ratio("torch_", times["torch"], times["ours"]) if "torch" in times else {}
    return {
        "peer": peer,
        "target": target,
        **_ratio("", times[peer], times["ours"]),
        **torch,
        "ours": bench.quartiles(times["ours"])[0],
        "theirs": bench.quartiles(times[peer])[0],
    }


def pulled(f: Callable) -> Callable:
    """(g, *args) -> the value and all cotangents."""

    def run(g: Any, *args: Any) -> Any:
        y, pull = jax.vjp(f, *args)
        return y, pull(g)

    return run


def drawn(rng: Any, shape: tuple[int, ...], scale: float = 1.0) -> jax.Array:
    """Normal numbers."""
    return jnp.asarray(scale * rng.standard_normal(shape), jnp.float32)


def asked(torch: Any, question: dict[str, Any]) -> Callable | None:
    """torch, prepared: a call is a round, and gives its seconds a call."""
    if torch is None:
        return None
    took = torch.ask(question)["seconds"]
    calls = max(1, round(bench.ROUND_SECONDS / max(took, 1e-7)))
    return lambda: torch.ask({"calls": calls})["seconds"]


def met(row: dict[str, Any]) -> bool:
    """Whether the upper quartile reaches the target, where there is one."""
    return row["high"] >= (row["target"] or 0)


def table(what: str, found: list[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    head = f"| {what} | ours, ms | peer | peer, ms | ratio | target | torch |"
    return "\n".join([head, "|---" * 7 + "|", *map(line, found)])


def line(row: dict[str, Any]) -> str:
    missed = "" if met(row) else " missed"
    mine, other = (_amount(row[n], row.get("unit", "s")) for n in ("ours", "theirs"))
    times = f"{mine} | {row['peer']} | {other}"
    torch = _spread(row, "torch_") if "torch_ratio" in row else ""
    target = f">= {row['target']:g}{missed}" if row["target"] else ""
    return f"| {row['case']} | {times} | {_spread(row, '')} | {target} | {torch} |"


def _amount(value: float, unit: str) -> str:
    return f"{value * 1e3:.2f}" if unit == "s" else f"{value:.1f} {unit}"


def _spread(row: dict[str, Any], prefix: str) -> str:
    ratio, low, high = (row[f"{prefix}{n}"] for n in ("ratio", "low", "high"))
    return f"{ratio:.2f} ({low:.2f} - {high:.2f})"

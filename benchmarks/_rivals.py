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
        times = turns(
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
    torch = ratio("torch_", times["torch"], times["ours"]) if "torch" in times else {}
    return {
        "peer": peer,
        "target": target,
        **ratio("", times[peer], times["ours"]),
        **torch,
        "ours": bench.quartiles(times["ours"])[0],
        "theirs": bench.quartiles(times[peer])[0],
    }


def turns(rivals: dict[str, Callable], rounds: int) -> dict[str, list[float]]:
    """As `bench.interleave`; torch tells its own seconds a call.

    Before its timed calls each has one that is not: after a peer that took and gave
    back 100 MB the next call is a third slower, whoever makes it.
    """
    calls = {}
    for name, f in rivals.items():
        if name != "torch":
            bench.seconds(f)
            took = max(bench.seconds(f), 1e-7)
            calls[name] = max(1, round(bench.ROUND_SECONDS / took))
    times: dict[str, list[float]] = {name: [] for name in rivals}
    for r in range(rounds):
        for name in list(rivals)[:: -1 if r % 2 else 1]:
            f = rivals[name]
            if name == "torch":
                f()
                times[name].append(f())
            else:
                bench.seconds(f)
                times[name].append(bench.seconds(f, calls=calls[name]))
    return times


def ratio(prefix: str, theirs: list[float], ours: list[float]) -> dict[str, float]:
    """The median and quartiles of their time over ours, under names with the prefix."""
    names = (f"{prefix}{n}" for n in ("ratio", "low", "high"))
    return dict(zip(names, bench.ratio(theirs, ours), strict=True))


def pulled(f: Callable) -> Callable:
    """(g, *args) -> the value and all cotangents; only y of (y, more) has one."""

    def both(g: Any, *args: Any) -> Any:
        def pair(*args: Any) -> Any:
            y = f(*args)
            return (y[0], y[1:]) if isinstance(y, tuple) else (y, ())

        y, pull, more = jax.vjp(pair, *args, has_aux=True)
        return y, pull(g), more

    return both


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
    return row["target"] is None or row["high"] >= row["target"]


def table(what: str, found: list[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    head = f"| {what} | ours, ms | peer | peer, ms | ratio | target | torch |"
    return "\n".join([head, "|---" * 7 + "|", *map(line, found)])


def line(row: dict[str, Any]) -> str:
    """One of them; or why a peer is not there."""
    if "skipped" in row:
        return f"| {row['case']} | | {row['peer']} | | skipped: {row['skipped']} | | |"
    missed = "" if met(row) else " missed"
    mine, other = (_amount(row[n], row.get("unit", "s")) for n in ("ours", "theirs"))
    times = f"{mine} | {row['peer']} | {other}"
    torch = spread(row, "torch_") if "torch_ratio" in row else ""
    target = f">= {row['target']:g}{missed}" if row["target"] is not None else ""
    return f"| {row['case']} | {times} | {spread(row, '')} | {target} | {torch} |"


def _amount(value: float, unit: str) -> str:
    return f"{value * 1e3:.2f}" if unit == "s" else f"{value:.1f} {unit}"


def spread(row: dict[str, Any], prefix: str) -> str:
    """A ratio and its quartiles."""
    middle, low, high = (row[f"{prefix}{n}"] for n in ("ratio", "low", "high"))
    return f"{middle:.2f} ({low:.2f} - {high:.2f})"

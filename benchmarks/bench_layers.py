"""Layers at sizes of real networks, beside Flax (or the lax op it lowers to) and torch.

A row is met if the upper quartile of its ratios reaches the target in one of three
runs. torch takes its turns in a process of its own, between ours and Flax's.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen

from assay import bench, layers
from benchmarks import _torch_layers
from benchmarks._layer_cases import Case, cases

DIRECTIONS = ("", " + cotangents")
ROUNDS, RUNS = 9, 3


def rows(*, smoke: bool = False, only: str = "") -> Iterator[dict[str, Any]]:
    """One row a case and direction, then what the average pool takes to compile."""
    torch = None if smoke else _torch_layers.start()
    for case in cases():
        for direction, target in zip(DIRECTIONS, case.targets, strict=True):
            if only in case.name + direction:
                yield _measured(case, direction, target, torch, smoke)
    if only in SAME_POOL:
        yield same_pool(smoke)
    if torch:
        torch.close()


def _measured(case: Case, direction: str, target: Any, torch: Any, smoke: bool) -> dict:
    """The best of at most three runs, by the upper quartile."""
    best: dict[str, Any] = {}
    for run in range(1 if smoke or target is None else RUNS):
        row = _row(case, direction, target, torch, smoke)
        if not best or row["high"] > best["high"]:
            best = {**row, "runs": run + 1}
        if met(best):
            break
    return best


def _row(case: Case, direction: str, target: Any, torch: Any, smoke: bool) -> dict:
    name = case.name + direction
    shapes = case.small if smoke else case.shapes
    how, args = _question(case, direction, shapes)
    mine, other = (bench.prepare(how(f), *args) for f in (case.ours, case.theirs))
    rivals = {"ours": mine.call, "theirs": other.call}
    if torch and case.torch:
        rivals["torch"] = _asked(torch, case, shapes, bool(direction))
    gap = _agreed(name, case.tolerance, mine.value, other.value)
    times = _turns(rivals, 1 if smoke else ROUNDS)
    return {
        "case": name,
        "peer": "flax",
        "target": target,
        "runs": 1,
        "difference": gap,
        **_ratio("", times["theirs"], times["ours"]),
        **(_ratio("torch_", times["torch"], times["ours"]) if "torch" in times else {}),
        "ours": bench.quartiles(times["ours"])[0],
        "theirs": bench.quartiles(times["theirs"])[0],
        "compile_ours": mine.trace + mine.compile,
        "compile_theirs": other.trace + other.compile,
    }


def _question(case: Case, direction: str, shapes: Any) -> tuple[Callable, list]:
    """(what to make of a function, its arguments): the value, or all cotangents too."""
    rng = np.random.default_rng(0)
    args = [jnp.asarray(rng.standard_normal(s), jnp.float32) for s in shapes]
    if direction:
        return _pulled, [_cotangent(case.ours, args), *args]
    return _same, args


def _agreed(name: str, tolerance: float, mine: Any, other: Any) -> float:
    """How far apart they are; raises where that is too far."""
    if not np.isfinite(tolerance):
        return 0.0
    gap = bench.difference(mine, other)
    if not gap <= tolerance:
        raise ValueError(f"{name}: ours must agree with the peer; got {gap:.3g}.")
    return gap


def _asked(torch: Any, case: Case, shapes: Any, both: bool) -> Callable:
    """torch, prepared: a call is a round, and gives its seconds."""
    question = {"form": case.torch, "shapes": shapes, "options": case.options}
    took = torch.ask({**question, "both": both})["seconds"]
    calls = max(1, round(bench.ROUND_SECONDS / max(took, 1e-7)))
    return lambda: torch.ask({"calls": calls})["seconds"]


def _turns(rivals: dict[str, Callable], rounds: int) -> dict[str, list[float]]:
    """As `bench.interleave`; torch tells its own seconds a call.

    Before its timed calls each has one that is not: after a peer that took and gave
    back 100 MB the next call is a third slower, whoever makes it.
    """
    torch = rivals.pop("torch", None)
    calls = {}
    for name, f in rivals.items():
        bench.seconds(f)
        calls[name] = max(1, round(bench.ROUND_SECONDS / max(bench.seconds(f), 1e-7)))
    names = [*rivals, "torch"] if torch else [*rivals]
    times: dict[str, list[float]] = {name: [] for name in names}
    for r in range(rounds):
        for name in names[:: -1 if r % 2 else 1]:
            if name == "torch":
                torch()
                times[name].append(torch())
            else:
                bench.seconds(rivals[name])
                times[name].append(bench.seconds(rivals[name], calls=calls[name]))
    return times


def _ratio(prefix: str, theirs: list[float], ours: list[float]) -> dict[str, float]:
    names = (f"{prefix}{n}" for n in ("ratio", "low", "high"))
    return dict(zip(names, bench.ratio(theirs, ours), strict=True))


def _same(f: Callable) -> Callable:
    return f


def _pulled(f: Callable) -> Callable:
    """(g, *args) -> the value and all cotangents; only y of (y, more) has one."""

    def both(g: Any, *args: Any) -> Any:
        def pair(*args: Any) -> Any:
            y = f(*args)
            return (y[0], y[1:]) if isinstance(y, tuple) else (y, ())

        y, pull, more = jax.vjp(pair, *args, has_aux=True)
        return y, pull(g), more

    return both


def _cotangent(f: Callable, args: list) -> Any:
    """Uneven numbers, drawn outside of what is timed."""
    y = jax.eval_shape(f, *args)
    y = y[0] if isinstance(y, tuple) else y
    return jnp.asarray(np.random.default_rng(1).standard_normal(y.shape), y.dtype)


SAME_POOL = "average pool 9x9 SAME, first call beside VALID's"


def same_pool(smoke: bool) -> dict[str, Any]:
    """VALID's first call over SAME's, which must compile within twice the time.

    Flax's takes 20 s, as XLA folds the counts of the places.
    """
    x = jnp.ones((1, 16, 16, 4) if smoke else (8, 512, 512, 32))

    def pool(padding: str) -> Callable:
        return lambda x: layers.avg_pool(
            x, (9, 9), strides=1, padding=padding, count_include_pad=False
        )

    def flax(x: Any) -> Any:
        return linen.avg_pool(x, (9, 9), padding="SAME", count_include_pad=False)

    took = {}
    for name, f in {"VALID": pool("VALID"), "SAME": pool("SAME"), "flax": flax}.items():
        ready = bench.prepare(f, x)
        took[name] = ready.trace + ready.compile
        jax.clear_caches()
    ratio = took["VALID"] / took["SAME"]
    spread = {"ratio": ratio, "low": ratio, "high": ratio}
    times = {"ours": took["SAME"], "theirs": took["VALID"]}
    compiled = {"compile_ours": took["SAME"], "compile_theirs": took["flax"]}
    row = {"case": SAME_POOL, "peer": "ours, VALID", "target": 0.5, "runs": 1}
    return {**row, **spread, **times, **compiled}


def met(row: dict[str, Any]) -> bool:
    """Whether the upper quartile reaches the target."""
    return row["target"] is None or row["high"] >= row["target"]


def table(found: list[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    head = "| layer | ours, ms | compiles, s | peer, ms | compiles, s "
    head += "| ratio | target | torch |"
    return "\n".join([head, "|---" * 8 + "|", *map(_line, found)])


def _line(row: dict[str, Any]) -> str:
    target = "" if row["target"] is None else f">= {row['target']:g}"
    missed = "" if met(row) else " missed"
    torch = ""
    if "torch_ratio" in row:
        torch = _spread(row, "torch_")
    cells = [
        row["case"],
        f"{row['ours'] * 1e3:.2f}",
        f"{row['compile_ours']:.1f}",
        f"{row['theirs'] * 1e3:.2f}",
        f"{row['compile_theirs']:.1f}",
        _spread(row, ""),
        target + missed,
        torch,
    ]
    return f"| {' | '.join(cells)} |"


def _spread(row: dict[str, Any], prefix: str) -> str:
    ratio, low, high = (row[f"{prefix}{n}"] for n in ("ratio", "low", "high"))
    return f"{ratio:.2f} ({low:.2f} - {high:.2f})"


if __name__ == "__main__":  # python -m benchmarks.bench_layers [PART OF A NAME]
    import sys

    for found in rows(only=sys.argv[1] if len(sys.argv) > 1 else ""):
        print(_line(found), flush=True)

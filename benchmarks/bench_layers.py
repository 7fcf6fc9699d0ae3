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
from benchmarks import _rivals, _torch_layers
from benchmarks._layer_cases import Case, cases
from benchmarks._rivals import COTANGENTS, ROUNDS, RUNS
from benchmarks._rivals import met as met

DIRECTIONS = ("", COTANGENTS)


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
    ask, args = _question(case, direction, shapes)
    mine, other = (bench.prepare(ask(f), *args) for f in (case.ours, case.theirs))
    rivals = {"ours": mine.call, "theirs": other.call}
    if torch and case.torch:
        how = {"form": case.torch, "shapes": shapes, "options": case.options}
        rivals["torch"] = _rivals.asked(torch, {**how, "both": bool(direction)})
    gap = _agreed(name, case.tolerance, mine.value, other.value)
    times = _rivals.turns(rivals, 1 if smoke else ROUNDS)
    return {
        "case": name,
        "peer": "flax",
        "target": target,
        "runs": 1,
        "difference": gap,
        **_rivals.ratio("", times["theirs"], times["ours"]),
        **(
            _rivals.ratio("torch_", times["torch"], times["ours"])
            if "torch" in times
            else {}
        ),
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
        return _rivals.pulled, [_cotangent(case.ours, args), *args]
    return _same, args


def _agreed(name: str, tolerance: float, mine: Any, other: Any) -> float:
    """How far apart they are; raises where that is too far."""
    if not np.isfinite(tolerance):
        return 0.0
    gap = bench.difference(mine, other)
    if not gap <= tolerance:
        raise ValueError(f"{name}: ours must agree with the peer; got {gap:.3g}.")
    return gap


def _same(f: Callable) -> Callable:
    return f


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
        torch = _rivals.spread(row, "torch_")
    cells = [
        row["case"],
        f"{row['ours'] * 1e3:.2f}",
        f"{row['compile_ours']:.1f}",
        f"{row['theirs'] * 1e3:.2f}",
        f"{row['compile_theirs']:.1f}",
        _rivals.spread(row, ""),
        target + missed,
        torch,
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":  # python -m benchmarks.bench_layers [PART OF A NAME]
    import sys

    for found in rows(only=sys.argv[1] if len(sys.argv) > 1 else ""):
        print(_line(found), flush=True)

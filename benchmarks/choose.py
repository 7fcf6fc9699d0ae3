"""`python -m benchmarks.choose [--only PART] [--check [--seed N]]`: the table of forms.

Every form of every class is measured on the default backend, against XLA's own in the
same rounds and after their numbers were seen to agree. The fastest is chosen. The rows
of other platforms, and of classes that were not asked for, stay as they are.
"""

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.progress import Progress, track

from assay import bench
from assay.layers import _choices
from benchmarks import _choose_conv, _choose_pool
from benchmarks._choose_conv import Case

OPERATIONS = {
    "conv": _choose_conv.cases,
    "max_pool": _choose_pool.maxima,
    "avg_pool": _choose_pool.means,
}
DTYPE = "float32"
ROUNDS = 5
HOPELESS = 3.0  # times the fastest: such a form is timed once
SLOWER = 1.05  # than XLA's own: a form is then a loser
BEATEN = 1.25  # by another form, and measured twice: the table is out of date
CHECKED = 10  # rows
AS_FAST = 1.03
IN_LOOPS = {"matmul", "columns", "images", "taps", "taps by image"}
IN_LOOPS |= {"groups of columns", "toeplitz", "wide"}


def main(argv: list[str] | None = None) -> int:
    """Write the table, or measure some of its rows again; 1 if a loser is chosen."""
    args = _arguments(argv)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        if args.check:
            return check(args.only, args.seed)
        cases = [c for c in all_cases() if args.only in c.operation + c.shape_class]
        with Progress(transient=True) as bar:
            rows = [measured(c) for c in bar.track(cases)]
    for row in rows:
        print(line(row))
    write(rows)
    return 0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.choose", description=__doc__)
    add = parser.add_argument
    add("--only", default="", metavar="PART", help="classes with this in their name")
    add("--check", action="store_true", help="measure ten random rows again")
    add("--seed", type=int, help="which ten")
    return parser.parse_args(argv)


def all_cases() -> list[Case]:
    """One case a class: the first."""
    found: dict[tuple[str, str], Case] = {}
    for make in OPERATIONS.values():
        for case in make():
            found.setdefault((case.operation, case.shape_class), case)
    return list(found.values())


def platform() -> str:
    """As `jax.lax.platform_dependent` calls it."""
    name = jax.devices()[0].platform
    if name != "gpu":
        return name
    return "rocm" if "rocm" in jax.devices()[0].client.platform_version else "cuda"


def measured(case: Case, rounds: int = ROUNDS) -> dict[str, Any]:
    """The row of one class: milliseconds of every form, and which is chosen."""
    rng = np.random.default_rng(0)
    args = [jnp.asarray(rng.standard_normal(s), DTYPE) for s in case.arrays]
    y = jax.eval_shape(case.forward["lax"], *args)
    ct = jnp.asarray(rng.standard_normal(y.shape), DTYPE)
    times = {
        "forward": _race(case.forward, args, rounds),
        "backward": _race(case.backward, [*args, ct], rounds),
    }
    return {
        "operation": case.operation,
        "platform": platform(),
        "dtype": DTYPE,
        "class": case.shape_class,
        "chosen": {d: pick(t) for d, t in times.items()},
        **times,
        "shapes": [list(s) for s in case.arrays],
        **case.options,
        "device": _device(),
        "jax": jax.__version__,
    }


def _device() -> str:
    kind = jax.devices()[0].device_kind
    return f"{os.cpu_count()} cores" if kind == "cpu" else kind


def _race(forms: dict[str, Any], args: list, rounds: int) -> dict[str, float]:
    """Median milliseconds of each form, all against XLA's own in the same rounds."""
    if len(forms) == 1:
        return dict.fromkeys(forms, 0.0)  # nothing to choose
    ready = {name: bench.prepare(f, *args) for name, f in forms.items()}
    for name, form in ready.items():
        gap = bench.difference(form.value, ready["lax"].value)
        if not gap <= 1e-4:
            raise ValueError(f"{name}: must agree with XLA's own; got {gap:.3g}.")
    once = {name: bench.seconds(form.call) for name, form in ready.items()}
    near = HOPELESS * min(once.values())
    rivals = {n: form.call for n, form in ready.items() if once[n] <= near}
    # At least two rounds for each: one call may meet a busy machine.
    slow = {n: form.call for n, form in ready.items() if once[n] > near}
    times = {n: [once[n], bench.seconds(f)] for n, f in slow.items()}
    times |= bench.interleave(rivals, rounds=rounds)
    return {n: round(1e3 * _typical(times[n]), 4) for n in forms}


def _typical(times: list[float]) -> float:
    return median(times) if len(times) > 2 else min(times)


def pick(times: dict[str, float]) -> str:
    """The fastest; XLA's own where it is as fast, but for convolutions in a loop.

    Inside `lax.scan` XLA's convolution takes 3 to 14 times as long on CPU, so a form
    without it is chosen where it is as fast outside.

    >>> pick({"lax": 1.0, "taps": 0.99}), pick({"lax": 1.0, "mixed": 0.99})
    ('taps', 'lax')
    >>> pick({"lax": 1.0, "mixed": 0.9}), pick({"lax": 1.0, "images": 1.1})
    ('mixed', 'lax')
    """
    best = min(times, key=times.__getitem__)
    loops = {n: t for n, t in times.items() if n in IN_LOOPS}
    steady = min(loops, key=loops.__getitem__, default="lax")
    if times[steady] <= AS_FAST * times[best]:
        return steady
    return best if times[best] * AS_FAST < times["lax"] else "lax"


def check(only: str, seed: int | None) -> int:
    """Measure ten rows of this platform again; 1 if a loser is chosen in one."""
    known = {_choices.key(row): row for row in _choices.rows()}
    here = [c for c in all_cases() if _key(c) in known]
    here = [c for c in here if only in c.operation + c.shape_class]
    drawn = random.Random(seed).sample(here, min(CHECKED, len(here)))
    lost = [c for c in track(drawn, transient=True) if loser(c, known[_key(c)])]
    for case in lost:
        print(f"A loser is chosen: {case.operation}, {case.shape_class}")
    print(f"{len(drawn) - len(lost)} of {len(drawn)} rows as they should be.")
    return bool(lost)


def _key(case: Case) -> tuple[str, ...]:
    return case.operation, platform(), DTYPE, case.shape_class


def loser(case: Case, row: dict[str, Any]) -> bool:
    """Slower than XLA's own, or far behind another form, in three measurements."""
    return all(_loses(row["chosen"], measured(case)) for _ in range(3))


def _loses(chosen: dict[str, str], now: dict[str, Any]) -> bool:
    for direction, name in chosen.items():
        times = now[direction]
        if name not in times or times[name] > SLOWER * times["lax"]:
            return True
        if times[name] > BEATEN * min(times.values()):
            return True
    return False


def write(rows: Iterable[dict[str, Any]], path: Path | None = None) -> None:
    """The file with these rows in it: whole, or not at all."""
    path = path or _choices.FILE
    table = {_choices.key(row): row for row in _choices.rows()}
    table |= {_choices.key(row): row for row in rows}
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        for _, row in sorted(table.items()):
            file.write(json.dumps(row) + "\n")
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def line(row: dict[str, Any]) -> str:
    """The class, and the times over the chosen one's, in 80 columns."""
    lines = [f"{row['operation']}: {row['class']}"[:80]]
    for direction in _choices.DIRECTIONS:
        times, name = row[direction], row["chosen"][direction]
        own = times["lax"] / times[name] if times[name] else 1.0
        lines.append(f"  {direction:8} {name:18} {times[name]:9.3f} ms {own:7.2f}x XLA")
    return "\n".join(lines)


if __name__ == "__main__":
    Console(width=80)
    sys.exit(main())

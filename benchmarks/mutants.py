"""`python -m benchmarks.mutants [--json FILE] [--only WORD]`: are mistakes named?

Hand-written optimizers with one or two mistakes against Optax: each must be caught by
`verify.optimizer` and named by its diagnosis; right ones must pass.
"""

import argparse
import json
import time
from typing import Any, NamedTuple

import jax
from rich.console import Console
from rich.table import Table

from assay.verify import optimizer
from assay.verify._diagnosis._diagnose import diagnose
from benchmarks._mutants import COLUMNS, Case, doubles, right, table

LIMIT = 30.0  # seconds that a diagnosis may take


class Result(NamedTuple):
    """What was found."""

    case: Case
    caught: bool
    named: bool
    seconds: float
    sentence: str


def judged(case: Case, *, prove: bool = True) -> Result:
    """Hand one case to the prover and to its diagnosis."""
    mine, reference = case.make()
    start = time.perf_counter()
    found = diagnose(mine, reference)
    seconds = time.perf_counter() - start
    said = [found.changes, *found.also]
    named = found.explained and any(says(changes, case.words) for changes in said)
    caught = bool(case.words)
    if prove:
        caught = not optimizer(mine, reference, steps=60, diagnose=False).matches
    return Result(case, caught, named, seconds, found.sentence)


def says(changes: tuple[str, ...], words: tuple[str, ...]) -> bool:
    """Whether each word is that of one change, and there is no other."""
    if len(changes) != len(words):
        return False
    left = list(changes)
    for word in words:
        hit = next((c for c in left if word in c), None)
        if hit is None:
            return False
        left.remove(hit)
    return True


def fine(result: Result) -> bool:
    """Whether it is as it should be."""
    caught = result.caught == bool(result.case.words)
    return caught and result.named and result.seconds < LIMIT


def main(argv: list[str] | None = None) -> int:
    """Print the table; 1 if a mistake is missed or a right one is not passed."""
    parser = argparse.ArgumentParser(prog="benchmarks.mutants", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="write one JSON line a case")
    parser.add_argument("--only", help="cases whose mistake or optimizer has this word")
    args = parser.parse_args(argv)
    cases = [*table(), *doubles(), *right()]
    if args.only:
        cases = [c for c in cases if args.only in f"{c.mistake} {c.column}"]
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        results = [_shown(c) for c in cases if c.make]
    Console(width=140).print(_drawn(cases, results))
    wrong = [r for r in results if not fine(r)]
    longest = max((r.seconds for r in results), default=0.0)
    print(
        f"{len(results)} cases, {len(wrong)} not as they should be; "
        f"the longest diagnosis took {longest:.1f} s"
    )
    if args.json:
        with open(args.json, "w", encoding="utf-8") as out:
            out.writelines(json.dumps(_plain(r)) + "\n" for r in results)
    return 1 if wrong else 0


def _shown(case: Case) -> Result:
    result = judged(case)
    mark = "ok  " if fine(result) else "MISS"
    what = f"{case.column}: {case.mistake}"
    print(f"{mark} {result.seconds:5.1f} s  {what:60}  {result.sentence}", flush=True)
    return result


def _drawn(cases: list[Case], results: list[Result]) -> Table:
    """Mistakes down, optimizers across."""
    drawn = Table(title="mutants: caught and named (seconds), or why there is none")
    drawn.add_column("mistake")
    for column in COLUMNS:
        drawn.add_column(column)
    found = {(r.case.mistake, r.case.column): r for r in results}
    for mistake in dict.fromkeys(c.mistake for c in cases if c.column in COLUMNS):
        cells = []
        for column in COLUMNS:
            here = [c for c in cases if (c.mistake, c.column) == (mistake, column)]
            result = found.get((mistake, column))
            if result:
                mark = "✓" if fine(result) else "✗"
                cells.append(f"{mark} {result.seconds:.1f}")
            else:
                cells.append(f"– {here[0].why}" if here else "")
        drawn.add_row(mistake, *cells)
    return drawn


def _plain(result: Result) -> dict[str, Any]:
    case = result.case
    return {
        "mistake": case.mistake,
        "optimizer": case.column,
        "caught": result.caught,
        "named": result.named,
        "seconds": round(result.seconds, 2),
        "sentence": result.sentence,
    }


if __name__ == "__main__":
    raise SystemExit(main())

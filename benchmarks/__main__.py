"""`python -m benchmarks [--smoke] [--json FILE] [--update-readme] [--only NAME]`."""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import jax

from assay import bench

HERE = Path(__file__).parent
MARKS = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
STEPS = "<!-- optimizers: begin -->", "<!-- optimizers: end -->"
LAYERS = "<!-- layers: begin -->", "<!-- layers: end -->"
ZOO = "<!-- zoo: begin -->", "<!-- zoo: end -->"
ATTENTION = "<!-- attention: begin -->", "<!-- attention: end -->"
SEQUENCES = "<!-- sequences: begin -->", "<!-- sequences: end -->"
DECODING = "<!-- generation: begin -->", "<!-- generation: end -->"
ELEMENTS = "<!-- elementwise: begin -->", "<!-- elementwise: end -->"
# The elementwise cases last: they change how the process keeps its memory.
FILES = {
    "training": MARKS,
    "functions": MARKS,
    "layers": LAYERS,
    "zoo": ZOO,
    "sequences": SEQUENCES,
    "attention": ATTENTION,
    "optimizers": STEPS,
    "generation": DECODING,
    "elementwise": ELEMENTS,
}


def main(argv: list[str] | None = None) -> int:
    """Run the cases, print and keep the rows; 1 if a target is missed."""
    args = _arguments(argv)
    found: list[dict[str, Any]] = []
    # The peers do not run under strict promotion; ours does not care.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for name in args.only or FILES:
            for row in _cases(name).rows(smoke=args.smoke):
                found.append({"file": name, **row})
                print(line(row), flush=True)
    facts = bench.environment()
    if args.json:
        text = "".join(json.dumps({**row, **facts}) + "\n" for row in found)
        Path(args.json).write_text(text, encoding="utf-8")
    pages = [HERE / "README.md", HERE.parent / "README.md"]
    for marks in dict.fromkeys(FILES.values()) if args.update_readme else ():
        rows = [row for row in found if FILES[row["file"]] == marks]
        if rows:
            update(pages, report(rows, facts), marks)
    missed = [row for row in found if row.get("target") and not met(row)]
    return 1 if missed and not args.smoke else 0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    add = parser.add_argument
    add("--smoke", action="store_true", help="one round of small arrays")
    add("--json", metavar="FILE", help="write one JSON line a row")
    add("--update-readme", action="store_true", help="write the tables anew")
    add("--only", action="append", choices=tuple(FILES))
    return parser.parse_args(argv)


def _cases(name: str) -> Any:
    # Imported when run: Keras takes seconds to start.
    if name == "training":
        from benchmarks import bench_training as cases
    elif name == "optimizers":
        from benchmarks import bench_optimizers as cases
    elif name == "elementwise":
        from benchmarks import bench_elementwise as cases
    elif name == "generation":
        from benchmarks import bench_generation as cases
    elif name == "layers":
        from benchmarks import bench_layers as cases
    elif name == "zoo":
        from benchmarks import bench_zoo as cases
    elif name == "attention":
        from benchmarks import bench_attention as cases
    elif name == "sequences":
        from benchmarks import bench_sequences as cases
    else:
        from benchmarks import bench_functions as cases
    return cases


def met(row: dict[str, Any]) -> bool:
    """Whether the target is reached: of layers, by the upper quartile of three runs."""
    return row["high" if "runs" in row else "ratio"] >= row["target"]


def line(row: dict[str, Any]) -> str:
    """One row for people, in 80 columns."""
    name = f"{row['case'][:43]:<43} {row['peer']:<19}"
    if "skipped" in row:
        return f"{name} skipped: {row['skipped']}"
    target = f" >= {row['target']:g}" if row.get("target") else ""
    return f"{name} {row['ratio']:6.2f}x{target}"


def report(found: list[dict[str, Any]], facts: dict[str, Any]) -> str:
    """The tables in Markdown, and where they were measured."""
    parts = [_where(facts)]
    training = [row for row in found if row["file"] == "training"]
    functions = [row for row in found if row["file"] == "functions"]
    if training:
        head = (
            "| network | peer | ours, samples/s | peer | ratio | quartiles | target |"
        )
        parts.append("\n".join([head, "|---" * 7 + "|", *map(_training, training)]))
    if functions:
        head = "| function | peer | ours, ms | peer, ms | ratio | quartiles |"
        parts.append("\n".join([head, "|---" * 6 + "|", *map(_function, functions)]))
    parts += _steps([row for row in found if row["file"] == "optimizers"])
    for name in (
        "layers",
        "zoo",
        "sequences",
        "attention",
        "generation",
        "elementwise",
    ):
        rows = [row for row in found if row["file"] == name]
        parts += [_cases(name).table(rows)] if rows else []
    return "\n\n".join(parts)


def _where(facts: dict[str, Any]) -> str:
    names = ("assay", "python", "jax", "flax", "optax")
    versions = ", ".join(f"{n} {facts[n]}" for n in names if n in facts)
    return f"{facts['device']}, {facts['cores']} cores; {versions}; float32."


def _training(row: dict[str, Any]) -> str:
    if "skipped" in row:
        return f"| {row['case']} | {row['peer']} | | | | | skipped: {row['skipped']} |"
    target = f">= {row['target']:g}" if row["target"] else ""
    return (
        f"| {row['case']} | {row['peer']} | {row['ours']:,.0f} | {row['theirs']:,.0f} "
        f"| {row['ratio']:.2f} | {row['low']:.2f} - {row['high']:.2f} | {target} |"
    )


def _function(row: dict[str, Any]) -> str:
    times = f"{row['ours'] * 1e3:.3f} | {row['theirs'] * 1e3:.3f}"
    spread = f"{row['low']:.2f} - {row['high']:.2f}"
    return (
        f"| {row['case']} | {row['peer']} | {times} | {row['ratio']:.2f} | {spread} |"
    )


def _steps(rows: list[dict[str, Any]]) -> list[str]:
    """Two tables: ours against the peers, and the grouped form against the tree."""
    found: dict[str, dict[str, dict]] = {}
    for row in rows:
        if "skipped" not in row:
            found.setdefault(row["case"], {})[row["peer"]] = row
    grouped = [r["ours as a tree"] for r in found.values() if "ours as a tree" in r]
    plain = [r for r in found.values() if "optax" in r]
    head = (
        "| step | ours, ms | GB/s (in place) | compiles, s | optax, ms | compiles, s "
    )
    head += "| ratio | torch foreach | torch fused |"
    tables = [[head, "|---" * 9 + "|", *map(_step, plain)]] if plain else []
    head = "| step | grouped, ms | compiles, s | tree, ms | compiles, s | ratio |"
    tables += [[head, "|---" * 6 + "|", *map(_group, grouped)]] if grouped else []
    return ["\n".join(table) for table in tables]


def _step(peers: dict[str, dict[str, Any]]) -> str:
    """One case and optimizer; the ratios with their quartiles."""
    row = peers["optax"]
    torch = [peers.get(f"torch {form}") for form in ("foreach", "fused")]
    cells = [
        row["case"],
        f"{row['ours'] * 1e3:.2f}",
        f"{row['speed']:.1f} ({row['stream']:.1f})",
        f"{row['compile_ours']:.1f}",
        f"{row['theirs'] * 1e3:.2f}",
        f"{row['compile_theirs']:.1f}",
        *(_spread(r) if r else "" for r in (row, *torch)),
    ]
    return f"| {' | '.join(cells)} |"


def _spread(row: dict[str, Any]) -> str:
    return f"{row['ratio']:.2f} ({row['low']:.2f} - {row['high']:.2f})"


def _group(row: dict[str, Any]) -> str:
    times = f"{row['ours'] * 1e3:.2f} | {row['compile_ours']:.1f}"
    tree = f"{row['theirs'] * 1e3:.2f} | {row['compile_theirs']:.1f}"
    return f"| {row['case']} | {times} | {tree} | {_spread(row)} |"


def update(paths: list[Path], text: str, marks: tuple[str, str] = MARKS) -> None:
    """Put the report between the marks of each page that has them."""
    begin, end = marks
    between = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
    for path in paths:
        page = path.read_text(encoding="utf-8")
        fresh = between.sub(lambda _: f"{begin}\n{text}\n{end}", page)
        path.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

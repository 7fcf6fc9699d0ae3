"""Check the float64 oracles against mpmath, and write docs/oracles.md.

    python scripts/oracles.py                 every oracle: about two minutes
    python scripts/oracles.py gelu silu       these, printed, nothing written
    python scripts/oracles.py --roots         the two-word roots that they are built on

A definition here is the formula of the textbook in 640 bits, its derivatives by the
rules of differentiation on truncated Taylor series: nothing is shared with the oracles.
Truths are kept in the folder for temporary files, by definition.
"""

import argparse
import datetime
import hashlib
import inspect
import math
import platform
import sys
import tempfile
from pathlib import Path

import _definitions
import jax
import mpmath as mp
import numpy as np
import scipy
from _definitions import DEFINITIONS, ROOTS, Jet

from assay.verify import _points
from assay.verify.oracles import ORACLES, Oracle

PAGE = Path(__file__).parents[1] / "docs" / "oracles.md"
CACHE = Path(tempfile.gettempdir()) / "assay-oracles"
BITS = 640
PROMISE = 2.0**-40
TINY, HUGE = 2.0**-126, 2.0**128
COUNT = 15_000  # points a function, at least
Worst = tuple[float, float]  # relative error, at


def points(oracle: Oracle) -> np.ndarray:
    """Log-spaced magnitudes, a dense middle, and the points that matter."""
    low, high = oracle.domain
    sides = [s for s, end in ((-1, low), (1, high)) if end * s > 0]
    top = min(high, 3.4e38)
    size = np.logspace(-37.9, math.log10(top), 7000 if len(sides) == 2 else 14_500)
    middle = np.linspace(max(low, -20), min(high, 20), 4001)
    every = [s * size for s in sides] + [middle, _points.special(oracle)]
    x = np.unique(np.concatenate(every).astype(np.float32))
    x = x[np.isfinite(x) & (np.abs(x) >= TINY) | (x == 0)]
    x = _points.inside(x, oracle)
    return x[~np.isin(x, np.array(oracle.kinks, np.float32))]


def truths(name: str, x: np.ndarray) -> np.ndarray:
    """(3, points): value, first and second derivative by mpmath, rounded to float64."""
    text = inspect.getsource(_definitions)
    key = hashlib.sha256(text.encode() + x.tobytes() + name.encode()).hexdigest()[:24]
    path = CACHE / f"{key}.npy"
    if path.exists():
        return np.load(path)
    with mp.workprec(BITS):
        jets = [DEFINITIONS[name](Jet.variable(float(v))) for v in x]
        found = np.array([[float(j.f), float(j.d), float(j.dd)] for j in jets]).T
    CACHE.mkdir(exist_ok=True)
    np.save(path, found)
    return found


def worst(got: np.ndarray, true: np.ndarray, x: np.ndarray) -> Worst:
    """The greatest relative error and where; beyond float32's range only its side."""
    with np.errstate(all="ignore"):
        off = np.abs(got - true) / np.abs(true)
    off = np.where(got == true, 0, off)
    small, large = np.abs(true) < TINY, np.abs(true) > HUGE
    off = np.where(small & (np.abs(got) < TINY), 0, off)
    off = np.where(
        large & (np.abs(got) > HUGE) & (np.sign(got) == np.sign(true)), 0, off
    )
    off = np.where(np.isnan(off), np.inf, off)
    at = int(off.argmax())
    return float(off[at]), float(x[at])


def check(name: str) -> tuple[int, list[list[Worst]]]:
    """(points, the worst of each order in NumPy and in XLA)."""
    oracle, x = ORACLES[name], points(ORACLES[name])
    true, found = truths(name, x), []
    for order, f in zip(true, oracle.orders, strict=True):
        with np.errstate(all="ignore"), jax.enable_x64(True):
            both = f(x.astype(np.float64)), jax.jit(f)(x.astype(np.float64))
        found.append([worst(np.asarray(y), order, x) for y in both])
    return len(x), found


def cell(error: float) -> str:
    """2⁻⁵¹ as -51, the exponent of two."""
    return "0" if error == 0 else f"{math.log2(error):.1f}"


HEAD = """# How far the float64 oracles are from the truth

Written by `python scripts/oracles.py` on {date}, with Python {python}, NumPy {numpy},
SciPy {scipy}, jaxlib {jax} and mpmath {mpmath} at {bits} bits. The oracles of
`assay.verify.oracles` run in NumPy and, compiled in float64, in XLA. Each was compared
with its definition in mpmath on at least {count:,} float32 inputs: log-spaced sizes of
both signs from 1e-38 to 3.4e38, every power of two, a dense middle, and the neighbours
of kinks, of saturation and overflow points and of the roots of the derivatives.

The figures are log₂ of the worst relative error where the truth is within float32's
range of normal numbers: NumPy / XLA. The promise is -40; half an ULP of float32 is -24.
Kinks are left out{notes}.

| function | points | value | first | second |
| --- | ---: | ---: | ---: | ---: |
"""


def page(rows: list[tuple[str, int, list[list[Worst]]]]) -> str:
    """The whole of docs/oracles.md."""
    head = HEAD.format(
        date=datetime.date.today(),
        python=platform.python_version(),
        numpy=np.__version__,
        scipy=scipy.__version__,
        jax=jax.__version__,
        mpmath=mp.__version__,
        bits=BITS,
        count=COUNT,
        notes="; snake is held to |x| < 2²⁴, beyond which its roots are lost",
    )
    lines = [f"| {n} | {c:,} | {' | '.join(cells(w))} |" for n, c, w in rows]
    return head + "\n".join(lines) + "\n"


def cells(orders: list[list[Worst]]) -> list[str]:
    """NumPy / XLA for each order."""
    return [" / ".join(cell(error) for error, _ in both) for both in orders]


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the oracles.")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--roots", action="store_true")
    args = parser.parse_args()
    if args.roots:
        with mp.workprec(BITS):
            for name, (f, start) in ROOTS.items():
                root = mp.findroot(f, start)
                print(name, (float(root), float(root - mp.mpf(float(root)))))
        return 0
    rows, bad = [], 0
    for name in args.names or ORACLES:
        count, found = check(name)
        rows.append((name, count, found))
        broken = max(e for both in found for e, _ in both) > PROMISE or count < COUNT
        bad += broken
        print(f"{name:40} {count:6} {'  '.join(cells(found))}", flush=True)
        if broken:
            print("   BROKEN at", [[at for _, at in both] for both in found])
    if not args.names and not bad:
        PAGE.write_text(page(rows))
        print(f"wrote {PAGE}")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())

"""Activations, maps of rows and cross-entropies on 10M numbers: time beside ULP.

Every rival is a program of its own, and all take turns in one process; memory that was
freed is kept (glibc), or every call would time the page faults of 40 MB. `value` is the
function, `both` also its gradient for a given cotangent. The worst ULP are of a million
inputs, half of them random bit patterns (rows: of the rows raced, and gradients of the
row's largest entry): a sample, not the bound, which `benchmarks.exhaustive` walks.
`stream` is x ← x/2 + 2.5 y in place, timed in the same rounds: what memory allows.
"""

import ctypes
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay import bench
from assay.verify._bounds import STATED
from benchmarks import _elementwise
from benchmarks._elementwise import Case
from benchmarks._walk import FLUSHED, distance

NUMBERS, SMALL = 10_000_000, 2_000
SAMPLE = 2**20
TOLERANCE = 1e-4  # of the largest entry
FLOOR = 0.5  # no slower than twice the fastest JAX peer
WAYS = ("value", "both")


class Rival(NamedTuple):
    """How one library takes arrays and computes on them."""

    load: Callable  # NumPy -> its array
    value: Callable  # (t, *arrays) -> y
    both: Callable  # (t, *arrays) -> (y, gradient)


def rows(*, smoke: bool = False) -> Iterator[dict[str, Any]]:
    """One row a case, way and peer."""
    _keep_freed_memory()
    numbers = SMALL if smoke else NUMBERS
    for case in [*_elementwise.elementwise(), *_elementwise.by_rows()]:
        yield from race(case, numbers, rounds=1 if smoke else 9)


def _keep_freed_memory() -> None:
    """Ask glibc to hand nothing back to the system; elsewhere, do nothing."""
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(-4, 0)  # M_MMAP_MAX
    mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


def race(case: Case, numbers: int, rounds: int) -> Iterator[dict[str, Any]]:
    """All rivals on one case: they agree, are measured in ULP, then timed."""
    arrays = case.draw(np.random.default_rng(0), numbers)
    like = jax.eval_shape(case.ours, *arrays)
    t = np.cos(np.arange(like.size, dtype=np.float32)).reshape(like.shape)
    rivals, skipped = {"ours": _jax(case.ours, t, arrays)}, []
    if case.jax is not None:
        rivals[case.jax[0]] = _jax(case.jax[1], t, arrays)
    try:
        rivals |= {"torch": _torch(case.torch)} if case.torch else {}
    except ImportError as error:
        skipped.append({"peer": "torch", "skipped": str(error)})
    gaps = _gaps(rivals, t, arrays)
    wrong = [n for n, gap in gaps.items() if not gap <= TOLERANCE]
    text = "{:.2g} from ours: another function"
    skipped += [{"peer": n, "skipped": text.format(gaps[n])} for n in wrong]
    rivals = {n: r for n, r in rivals.items() if n not in wrong}
    worst = {n: _worst(case, r, t, arrays) for n, r in rivals.items()}
    loaded = {n: tuple(map(r.load, (t, *arrays))) for n, r in rivals.items()}
    for way in WAYS:
        calls = {n: _call(getattr(r, way), loaded[n]) for n, r in rivals.items()} | {
            "stream": _stream(numbers)
        }
        times = bench.interleave(calls, rounds=rounds)
        moved = sum(a.nbytes for a in arrays) + t.nbytes
        moved += (t.nbytes + arrays[0].nbytes) if way == "both" else 0
        yield from _found(case, way, times, worst, moved, 12 * numbers)
    for row in skipped:
        yield {"case": case.name, "way": "both", **row}


def _call(f: Callable, args: tuple) -> Callable[[], Any]:
    return lambda: f(*args)


def _found(case, way, times, worst, moved, streamed) -> Iterator[dict[str, Any]]:
    """The rows of one way; the ratio is the median of the rounds'."""
    medians = {n: bench.quartiles(v)[0] for n, v in times.items()}
    speed, stream = moved / medians["ours"], streamed / medians["stream"]
    for peer in [n for n in times if n not in ("ours", "stream")] or [None]:
        row = {
            "case": f"{case.name}{'' if way == 'value' else ' + gradient'}",
            "name": case.name,
            "way": way,
            "peer": peer or "alone",
            "ours": medians["ours"],
            "ulp": worst["ours"][way],
            "bound": _bound(case.name, way),
            "ceiling": speed / stream,
            "ratio": 1.0,
        }
        if peer is not None:
            middle, low, high = bench.ratio(times[peer], times["ours"])
            row |= {"ratio": middle, "low": low, "high": high}
            row |= {"theirs": medians[peer], "peer_ulp": worst[peer][way]}
            row |= {"target": None if peer == "torch" else FLOOR}
        yield row


def _bound(name: str, way: str) -> float | None:
    """The stated bound of the value or the derivative."""
    name = name.removesuffix("_exact")
    bound = next((room[name] for room in STATED.values() if name in room), None)
    return bound and (bound.value if way == "value" else bound.first)


def _jax(f: Callable, t: np.ndarray, arrays: tuple) -> Rival:
    """Two compiled programs."""

    def both(t, x, *rest):
        y, pull = jax.vjp(lambda x: f(x, *rest), x)
        return y, pull(t)[0]

    value = jax.jit(f).lower(*arrays).compile()
    pair = jax.jit(both).lower(t, *arrays).compile()
    wait = jax.block_until_ready
    return Rival(jnp.asarray, lambda t, *a: wait(value(*a)), lambda *a: wait(pair(*a)))


def _torch(make: Callable) -> Rival:
    """Eager, as its users run it, on all its threads."""
    import torch

    f = make(torch)

    def value(t, *arrays):
        with torch.no_grad():
            return f(*arrays)

    def both(t, x, *rest):
        x = x.detach().requires_grad_()
        y = f(x, *rest)
        return y.detach(), torch.autograd.grad(y, x, t)[0]

    return Rival(lambda a: torch.tensor(np.asarray(a)), value, both)


def _gaps(rivals: dict[str, Rival], t: np.ndarray, arrays: tuple) -> dict[str, float]:
    """How far value and gradient of each are from ours."""
    got = {n: _both(r, t, arrays) for n, r in rivals.items()}
    return {n: bench.difference(got["ours"], pair) for n, pair in got.items()}


def _both(rival: Rival, t: np.ndarray, arrays: tuple) -> tuple[np.ndarray, ...]:
    found = rival.both(*map(rival.load, (t, *arrays)))
    return tuple(np.asarray(a) for a in found)


def _worst(case: Case, rival: Rival, t: np.ndarray, arrays: tuple) -> dict[str, float]:
    """The worst ULP by way, from the same compiled programs."""
    if case.by_row:
        few = slice(0, 300)
    else:
        few = slice(0, min(SAMPLE, t.size))
        ends = _domain(case.name)
        padded = np.resize(_elementwise.sample(few.stop, *ends), t.shape)
        t, arrays = np.ones_like(t), (padded, *arrays[1:])
    got = (a[few] for a in _both(rival, t, arrays))
    with np.errstate(all="ignore"):
        wide = [a[few].astype(np.float64) for a in (t, *arrays)]
        true = case.truth(*wide)
        pairs = zip(WAYS, got, true, strict=True)
        return {
            way: _ulp(g, y, rows=case.by_row and way == "both") for way, g, y in pairs
        }


def _domain(name: str) -> tuple[float, float]:
    from assay.verify.oracles import ORACLES

    return ORACLES[name].domain if name in ORACLES else (-np.inf, np.inf)


def _ulp(got: np.ndarray, true: np.ndarray, *, rows: bool) -> float:
    """Of results that are normal numbers; of the row's largest where it says so."""
    if rows:
        largest = np.abs(true).max(-1, keepdims=True)
        unit = np.ldexp(1.0, np.frexp(largest)[1] - 24)
        found = np.abs(got - true) / unit
    else:
        inside = (np.abs(true) > FLUSHED) & (np.abs(true) < 2.0**127)
        found = np.where(inside | (true == 0), distance(got, true), 0)
    return float(np.where(np.isnan(found), np.inf, found).max())


def _stream(numbers: int) -> Callable[[], Any]:
    """x ← x/2 + 2.5 y in place."""
    held = [jnp.ones(numbers, jnp.float32), jnp.ones(numbers, jnp.float32)]
    triad = jax.jit(lambda x, y: x * 0.5 + 2.5 * y, donate_argnums=0)

    def call():
        held[0] = jax.block_until_ready(triad(*held))

    return call


HEAD = """\
| function | ours, ms | of the stream | ULP | JAX peer | its ULP | ratio | torch's ULP \
| ratio |"""


def table(found: list[dict[str, Any]]) -> str:
    """One line a case and way, and the summary."""
    cases: dict[str, dict[str, dict]] = {}
    for row in found:
        if "skipped" not in row:
            kind = "torch" if row["peer"] == "torch" else "jax"
            cases.setdefault(row["case"], {})[kind] = row
    lines = [HEAD, "|---" * 9 + "|", *(_line(peers) for peers in cases.values())]
    return "\n".join(lines) + "\n\n" + summary(found)


def _line(peers: dict[str, dict[str, Any]]) -> str:
    row = next(iter(peers.values()))
    cells = [row["case"], f"{row['ours'] * 1e3:.1f}", f"{row['ceiling']:.2f}"]
    cells.append(_digits(row["ulp"]))
    theirs, torch = peers.get("jax", {}), peers.get("torch", {})
    raced = "theirs" in theirs
    cells += [theirs["peer"], *_rival(theirs)] if raced else ["", "", ""]
    cells += _rival(torch) if torch else ["", ""]
    return f"| {' | '.join(cells)} |"


def _rival(row: dict[str, Any]) -> list[str]:
    spread = f"{row['ratio']:.2f} ({row['low']:.2f} - {row['high']:.2f})"
    return [_digits(row["peer_ulp"]), spread]


def _digits(ulp: float) -> str:
    """ULP in three digits; a NaN or an infinity where there is a number: ∞."""
    return "∞" if np.isinf(ulp) else f"{ulp:.1f}" if ulp < 1000 else f"{ulp:.0e}"


def summary(found: list[dict[str, Any]]) -> str:
    """Median, worst, what is below 0.8, and where an accurate peer is faster."""
    raced = [r for r in found if "theirs" in r and r["peer"] != "torch"]
    parts = []
    for way in WAYS:
        ratios = {r["name"]: r["ratio"] for r in raced if r["way"] == way}
        if ratios:
            least = min(ratios, key=ratios.__getitem__)
            middle = bench.quartiles(list(ratios.values()))[0]
            text = f"median {middle:.2f} of the JAX peer, the least {ratios[least]:.2f}"
            parts.append(f"{way}: {text} (`{least}`)")
    slow = [f"`{r['case']}` {r['ratio']:.2f}" for r in raced if r["ratio"] < 0.8]
    parts.append(f"below 0.8: {', '.join(slow) or 'none'}")
    right = [r for r in raced if r["bound"] and r["peer_ulp"] <= r["bound"]]
    slow = [f"`{r['case']}` {r['ratio']:.2f}" for r in right if r["high"] < 1]
    parts.append(f"slower than a peer within our bound: {', '.join(slow) or 'none'}")
    return "; ".join(parts) + "."

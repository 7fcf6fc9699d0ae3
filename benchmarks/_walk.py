"""The walk over all float32 inputs of one function, and what it keeps.

Ours is compiled as users have it (the function, or its derivative, of one array); the
oracle is a program of its own in float64, so that neither changes the other's
arithmetic. ULP are |got − true| / 2^(max(⌊log₂|true|⌋, −126) − 23); infinity counts as
2^128, NaN only agrees with NaN. Where the truth is subnormal, or so near to it that
ours may round to a subnormal on the way (16 ULP), zero is right: XLA flushes. So are
subnormal inputs taken for themselves or for a zero, of either sign. At a corner, and at
subnormals beside one at 0, right is whatever lies between its two sides.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks._asymptotes import APART, Region, Regions

QUANTITIES = ("value", "first", "second")
TINY = 2.0**-126  # the smallest normal number
FLUSHED = TINY * (1 + 2.0**-19)


class Subject(NamedTuple):
    """A function, the float64 truth of its value and derivatives, its asymptotes."""

    name: str
    ours: Callable
    truths: dict[str, Callable]  # of QUANTITIES
    regions: Regions = Regions()
    kinks: tuple[float, ...] = ()  # corners and jumps


class Grid(NamedTuple):
    """Which bit patterns: `blocks` of `chunks` arrays of `size` numbers each."""

    starts: Sequence[int] = range(0, 2**32, 2**24)
    chunks: int = 2**8
    size: int = 2**16  # stays in the cache: two to three times as fast as 2^20

    def block(self, number: int) -> Iterator[int]:
        """The first bit pattern of each chunk of a block."""
        return iter(self.starts[number] + self.size * i for i in range(self.chunks))


ALL = Grid()


class Programs(NamedTuple):
    """What is run on a chunk of one quantity."""

    ours: Callable  # float32 -> float32
    apart: Callable  # (ours, float64 inputs) -> ULP from the oracle
    regions: list[tuple[Region, Callable, float]]  # and from the terms, and their own
    truth: Callable  # the oracle in NumPy


def derivative(f: Callable, order: int) -> Callable:
    """f, f′ or f″ by forward mode."""
    if order == 0:
        return f
    inner = derivative(f, order - 1)
    return lambda x: jax.jvp(inner, (x,), (jnp.ones_like(x),))[1]


def ulps(got: Any, true: Any) -> Any:
    """The distance of float32 numbers from float64 truths, as float32."""
    limit = 2.0**128
    wide = jnp.clip(got.astype(jnp.float64), -limit, limit)
    clipped = jnp.clip(true, -limit, limit)
    exponent = (lax.bitcast_convert_type(clipped, jnp.int64) >> 52) & 0x7FF
    exponent = jnp.clip(exponent - 1023, -126, 127)
    a_unit = lax.bitcast_convert_type((1023 + 23 - exponent) << 52, jnp.float64)
    found = jnp.abs(wide - clipped) * a_unit
    found = jnp.where((jnp.abs(true) < FLUSHED) & (wide == 0), 0, found)
    wrong = jnp.where(jnp.isnan(got) & jnp.isnan(true), 0, jnp.inf)
    odd = jnp.isnan(got) | jnp.isnan(true)
    return jnp.where(odd, wrong, found).astype(jnp.float32)


def inputs(start: Any, size: int) -> tuple[Any, Any]:
    """`size` bit patterns from `start` on as float32, and as exact float64."""
    bits = start + lax.iota(jnp.uint32, size)
    x = lax.bitcast_convert_type(bits, jnp.float32)
    # A conversion would flush the subnormal ones.
    small = (bits & 0x7FFFFF).astype(jnp.float64) * 2.0**-149
    small = jnp.where(bits >> 31 == 1, -small, small)
    return x, jnp.where(bits & 0x7F800000 == 0, small, x.astype(jnp.float64))


def ends_of(start: int, size: int) -> np.ndarray:
    """The first and the last of the same float32 numbers, in NumPy."""
    return np.asarray([start, start + size - 1], np.uint32).view(np.float32)


class Walker:
    """The compiled programs of one function, for chunks of one size."""

    def __init__(self, subject: Subject, size: int, quantities: Sequence[str]) -> None:
        self.subject, self.size = subject, size
        texts = [version("jaxlib"), repr(subject.kinks)]
        self.programs = {}
        for q in quantities:
            if q in subject.truths:
                self.programs[q], text = _programs(subject, q, size)
                texts += text
        with jax.enable_x64(True):
            start = jax.ShapeDtypeStruct((), jnp.uint32)
            make = jax.jit(lambda s: inputs(s, size))
            self.inputs = make.lower(start).compile()
        digest = hashlib.sha256("\n".join(texts).encode())
        self.fingerprint = digest.hexdigest()[:16]

    def chunk(
        self, start: int, worst: dict[str, dict], counts: dict[str, dict]
    ) -> None:
        """Compare one chunk; better finds replace those in `worst`."""
        edges = ends_of(start, self.size)
        with jax.enable_x64(True):
            x, wide = self.inputs(np.uint32(start))
            for q, p in self.programs.items():
                got = p.ours(x)
                apart, kind = _apart(p, got, wide, edges)
                at = self._kinks(start, edges)
                if at is not None:
                    apart = _between_sides(p, got, apart, at)
                before = counts[q]
                counts[q] = {**before, kind: before[kind] + self.size}
                place = int(apart.argmax())
                found = float(apart[place])
                if found > worst[q]["ulp"]:
                    worst[q] = {"ulp": found, "bits": start + place}
                    if at is None:
                        y = np.asarray(got)[place]
                        _agree(self.subject.name, q, p, y, worst[q])

    def _kinks(self, start: int, edges: np.ndarray) -> tuple | None:
        """(their places in a chunk, the inputs there), if it has some."""
        low, high = sorted(0.0 if abs(e) < TINY else float(e) for e in edges)
        if not any(low <= k <= high for k in self.subject.kinks):
            return None
        x = np.arange(start, start + self.size, dtype=np.uint32).view(np.float32)
        flushed = np.where(np.abs(x) < TINY, np.float32(0), x)
        places = np.flatnonzero(np.isin(flushed, self.subject.kinks))
        return (places, flushed[places]) if places.size else None


def _programs(subject: Subject, q: str, size: int) -> tuple[Programs, list[str]]:
    """The programs of a quantity, and their texts for the fingerprint."""
    floats = jax.ShapeDtypeStruct((size,), jnp.float32)
    f, truth = derivative(subject.ours, QUANTITIES.index(q)), subject.truths[q]
    # Under no name of its own, which would be part of the fingerprint.
    lowered = jax.jit(lambda x: f(x)).lower(floats)
    texts = [lowered.as_text()]
    if lowered.out_info.dtype != jnp.float32:
        raise TypeError(f"{subject.name}: must give float32")
    stated: tuple[Region, ...] = getattr(subject.regions, q)
    with jax.enable_x64(True):
        doubles = jax.ShapeDtypeStruct((size,), jnp.float64)

        def against(g):
            return jax.jit(lambda got, x: ulps(got, g(x))).lower(floats, doubles)

        oracle, terms = against(truth), [against(r.asymptote) for r in stated]
        texts += [low.as_text() for low in (oracle, *terms)] + [repr(stated)]
        measured = [_own_error(subject.name, q, r, truth) for r in stated]
        regions = list(zip(stated, [t.compile() for t in terms], measured, strict=True))
        _same_in_numpy(subject.name, q, truth)
        made = Programs(lowered.compile(), oracle.compile(), regions, truth)
    return made, texts


def _own_error(name: str, q: str, region: Region, truth: Callable) -> float:
    """How far the terms are from the oracle, in ULP: edges and 1000 points between."""
    top = float(np.finfo(np.float32).max)
    ends = [min(max(end, -top), top) for end in (region.low, region.high)]
    sides = []
    for sign, far in ((-1, -ends[0]), (1, ends[1])):
        close = max(TINY, sign * ends[0 if sign > 0 else 1])
        if far >= close:
            sides.append(sign * np.geomspace(close, far, 1000))
    # Rounded to float32 as inputs are, but never across an edge.
    x = np.concatenate(sides).astype(np.float32).astype(np.float64)
    x = np.minimum(np.maximum(x, ends[0]), ends[1])
    with np.errstate(all="ignore"):
        true, terms = truth(x), region.asymptote(x)
    found = float(np.max(distance(terms, true)))
    if not found <= APART:
        edges = f"[{region.low:g}, {region.high:g}]"
        raise ValueError(f"{name} {q}: terms are {found:.3g} ULP off in {edges}")
    return found


def distance(a: Any, true: Any) -> np.ndarray:
    """Float64 numbers in ULP of float32 from the truth, in NumPy."""
    limit = 2.0**128
    a, t = (np.clip(np.asarray(v, np.float64), -limit, limit) for v in (a, true))
    _, exponent = np.frexp(t)
    unit = np.ldexp(1.0, np.clip(exponent - 1, -126, 127) - 23)
    same = (np.isnan(a) & np.isnan(t)) | (a == t)
    found = np.where(same, 0.0, np.abs(a - t) / unit)
    return np.where(np.isnan(found), np.inf, found)


def _same_in_numpy(name: str, q: str, truth: Callable) -> None:
    """The oracle under XLA is the one in NumPy, which mpmath has judged."""
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 2**15, dtype=np.uint32).view(np.float32)
    x = np.concatenate([bits, rng.uniform(-20, 20, 2**15).astype(np.float32)])
    with np.errstate(all="ignore"):
        x = x[~(np.abs(x) < TINY)].astype(np.float64)
        here, there = truth(x), np.asarray(jax.jit(truth)(x))
    tiny = (np.abs(here) < FLUSHED) & (np.abs(there) < FLUSHED)
    found = np.where(tiny, 0, distance(there, here))
    if not found.max() <= APART:
        at = x[found.argmax()]
        must = f"{name} {q}: the oracle must be the same in NumPy and XLA"
        raise ValueError(f"{must}; {found.max():.3g} ULP apart at {at:.9g}")


def _region_of(p: Programs, edges: np.ndarray) -> Any:
    """The region that holds the whole chunk, if one does; none near 0, ∞ and NaN."""
    low, high = sorted(float(e) for e in edges)
    if not np.isfinite(edges).all() or min(np.abs(edges)) < TINY:
        return None
    held = [r for r in p.regions if r[0].low <= low and high <= r[0].high]
    return held[0] if held else None


def _apart(p: Programs, got: Any, wide: Any, edges: np.ndarray) -> tuple:
    """(ULP of each number of a chunk, what they were compared with)."""
    region = _region_of(p, edges)
    if region is not None:
        _, program, own = region
        return np.asarray(program(got, wide)) + np.float32(own), "asymptote"
    found = np.asarray(p.apart(got, wide))
    if min(np.abs(edges)) < TINY:
        for zero in (0.0, -0.0):
            zeros = jnp.full_like(wide, zero)
            found = np.minimum(found, np.asarray(p.apart(got, zeros)))
    return found, "oracle"


def _between_sides(p: Programs, got: Any, apart: np.ndarray, at: tuple) -> np.ndarray:
    """`apart`, but at corners the distance to what lies between the sides."""
    places, x = at
    sides = []
    for far in (np.float32(-np.inf), np.float32(np.inf)):
        beside = np.nextafter(x, far)
        beside = np.where(np.abs(beside) < TINY, np.copysign(TINY, far), beside)
        with np.errstate(all="ignore"):
            sides.append(p.truth(beside.astype(np.float64)))
    ours = np.asarray(got)[places].astype(np.float64)
    nearest = np.clip(ours, np.minimum(*sides), np.maximum(*sides))
    apart = np.array(apart)
    apart[places] = np.minimum(apart[places], distance(ours, nearest))
    return apart


def _agree(name: str, q: str, p: Programs, got: Any, found: dict) -> None:
    """A new worst input is asked of NumPy's oracle as well."""
    x = np.asarray([found["bits"]], np.uint32).view(np.float32)
    if abs(float(x[0])) < TINY or not np.isfinite(found["ulp"]):
        return
    with np.errstate(all="ignore"):
        true = p.truth(x.astype(np.float64))
    flushed = abs(true[0]) < FLUSHED and got == 0
    again = 0.0 if flushed else float(distance(np.asarray([got]), true)[0])
    if abs(again - found["ulp"]) > 2 * APART:
        must = f"{name} {q}: the oracle must be the same in NumPy and XLA"
        text = f"{again:.3g} and {found['ulp']:.3g} ULP at {float(x[0]):.9g}"
        raise ValueError(f"{must}; {text}")


def kept(path: Path, fingerprint: str) -> dict[str, Any] | None:
    """What an earlier walk of the same programs left, finished or not."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return state if state.get("fingerprint") == fingerprint else None


def keep(path: Path, state: dict[str, Any]) -> None:
    """Write the state whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    os.replace(new, path)


def walk(
    walker: Walker, path: Path, facts: dict[str, Any], grid: Grid = ALL
) -> Iterator[dict[str, Any]]:
    """Go on from where `path` stands; its state after every block, kept beforehand."""
    nothing = {q: {"ulp": -1.0, "bits": 0} for q in walker.programs}
    state = kept(path, walker.fingerprint) or {
        "name": walker.subject.name,
        "fingerprint": walker.fingerprint,
        "done": 0,
        "blocks": len(grid.starts),
        "seconds": 0.0,
        "worst": nothing,
        "counts": {q: {"oracle": 0, "asymptote": 0} for q in walker.programs},
    }
    yield state
    while state["done"] < len(grid.starts):
        start = time.process_time()
        worst, counts = dict(state["worst"]), dict(state["counts"])
        for first in grid.block(state["done"]):
            walker.chunk(first, worst, counts)
        took = state["seconds"] + time.process_time() - start
        done = {"done": state["done"] + 1, "seconds": took}
        state = {**state, **facts, **done, "worst": worst, "counts": counts}
        keep(path, state)
        yield state

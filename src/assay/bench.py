"""The timing protocol: how a speed is measured here. The cases live elsewhere.

Tracing and compiling are timed apart, a warm-up follows, every call waits for every
output, rivals take turns in rounds whose order is reversed every other time, and the
numbers are compared *before* the clock starts. A ratio is the median over the rounds,
with its quartiles: above 1, ours is faster.
"""

import json
import math
import os
import platform
import subprocess
import time
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay import _check
from assay._numerics import unfused
from assay.typing import PyTree

ROUND_SECONDS = 0.01  # a rival repeats within a round until it lasts about this long
CAPTURE_LIMIT = 2**20  # bytes a closure may hide in the program without a warning


class Prepared(NamedTuple):
    """A function made ready to be timed, and what that took."""

    call: Callable[[], Any]
    trace: float  # s
    compile: float  # s
    first: float  # s, the first call of the compiled program
    memory: int  # bytes the program needs beside inputs and outputs
    how: str  # "compiled", or "python" where XLA cannot trace it (NumPy, torch)
    value: Any  # what that first call gave


class Timing(NamedTuple):
    """What one function costs; seconds, memory in bytes."""

    median: float
    low: float  # lower quartile
    high: float  # upper quartile
    trace: float
    compile: float
    first: float
    memory: int


class Row(NamedTuple):
    """Ours against theirs on one case; seconds."""

    name: str
    ratio: float  # median over the rounds of theirs / ours
    low: float  # its lower quartile
    high: float  # its upper quartile
    ours: float
    theirs: float
    compile_ours: float
    compile_theirs: float
    difference: float  # greatest, over the largest value
    rounds: int
    how: str  # how the reference ran: "compiled" or "python"


class Ceilings(NamedTuple):
    """The best this machine was seen to do in float32."""

    matmul: float  # GFLOP/s
    stream: float  # GB/s of x + 2.5 y, written in place


def seconds(f: Callable[[], Any], *, calls: int = 1) -> float:
    """Seconds per call of `f()`, each call waited for to its last output.

    >>> seconds(lambda: jnp.zeros(3)) > 0
    True
    """
    start = time.perf_counter()
    for _ in range(calls):
        jax.block_until_ready(f())
    return (time.perf_counter() - start) / calls


def prepare(f: Callable, *args: Any) -> Prepared:
    """Trace, compile and call `f(*args)` once, each timed apart.

    What cannot be traced (NumPy, another library) is kept as Python. A closure that
    hides more than 1 MB in the program is warned of: pass the array as an argument.

    >>> prepare(jnp.sin, jnp.zeros(3)).how
    'compiled'
    """
    start = time.perf_counter()
    try:
        traced = jax.jit(f).trace(*args)
    except Exception:  # NumPy and torch have many; the plain call raises the true ones
        start = time.perf_counter()
        value = f(*args)
        first = time.perf_counter() - start
        return Prepared(lambda: f(*args), 0.0, 0.0, first, 0, "python", value)
    _warn_captured(f, traced.jaxpr.consts)
    lowered = traced.lower()
    traced_at = time.perf_counter()
    compiled = lowered.compile()
    compiled_at = time.perf_counter()
    value = jax.block_until_ready(compiled(*args))
    first = time.perf_counter() - compiled_at
    memory = getattr(compiled.memory_analysis(), "temp_size_in_bytes", 0)
    took = traced_at - start, compiled_at - traced_at, first
    return Prepared(lambda: compiled(*args), *took, memory, "compiled", value)


def _warn_captured(f: Callable, consts: Sequence[Any]) -> None:
    held = sum(getattr(c, "nbytes", 0) for c in consts)
    if held > CAPTURE_LIMIT:
        name = getattr(f, "__name__", "the function")
        warnings.warn(
            f"bench: {name} captures {held / 1e6:.1f} MB of arrays, which become "
            "constants of the program. Pass them as arguments.",
            stacklevel=3,
        )


def interleave(
    rivals: dict[str, Callable[[], Any]], *, rounds: int = 7
) -> dict[str, list[float]]:
    """Seconds per call of each rival, one number a round, taken in turns.

    The order is reversed every other round, so that no rival always follows the same
    one; short calls are repeated until a round can be read off the clock.

    >>> times = interleave({"a": lambda: 1, "b": lambda: 2}, rounds=3)
    >>> [len(t) for t in times.values()]
    [3, 3]
    """
    calls = {}
    for name, f in rivals.items():
        seconds(f)  # the warm-up
        estimate = max(seconds(f), 1e-7)
        calls[name] = max(1, round(ROUND_SECONDS / estimate))
    times: dict[str, list[float]] = {name: [] for name in rivals}
    for r in range(rounds):
        for name in list(rivals)[:: -1 if r % 2 else 1]:
            times[name].append(seconds(rivals[name], calls=calls[name]))
    return times


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """(median, lower quartile, upper quartile).

    >>> quartiles([4.0, 1.0, 3.0, 2.0, 5.0])
    (3.0, 2.0, 4.0)
    """
    low, middle, high = np.quantile(np.asarray(values, np.float64), [0.25, 0.5, 0.75])
    return float(middle), float(low), float(high)


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> tuple[float, float, float]:
    """Median and quartiles over the rounds of theirs / ours, round by round.

    >>> ratio([2.0, 4.0, 9.0], [1.0, 2.0, 3.0])
    (2.0, 2.0, 2.5)
    """
    return quartiles([t / o for t, o in zip(theirs, ours, strict=True)])


def difference(got: PyTree, expected: PyTree) -> float:
    """max |got − expected| / max |expected| over the leaves; inf if NaNs differ.

    >>> difference(jnp.array([1.0, 2.0]), jnp.array([1.0, 4.0]))
    0.5
    """
    a, b = jax.tree.leaves(got), jax.tree.leaves(expected)
    if len(a) != len(b):
        _check.fail("bench", "both must return as many arrays", f"{len(a)}, {len(b)}")
    return max((_leaf_difference(x, y) for x, y in zip(a, b, strict=True)), default=0.0)


def _leaf_difference(x: Any, y: Any) -> float:
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.shape != y.shape:
        _check.fail("bench", "both must return one shape", f"{x.shape} and {y.shape}")
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    if same.all():
        return 0.0
    if not (np.isfinite(x) | same).all() or not (np.isfinite(y) | same).all():
        return float("inf")
    largest = np.abs(np.where(np.isfinite(y), y, 0)).max()
    with np.errstate(invalid="ignore"):
        distance = np.where(same, 0, np.abs(x - y)).max()
    return float(distance / largest) if largest else float(distance)


def measure(f: Callable, *args: Any, rounds: int = 7) -> Timing:
    """What `f(*args)` costs: to trace, to compile, at first and from then on.

    >>> cost = measure(lambda x: x @ x, jnp.ones((8, 8)), rounds=3)
    >>> cost.low <= cost.median <= cost.high
    True
    """
    ready = prepare(f, *args)
    middle, low, high = quartiles(interleave({"f": ready.call}, rounds=rounds)["f"])
    rest = ready.trace, ready.compile, ready.first, ready.memory
    return Timing(middle, low, high, *rest)


def compare(
    ours: Callable,
    theirs: Callable,
    args: Sequence[Any],
    *,
    name: str = "",
    rounds: int = 7,
    tolerance: float = 1e-4,
) -> Row:
    """Time two functions on the same arrays, once their results agree.

    Raises ValueError where the greatest difference is over `tolerance` times the
    largest value: a wrong answer is never fast.

    >>> row = compare(lambda x: x * 2, lambda x: x + x, [jnp.ones(4)], rounds=3)
    >>> row.difference, row.rounds
    (0.0, 3)
    """
    name = name or getattr(ours, "__name__", "bench")
    mine, other = prepare(ours, *args), prepare(theirs, *args)
    gap = difference(mine.value, other.value)
    if not gap <= tolerance:
        must = f"results must agree to {tolerance:g} before they are timed"
        _check.fail(name, must, f"a relative difference of {gap:.3g}")
    times = interleave({"ours": mine.call, "theirs": other.call}, rounds=rounds)
    return Row(
        name,
        *ratio(times["theirs"], times["ours"]),
        ours=quartiles(times["ours"])[0],
        theirs=quartiles(times["theirs"])[0],
        compile_ours=mine.trace + mine.compile,
        compile_theirs=other.trace + other.compile,
        difference=gap,
        rounds=rounds,
        how=other.how,
    )


def forward_backward(f: Callable) -> Callable:
    """The function that returns f(*args) and its cotangents, for uneven gradients.

    >>> y, (g,) = forward_backward(lambda x: x**2)(jnp.array(3.0))
    >>> float(y), float(g)
    (9.0, 6.0)
    """

    def both(*args):
        y, pull = jax.vjp(f, *args)
        return y, pull(jax.tree.map(_wave, y))

    return both


def _wave(y: Any) -> Any:
    """cos 0, cos 1, ...: with equal numbers the gradient of a softmax would vanish.

    From tables of cos(row) and cos(column), which are never computed anew: a cosine an
    entry takes as long as what is measured, and four times that where XLA fuses it.
    """
    *rows, columns = jnp.shape(y) or (1,)
    start = jnp.arange(math.prod(rows), dtype=jnp.float32) * columns
    step = jnp.arange(columns, dtype=jnp.float32)
    (a, b), (c, d) = unfused(_turns, start), unfused(_turns, step)
    flat = jnp.outer(a, c) - jnp.outer(b, d)
    return flat.reshape(jnp.shape(y)).astype(y.dtype)


def _turns(angle: Any) -> Any:
    return jnp.cos(angle), jnp.sin(angle)


def environment() -> dict[str, Any]:
    """What a timing depends on: versions, device, flags, and the commit in a checkout.

    >>> environment()["backend"] == jax.default_backend()
    True
    """
    device = jax.devices()[0]
    facts = {
        "assay": _version("assay"),
        "python": platform.python_version(),
        **{name: _version(name) for name in ("jax", "jaxlib", "flax", "optax")},
        "numpy": np.__version__,
        "backend": jax.default_backend(),
        "device": f"{len(jax.devices())} x {device.device_kind}",
        "cores": os.cpu_count(),
        "x64": bool(jax.config.read("jax_enable_x64")),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "commit": _commit(),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    here = Path(__file__)
    try:
        # A wheel inside somebody's repository is not a checkout of this one.
        _git(here.parent, "ls-files", "--error-unmatch", here.name)
        return _git(here.parent, "rev-parse", "--short", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def json_line(row: Row, **facts: Any) -> str:
    """One line of JSON: the row, `facts`, and where it was measured.

    >>> row = compare(jnp.sin, jnp.sin, [jnp.ones(4)], name="sin", rounds=3)
    >>> json.loads(json_line(row, room="demo"))["room"]
    'demo'
    """
    return json.dumps({**row._asdict(), **facts, **environment()}, allow_nan=False)


def ceilings(*, size: int = 2048, elements: int = 2**25, rounds: int = 5) -> Ceilings:
    """The best matrix product (GFLOP/s) and stream (GB/s) seen over the rounds.

    >>> ceilings(size=64, elements=2**16, rounds=2).matmul > 0
    True
    """
    a = jnp.ones((size, size), jnp.float32) / size
    product = prepare(jnp.matmul, a, a).call
    matmul = min(interleave({"matmul": product}, rounds=rounds)["matmul"])
    x, y = jnp.ones(elements, jnp.float32), jnp.ones(elements, jnp.float32)
    # Donated: a fresh output would measure the page faults of the allocator.
    triad = jax.jit(lambda x, y: x * 0.5 + 2.5 * y, donate_argnums=0)
    x = triad(x, y)
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        x = jax.block_until_ready(triad(x, y))
        best = min(best, time.perf_counter() - start)
    return Ceilings(2 * size**3 / matmul / 1e9, 3 * 4 * elements / best / 1e9)

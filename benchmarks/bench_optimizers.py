"""One optimizer step beside Optax's and PyTorch's: large leaves, many, and tiny ones.

All rivals take the same steps in turns, each from its own parameters and state, which
are donated: update and `apply_updates` are one compiled program. Agreement of the first
step is checked before the clock starts. `stream` is x ← x/2 + 2.5 y in place over as
many numbers, timed in the same rounds: what memory allows.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from assay import bench, optim

RATE, DECAY = 1e-3, 1e-2
TOLERANCE = 1e-4  # of the largest entry of the first step
TARGETS = {"optax": 0.97, "ours as a tree": 10.0}
WHOLE = 1.0  # the whole step in the grouped form against the tree


class Optimizer(NamedTuple):
    """Ours, Optax's, torch's (class name, arguments), and the bytes of a step."""

    ours: optim.Transform
    theirs: Any
    torch: tuple[str, dict] | None
    traffic: int  # bytes a parameter: what is read and written at least once


ADAM = {"lr": RATE, "betas": (0.9, 0.999), "eps": 1e-8}
OPTIMIZERS = {
    "adam": Optimizer(optim.adam(RATE), optax.adam(RATE), ("Adam", ADAM), 28),
    "adamw": Optimizer(
        optim.adamw(RATE, weight_decay=DECAY),
        optax.adamw(RATE, weight_decay=DECAY),
        ("AdamW", {**ADAM, "weight_decay": DECAY}),
        28,
    ),
    "sgd, momentum": Optimizer(
        optim.sgd(RATE, momentum=0.9),
        optax.sgd(RATE, momentum=0.9),
        ("SGD", {"lr": RATE, "momentum": 0.9}),
        20,
    ),
    "lion": Optimizer(
        optim.lion(RATE, weight_decay=DECAY),
        optax.lion(RATE, weight_decay=DECAY),
        None,
        20,
    ),
}


def one_leaf(smoke: bool) -> list[tuple[int, ...]]:
    """50M numbers in one array."""
    return [(1000,)] if smoke else [(50_000_000,)]


def transformer(smoke: bool) -> list[tuple[int, ...]]:
    """400 leaves, 28M numbers: 33 blocks of width 256, embeddings, head."""
    d, blocks, words = (8, 2, 16) if smoke else (256, 33, 8192)
    block = [(d, d)] * 4 + [(d, 4 * d), (4 * d,), (4 * d, d)] + [(d,)] * 5
    return [(words, d), (16, d), *block * blocks, (d,), (d,)]


def tiny(smoke: bool) -> list[tuple[int, ...]]:
    """2000 leaves of 1000."""
    return [(10,)] * 20 if smoke else [(1000,)] * 2000


CASES = {"one leaf of 50M": one_leaf, "400 leaves, 28M": transformer}
TINY = "2000 leaves of 1000"


class Rival(NamedTuple):
    """Something that steps: its call, its parameters, the seconds it compiled."""

    call: Callable[[], Any]
    params: Callable[[], list[np.ndarray]]
    compile: float  # s, tracing and compiling


def rows(*, smoke: bool = False) -> Iterator[dict[str, Any]]:
    """One row for each case, optimizer and peer."""
    for case, shapes in {**CASES, TINY: tiny}.items():
        for name in OPTIMIZERS:
            yield from race(case, name, shapes(smoke), rounds=1 if smoke else 7)
    yield from whole_step(8 if smoke else 2000, rounds=1 if smoke else 5)


def race(case: str, name: str, shapes: list, rounds: int) -> Iterator[dict]:
    """All rivals on one case; the last one's arrays are gone when it returns."""
    rng, chosen = np.random.default_rng(0), OPTIMIZERS[name]
    draw = [rng.standard_normal(s, np.float32) for s in shapes]
    start = [np.float32(0.02) * x for x in draw]
    grads = [x[..., ::-1].copy() for x in draw]
    del draw
    rivals = {
        "ours": _stepper(chosen.ours, start, grads, optim.apply_updates),
        "optax": _stepper(chosen.theirs, start, grads, optax.apply_updates),
    }
    skipped = ""
    try:
        rivals |= _torch_rivals(chosen.torch, start, grads)
    except ImportError as error:
        skipped = str(error)
    if case == TINY:
        rivals["grouped"] = _grouped(chosen.ours, start, grads)
    gaps = _agree(name, rivals, start)
    numbers = sum(x.size for x in start)
    del start, grads
    calls = {n: r.call for n, r in rivals.items()} | {"stream": _stream(numbers)}
    times = bench.interleave(calls, rounds=rounds)
    about = {"optimizer": name, "stream": 12 * numbers / _median(times, "stream") / 1e9}
    pairs = [("ours", peer) for peer in rivals if peer not in ("ours", "grouped")]
    pairs += [("grouped", "ours")] if "grouped" in rivals else []
    for mine, peer in pairs:
        speed = chosen.traffic * numbers / _median(times, mine) / 1e9
        facts = {**about, "speed": speed, "difference": gaps[peer]}
        yield _row(case, name, mine, peer, rivals, times) | facts
    if skipped:
        yield {"case": f"{name}, {case}", "peer": "torch", "skipped": skipped}


def _row(case: str, name: str, mine: str, peer: str, rivals: dict, times: dict) -> dict:
    middle, low, high = bench.ratio(times[peer], times[mine])
    grouped = mine == "grouped"
    shown = "ours as a tree" if grouped else peer
    return {
        "case": f"{name}{' grouped' if grouped else ''}, {case}",
        "peer": shown,
        "ratio": middle,
        "low": low,
        "high": high,
        "ours": _median(times, mine),
        "theirs": _median(times, peer),
        "compile_ours": rivals[mine].compile,
        "compile_theirs": rivals[peer].compile,
        "target": TARGETS.get(shown),
    }


def _median(times: dict[str, list[float]], name: str) -> float:
    return bench.quartiles(times[name])[0]


def _compiled(step: Callable, *args: Any) -> tuple[Callable, float]:
    """The step, its first two arguments donated, and the seconds that took."""
    begin = time.perf_counter()
    program = jax.jit(step, donate_argnums=(0, 1)).lower(*args).compile()
    return program, time.perf_counter() - begin


def _kept(program: Callable, params: Any, state: Any, *rest: Any) -> tuple:
    """(call, read): a call replaces parameters and state by the next ones."""
    now = [params, state]

    def call():
        now[:] = program(*now, *rest)
        return now

    return call, lambda: now[0]


def _stepper(tx: Any, start: Any, grads: Any, apply: Callable) -> Rival:
    """update and apply, compiled as one."""
    params, grads = jax.tree.map(jnp.array, (start, grads))
    state = tx.init(params)

    def step(params, state, grads):
        updates, state = tx.update(grads, state, params)
        return apply(params, updates), state

    program, seconds = _compiled(step, params, state, grads)
    call, read = _kept(program, params, state, grads)
    return Rival(
        call, lambda: [np.asarray(x) for x in jax.tree.leaves(read())], seconds
    )


def _grouped(tx: Any, start: list, grads: list) -> Rival:
    """Ours on the grouped form, whose gradients come grouped too."""
    group = optim.group_leaves
    rival = _stepper(tx, group(start), group(grads), optim.apply_updates)
    # All leaves have one shape: they lie in the order of the tree.
    return rival._replace(params=lambda: [x for g in rival.params() for x in g])


def _torch_rivals(chosen: tuple[str, dict] | None, start: list, grads: list) -> dict:
    """The eager optimizer, its two fast forms."""
    if chosen is None:
        return {}
    import torch

    kind, settings = chosen

    def make(form):
        params = [torch.nn.Parameter(torch.tensor(x)) for x in start]
        for p, g in zip(params, grads, strict=True):
            p.grad = torch.tensor(g)
        tx = getattr(torch.optim, kind)(params, **settings, **{form: True})
        return Rival(tx.step, lambda: [p.detach().numpy() for p in params], 0.0)

    return {f"torch {form}": make(form) for form in ("foreach", "fused")}


def _stream(numbers: int) -> Callable[[], Any]:
    """x ← x/2 + 2.5 y in place."""
    x, y = jnp.ones(numbers, jnp.float32), jnp.ones(numbers, jnp.float32)
    program, _ = _compiled(lambda x, _, y: (x * 0.5 + 2.5 * y, ()), x, (), y)
    return _kept(program, x, (), y)[0]


def _agree(name: str, rivals: dict[str, Rival], start: list) -> dict[str, float]:
    """Every rival's first step, compared with ours: a wrong answer is never fast."""
    for rival in rivals.values():
        rival.call()
    ours, gaps = rivals["ours"].params(), {}
    largest = max(float(np.abs(p - q).max()) for p, q in zip(ours, start, strict=True))
    for peer, rival in rivals.items():
        pairs = zip(ours, rival.params(), strict=True)
        gaps[peer] = max(float(np.abs(p - q).max()) for p, q in pairs) / largest
        if not gaps[peer] <= TOLERANCE:
            raise ValueError(
                f"{name}: {peer} must take our step; {gaps[peer]:.1e} off."
            )
    return gaps


def whole_step(leaves: int, rounds: int) -> Iterator[dict[str, Any]]:
    """Forward, backward and update of a residual network of leaves of 1000."""
    wide, narrow, rng = 40, 25, np.random.default_rng(0)
    shapes = [(wide, narrow), (narrow, wide)] * (leaves // 2)
    params = [jnp.asarray(0.1 * rng.standard_normal(s), jnp.float32) for s in shapes]
    x = jnp.asarray(rng.standard_normal((16, wide)), jnp.float32)
    # Of a gradient as small as rounding, Adam's first step would be ± the rate.
    tx = optim.adam(RATE, eps=1e-5)

    def loss(params, x):
        for a, b in zip(params[::2], params[1::2], strict=True):
            x = x + 0.1 * jnp.tanh(x @ a) @ b
        return jnp.mean(x * x)

    def step(params, state, x):
        grads = jax.grad(lambda p: loss(optim.ungroup_leaves(p), x))(params)
        updates, state = tx.update(grads, state, params)
        return optim.apply_updates(params, updates), state

    def rival(params):
        state = tx.init(params)
        program, seconds = _compiled(step, params, state, x)
        call, read = _kept(program, params, state, x)
        tree = optim.ungroup_leaves
        return Rival(call, lambda: [np.asarray(p) for p in tree(read())], seconds)

    start = [np.asarray(p) for p in params]
    rivals = {"grouped": rival(optim.group_leaves(params)), "ours": rival(params)}
    gaps = _agree("whole step", rivals, start)
    times = bench.interleave({n: r.call for n, r in rivals.items()}, rounds=rounds)
    row = _row("whole step", "adam", "grouped", "ours", rivals, times)
    case = f"adam grouped, whole step, {leaves} leaves"
    extra = {"optimizer": "adam", "difference": gaps["grouped"], "target": WHOLE}
    yield row | {"case": case} | extra

"""Is the table of conventions true? Ours and theirs against the rule in float64."""

import importlib.util
import inspect
import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay import optim
from assay.verify import _adapters, _record, rules
from assay.verify._convention import EPS, Convention
from assay.verify._conventions import CONVENTIONS
from assay.verify.rules import _rule

STEPS = 200
DOUBLE = 1e-12  # ours in float64 from the rule
SHAPE = (3, 4)
# Powers of two: Keras keeps its rate in float32, whatever its variables.
RATES = 2.0 ** -(4 + np.arange(STEPS + 2) // 50)
RATE = 2.0**-4


class Case(NamedTuple):
    """One setting at which a row is checked."""

    eps: float | None
    momentum: float | None


class Found(NamedTuple):
    """How far everybody is from the rule, over all cases; None: not there to run."""

    convention: Convention
    single: float | None  # ours in float32
    double: float | None  # ours in float64
    theirs_single: float | None
    theirs_double: float | None
    apart: float | None  # the rule from that of the optimizer's first row
    ok: bool
    note: str = ""


def schedule(t: Any) -> Any:
    """The rate after t updates: 1/16, halved every 50 steps."""
    return RATES[t] if isinstance(t, int) else jnp.asarray(RATES, float)[t]


def cases(row: Convention) -> list[list[Case]]:
    """The settings by momentum: those that differ in eps alone share one program."""
    own = row.ours.get("eps", _default(row.optimizer, "eps"))
    sizes = [None] if row.eps is None else [*EPS, own]
    pace = [None] if row.momentum is None else [0.0, 0.9]
    return [[Case(e, m) for e in sizes] for m in pace]


def settings(row: Convention, case: Case, side: int) -> dict[str, Any]:
    """The arguments of ours (side 0) or theirs (1) in this case."""
    given = dict(row.theirs if side else row.ours)
    if case.eps is not None and row.eps is not None:
        given[row.eps[side]] = case.eps
    if case.momentum is not None and row.momentum is not None:
        given[row.momentum[side]] = case.momentum
    return given


def truth(row: Convention, case: Case) -> tuple[np.ndarray, np.ndarray]:
    """(updates, the parameters before them) by the rule in NumPy float64, a row a step.

    Without decay and the like the parameters are 0, so that nobody loses digits to
    them.
    """
    rule = getattr(rules, row.rule or row.optimizer)
    rate = RATE if row.constant else schedule
    tx = _rule.transform(rule, rate, **settings(row, case, 0))
    p, us, ps = _start(row), [], []
    state = tx.init(p)
    for g in _gradients():
        u, state = tx.update(g, state, p)
        us.append(u)
        ps.append(p)
        p = p + u if row.params else p
    return np.stack(us), np.stack(ps)


def distance(got: np.ndarray, us: np.ndarray, ps: Any = 0.0) -> float:
    """The greatest |got − u| over the largest entry of u at about then, or of p.

    Who moves the parameters and tells by how much has only their digits left.
    """
    ps = np.broadcast_to(ps, us.shape)
    off = np.abs(np.asarray(got, np.float64) - us).max((1, 2))
    peak, sizes = 0.0, []
    for u, p in zip(us, ps, strict=True):
        peak = max(np.abs(u).max(), 0.9 * peak)
        sizes.append(max(peak, np.abs(p).max()))
    return float(np.nan_to_num(off / np.maximum(sizes, 1e-300), nan=np.inf).max())


def check(row: Convention, dtypes: tuple = (np.float32, np.float64)) -> Found:
    """One row: ours in both precisions, and theirs where their package is installed."""
    missing = row.call and importlib.util.find_spec(row.library) is None
    walks = {} if row.rule else {"ours": _ours}
    walks |= {"theirs": _theirs} if row.call and not missing else {}
    worst: dict[Any, list[float]] = {}
    for alike in cases(row):
        told = [truth(row, case) for case in alike]
        for who, dtype in itertools.product(walks, dtypes):
            got = walks[who](row, alike, told, dtype)
            moves = row.moves or (who == "theirs" and row.library != "optax")
            for u, (us, ps) in zip(got, told, strict=True):
                far = distance(u, us, ps if moves else 0.0)
                worst.setdefault((who, dtype), []).append(far)
    both = itertools.product(("ours", "theirs"), (np.float32, np.float64))
    four = [max(worst[key]) if key in worst else None for key in both]
    bounds = row.single, DOUBLE, math.inf, row.slack
    ok = all(x is None or x <= b for x, b in zip(four, bounds, strict=True))
    note = f"{row.library} is not installed" if missing else ""
    return Found(row, *four, apart(row), ok, note)


def conventions(rows: Iterable[Convention] = CONVENTIONS) -> Iterator[Found]:
    """The rows of the table, checked one at a time."""
    for row in rows:
        yield check(row)


def apart(row: Convention) -> float | None:
    """How far this reading is from the optimizer's first, by the two rules alone.

    The greatest difference of two updates over 200 steps at the same eps and momentum,
    over the largest entry; None for the first itself.
    """
    first = next(r for r in CONVENTIONS if r.optimizer == row.optimizer)
    if first is row:
        return None
    far = [0.0]
    for case in [c for alike in cases(row) for c in alike]:
        here, there = truth(row, case), truth(first, case)
        far.append(distance(here[0], there[0]))
    return max(far)


def _ours(row: Convention, alike: list[Case], told: list, dtype: Any) -> np.ndarray:
    make = getattr(optim, row.optimizer)
    return _walked(row, alike, told, dtype, 0, make)


def _theirs(row: Convention, alike: list[Case], told: list, dtype: Any) -> Any:
    """torch by itself, step by step; the others in one program for all eps."""
    if row.library != "torch":
        return _walked(row, alike, told, dtype, 1, _maker(row))
    rate = RATE if row.constant else schedule
    got = []
    for case, (_, ps) in zip(alike, told, strict=True):
        tx = _adapters.torch_optimizer(row.call, lr=rate, **settings(row, case, 1))
        state, us = tx.init(ps[0].astype(dtype)), []
        for g, p in zip(_gradients(), ps, strict=True):
            u, state = tx.update(g.astype(dtype), state, p.astype(dtype))
            us.append(u)
        got.append(np.stack(us))
    return got


def _maker(row: Convention) -> Any:
    if row.library == "keras":
        _adapters.keras_on_jax()  # now, and not while tracing
        return lambda **given: _adapters.keras_optimizer(row.call, **given)
    optax = importlib.import_module("optax")
    contrib = importlib.import_module("optax.contrib")
    return getattr(optax, row.call, None) or getattr(contrib, row.call)


def _walked(
    row: Convention, alike: list[Case], told: list, dtype: Any, side: int, make: Any
) -> np.ndarray:
    """The updates along the rule's parameters, (cases, steps, *shape)."""
    rate = RATE if row.constant else schedule

    def one(eps, ps):
        tx = make(learning_rate=rate, **settings(row, alike[0]._replace(eps=eps), side))

        def step(state, now):
            u, state = tx.update(now[0], state, now[1])
            return state, u

        return jax.lax.scan(step, tx.init(ps[0]), (gradients, ps))[1]

    with jax.enable_x64(dtype == np.float64), _record.relaxed():
        gradients = jnp.asarray(_gradients(), dtype)
        ps = jnp.asarray(np.stack([p for _, p in told]), dtype)
        if row.eps is None:
            return np.asarray(jax.jit(jax.vmap(lambda p: one(None, p)))(ps))
        eps = jnp.asarray([case.eps for case in alike], dtype)
        return np.asarray(jax.jit(jax.vmap(one))(eps, ps))


def _gradients() -> np.ndarray:
    """Noise, every entry at its own scale, from 1e-4 to 10."""
    rng = np.random.default_rng(3)
    scale = np.logspace(-4, 1, SHAPE[0] * SHAPE[1]).reshape(SHAPE)
    return (scale * rng.standard_normal((STEPS, *SHAPE))).astype(np.float32) + 0.0


def _start(row: Convention) -> np.ndarray:
    p = np.random.default_rng(4).standard_normal(SHAPE).astype(np.float32)
    return p.astype(np.float64) if row.params else np.zeros(SHAPE)


def _default(optimizer: str, name: str) -> Any:
    parameters = inspect.signature(getattr(optim, optimizer)).parameters
    return parameters[name].default if name in parameters else None

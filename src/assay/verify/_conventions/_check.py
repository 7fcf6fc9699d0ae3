"""Is the table of conventions true? Ours and theirs against the rule in float64."""

import importlib.util
import inspect
import itertools
import math
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay import optim
from assay.verify import _adapters, _record, rules
from assay.verify._conventions._row import EPS, Convention
from assay.verify._conventions._table import CONVENTIONS
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
    ok: bool
    note: str = ""

    @property
    def apart(self) -> float | None:
        """How far this reading is from the optimizer's first, by the rules alone."""
        return apart(self.convention)

    def as_dict(self) -> dict[str, Any]:
        """For machines: names, calls, distances, who is alone and why."""
        row = self.convention
        words = {n: getattr(row, n) for n in ("equation", "rounding", "low", "thread")}
        about = {"optimizer": row.optimizer, "as": row.library, "why": row.note}
        calls = {"ours_call": row.ours_call, "theirs_call": row.theirs_call}
        found = {n: v for n, v in self._asdict().items() if n != "convention"}
        return {**about, **calls, **words, **found, "apart": self.apart}


def rate_of(row: Convention) -> Any:
    """The rate after t updates: 1/16, halved every 50 steps; or a number."""
    if row.constant:
        return RATE * row.times
    rates = RATES * row.times
    return lambda t: rates[t] if isinstance(t, int) else jnp.asarray(rates, float)[t]


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
        given |= dict.fromkeys(row.eps[side].split(), case.eps)
    if case.momentum is not None and row.momentum is not None:
        given[row.momentum[side]] = case.momentum
    return given


def truth(row: Convention, case: Case) -> tuple[np.ndarray, np.ndarray]:
    """(updates, the parameters before them) by the rule in NumPy float64, a row a step.

    Without decay and the like the parameters are 0, so that nobody loses digits to
    them.
    """
    rule = getattr(rules, row.rule or row.optimizer)
    rate = rate_of(row)
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


class Job(NamedTuple):
    """The cases of a row that differ in eps alone, and what the rule gives in each."""

    row: Convention
    alike: list[Case]
    told: list[tuple[np.ndarray, np.ndarray]]  # updates, parameters before them


def conventions(
    rows: Iterable[Convention] = CONVENTIONS,
    dtypes: tuple = (np.float32, np.float64),
    sides: tuple[str, ...] = ("ours", "theirs"),
) -> list[Found]:
    """Ours and theirs from the rule, in each precision, row by row.

    All of ours, all of Optax's and all of Keras's are one program each.
    """
    rows = list(rows)
    jobs = [
        Job(row, alike, [truth(row, case) for case in alike])
        for row in rows
        for alike in cases(row)
    ]
    worst: dict[Any, float] = {}
    for side, dtype in itertools.product(sides, dtypes):
        for job, got in _walks(side, jobs, dtype):
            moves = job.row.moves or (side == "theirs" and job.row.library != "optax")
            for u, (us, ps) in zip(got, job.told, strict=True):
                far = distance(u, us, ps if moves else 0.0)
                key = id(job.row), side, dtype
                worst[key] = max(worst.get(key, 0.0), far)
    return [_found(row, worst) for row in rows]


def _found(row: Convention, worst: dict[Any, float]) -> Found:
    both = itertools.product(("ours", "theirs"), (np.float32, np.float64))
    four = [worst.get((id(row), *key)) for key in both]
    bounds = row.single, DOUBLE, math.inf, row.slack
    ok = all(x is None or x <= b for x, b in zip(four, bounds, strict=True))
    note = f"{row.library} is not installed" if _missing(row) else ""
    return Found(row, four[0], four[1], four[2], four[3], ok, note)


def _walks(side: str, jobs: list[Job], dtype: Any) -> Iterator[tuple[Job, Any]]:
    """The updates of one side, (cases, steps, *shape) for every job that it can run."""
    if side == "ours":
        mine = [j for j in jobs if not j.row.rule]
        yield from zip(mine, _in_jax(mine, dtype, 0), strict=True)
        return
    there = [j for j in jobs if j.row.call and not _missing(j.row)]
    yield from ((j, _in_torch(j, dtype)) for j in there if j.row.library == "torch")
    for library in ("optax", "keras"):
        mine = [j for j in there if j.row.library == library]
        yield from zip(mine, _in_jax(mine, dtype, 1), strict=True)


def _missing(row: Convention) -> bool:
    return bool(row.call) and importlib.util.find_spec(row.library) is None


def apart(row: Convention) -> float | None:
    """How far the rule of this row is from that of the optimizer's first row.

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


def _in_torch(job: Job, dtype: Any) -> list[np.ndarray]:
    """torch by itself, step by step."""
    row, got = job.row, []
    rate = rate_of(row)
    for case, (_, ps) in zip(job.alike, job.told, strict=True):
        tx = _adapters.torch_optimizer(row.call, lr=rate, **settings(row, case, 1))
        state, us = tx.init(ps[0].astype(dtype)), []
        for g, p in zip(_gradients(), ps, strict=True):
            u, state = tx.update(g.astype(dtype), state, p.astype(dtype))
            us.append(u)
        got.append(np.stack(us))
    return got


def _in_jax(jobs: list[Job], dtype: Any, side: int) -> list[np.ndarray]:
    """The updates along the rule's parameters, in one program for all the jobs."""
    makes = [_maker(j.row) if side else getattr(optim, j.row.optimizer) for j in jobs]

    def one(job, make, gradients, eps, ps):
        case = job.alike[0]._replace(eps=eps)
        rate = rate_of(job.row)
        tx = make(learning_rate=rate, **settings(job.row, case, side))

        def step(state, now):
            u, state = tx.update(now[0], state, now[1])
            return state, u

        return jax.lax.scan(step, tx.init(ps[0]), (gradients, ps))[1]

    def run(gradients, inputs):
        out = []
        for job, make, (eps, ps) in zip(jobs, makes, inputs, strict=True):
            axes = None if eps is None else 0, 0
            out.append(jax.vmap(partial(one, job, make, gradients), axes)(eps, ps))
        return out

    with jax.enable_x64(dtype == np.float64), _record.relaxed():
        inputs = [(_sizes(j, dtype), _path(j, dtype)) for j in jobs]
        out = jax.jit(run)(jnp.asarray(_gradients(), dtype), inputs)
        return jax.device_get(out)


def _sizes(job: Job, dtype: Any) -> Any:
    """Every case's eps, or None where there is none."""
    if job.row.eps is None:
        return None
    return jnp.asarray([case.eps for case in job.alike], dtype)


def _path(job: Job, dtype: Any) -> Any:
    """Every case's parameters, a row a step."""
    return jnp.asarray(np.stack([ps for _, ps in job.told]), dtype)


def _maker(row: Convention) -> Any:
    if row.library == "keras":
        _adapters.keras_on_jax()  # now, and not while tracing
        return partial(_adapters.keras_optimizer, row.call)
    optax = importlib.import_module("optax")
    contrib = importlib.import_module("optax.contrib")
    return getattr(optax, row.call, None) or getattr(contrib, row.call)


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

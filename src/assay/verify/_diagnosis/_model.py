"""An optimizer as a rule, its settings and its mistakes: walked in NumPy float64."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from assay.verify import rules
from assay.verify._diagnosis import _forms
from assay.verify._diagnosis._evidence import Evidence, Layout, Run

# How the rule is walked: what can go wrong in any family, and the right value.
WALK: dict[str, Any] = {
    "learning_rate": 1.0,
    "schedule": None,  # factors of learning_rate, one a step
    "weight_decay": 0.0,
    "decay_form": "decoupled",  # or "coupled": added to the gradient
    "decay_power": 1,  # power of the rate that multiplies the decay
    "decay_on": "before",  # or "after": the parameters before or after the update
    "decay_leaves": "all",  # or "matrices"
    "count": "",
    "flip": (),  # indices of leaves whose update has the wrong sign
    "flip_decay": True,  # and that of its decay too
    "still": (),  # indices of leaves that do not move
    "alias": False,  # the state belongs to a shape instead of a leaf
    "store": "",  # the dtype in which the state is kept ...
    "store_of": "",  # one of its parts alone
    "store_before": False,  # ... and rounded to before the update is made of it
    "late": False,  # the update is that of the step before
    "max_norm": 0.0,  # gradients clipped to this global norm
}
OWN = ("adam", "rmsprop", "sgd", "lion", "adagrad")  # families with forms
SAME = ("adamw", "amsgrad", "momentum")  # the same rules under another name


class Model(NamedTuple):
    """A family, and what is said of its rule and of the walk."""

    family: str
    settings: dict[str, Any]

    def but(self, changes: dict[str, Any]) -> "Model":
        """The same with some settings changed; `family` may be among them."""
        family = changes.get("family", self.family)
        settings = self.settings if family == self.family else {}
        kept = {k: v for k, v in self.settings.items() if k in WALK or k in settings}
        kept |= {k: v for k, v in changes.items() if k != "family"}
        return Model(family, kept)

    def get(self, name: str) -> Any:
        """A setting: its own, the walk's or the rule's default."""
        if name in self.settings:
            return self.settings[name]
        return WALK[name] if name in WALK else defaults(self.family)[name]


@cache
def families() -> dict[str, Callable]:
    """Every rule of the house by name; those with forms by their forms."""
    found = {
        name: rule
        for name, rule in sorted(vars(rules).items())
        if inspect.isfunction(rule)
        and list(inspect.signature(rule).parameters)[:5] == ["t", "g", "p", "s", "rate"]
        and name not in (*OWN, *SAME)
        and not name.startswith("scale_by_")
    }
    return {name: getattr(_forms, name) for name in OWN} | found


@cache
def defaults(family: str) -> dict[str, Any]:
    """The settings of a family's rule."""
    own = inspect.signature(families()[family]).parameters
    return {n: p.default for n, p in own.items() if p.default is not p.empty}


@cache
def elementwise(family: str) -> bool:
    """Whether every entry goes its own way: then all leaves are walked as one."""
    rng = np.random.default_rng(0)
    g, p = rng.standard_normal((2, 3, 4))
    rule = families()[family]

    def twice(g, p):
        u, s = rule(1, g, p, {}, 0.1)
        return np.broadcast_to(rule(2, g, p, s, 0.1)[0], g.shape), u

    try:
        whole = twice(g, p)[0]
        parts = [twice(g[i : i + 1], p[i : i + 1])[0] for i in range(3)]
        return np.allclose(whole, np.concatenate(parts), rtol=1e-9)
    except Exception:  # a rule for matrices only, say
        return False


@cache
def stackable(family: str) -> bool:
    """Whether the numbers of the rule may be arrays (n, 1, 1)."""
    wide = np.ones((2, 1, 1))
    values = {n: v * wide for n, v in defaults(family).items() if isinstance(v, float)}
    try:
        families()[family](1, np.ones((3, 4)), np.ones((3, 4)), {}, 0.1, **values)
    except Exception:  # a rule that counts in fractions, say
        return False
    return elementwise(family)


@cache
def decays_outside(family: str) -> bool:
    """Whether weight_decay is −rate · weight_decay · p, added to the rest."""
    g, p = np.random.default_rng(1).standard_normal((2, 3, 4))
    rule = families()[family]
    with_it, without = (rule(1, g, p, {}, 0.1, weight_decay=w)[0] for w in (0.5, 0.0))
    return bool(np.allclose(with_it - without, -0.05 * p))


def walk(
    model: Model, seen: Evidence, steps: int, *, follow: Run | None = None
) -> np.ndarray:
    """The updates (steps, streams, entries) that the model would have made.

    Settings may be arrays (n, 1, 1): n models at once, (steps, n, streams, entries).
    With `follow` the rate of each step is what fits that run best.
    """
    return _walk(model, seen, steps, follow)[0]


def solved_schedule(model: Model, seen: Evidence, run: Run, steps: int) -> np.ndarray:
    """The factors of the learning rate, step by step, with which `run` was made."""
    return _walk(model, seen, steps, run)[1]


def state_names(model: Model, seen: Evidence) -> list[str]:
    """What the rule keeps for every entry: m, v, ..."""
    settings = WALK | {k: v for k, v in model.settings.items() if k in WALK}
    with np.errstate(all="ignore"):
        states = _stepper(model, settings, seen)(0, 1.0, {})[1]
    first = next(iter(states.values()), {})
    return [n for n, v in first.items() if np.ndim(v)]


def distance(updates: np.ndarray, run: Run, *, most: float = 1.0) -> float:
    """The greatest distance over the entry's largest update of the last steps.

    `most` below 1 leaves out the worst entries: roundings may fall otherwise.
    """
    n = len(updates)
    finite = np.isfinite(run.updates[:n])
    if np.any(np.isfinite(updates) != finite) or not finite.any():
        return np.inf  # nothing but nan is no evidence
    with np.errstate(invalid="ignore"):
        off = np.abs(updates - run.updates[:n]) / run.peaks[:n]
    off = np.where(finite, off, 0)
    return float(np.quantile(off, most)) if most < 1 else float(off.max())


def _walk(model, seen, steps, follow):
    settings = WALK | {k: v for k, v in model.settings.items() if k in WALK}
    step = _stepper(model, settings, seen)
    rate = settings["learning_rate"]
    states, done, factors = {}, [], []
    with np.errstate(all="ignore"):
        for k in range(steps):
            factor = _factor(settings["schedule"], k)
            if follow is not None:
                ends = [step(k, f * rate, states)[0] for f in (0.0, 1.0)]
                factor = _fitting(ends, follow.updates[k])
            u, states = step(k, factor * rate, states)
            done.append(u)
            factors.append(factor)
    if settings["late"]:
        done = [np.zeros_like(done[0]), *done[:-1]]
    # At the first step not every number matters: then there is one row for all.
    return np.stack(np.broadcast_arrays(*done)), np.array(factors)


def _stepper(model: Model, settings: dict, seen: Evidence) -> Callable:
    """(step, rate, states) -> (updates, states) of all streams and entries."""
    family, where = model.family, seen.layout
    own = {k: v for k, v in model.settings.items() if k not in WALK}
    if settings["store"] and settings["store_before"]:
        own["keep"] = lambda x: _rounded(x, settings["store"])
    if "weight_decay" in defaults(family):
        inside = not decays_outside(family)
        own["weight_decay"] = settings["weight_decay"] if inside else 0.0
        settings = settings | ({"weight_decay": 0.0} if inside else {})
    rule, pieces = families()[family], _pieces(family, settings, seen)
    decay = settings["weight_decay"] * spot(settings["decay_leaves"], where)
    finish, owners = _finisher(settings, decay, where), owner(where)
    together = len(pieces) == 1

    def step(k, rate, states):
        g, p = _clipped(seen.gradients[k], settings["max_norm"]), seen.params[k]
        if settings["decay_form"] == "coupled":
            g = g + decay * p
        t, states = _count(settings["count"], k, owners), dict(states)
        if together:
            u, s = rule(t, g, p, states.get(0, {}), rate, **own)
            return finish(u, p, rate), {0: _stored(s, settings)}
        parts = []
        for at, key, shape in pieces:
            a, b = (x[(..., *at)] for x in (g, p))
            if shape is not None:
                a, b = a.reshape(shape), b.reshape(shape)
            now = t if np.ndim(t) == 0 else t[at[1]].reshape(shape or (-1,))
            u, s = rule(now, a, b, states.get(key, {}), rate, **own)
            states[key] = _stored(s, settings)
            u = np.broadcast_to(u, np.broadcast(u, a).shape)
            parts.append(u if shape is None else u.reshape(-1))
        return finish(_assembled(parts, pieces, seen), p, rate), states

    return step


def _fitting(ends: list[np.ndarray], goal: np.ndarray) -> float:
    """The factor with which the update is nearest to the goal: it enters linearly."""
    rise, goal = ends[1] - ends[0], goal - ends[0]
    use = np.isfinite(rise) & np.isfinite(goal) & (np.abs(rise) > 1e-30)
    return float(np.median(goal[use] / rise[use])) if use.any() else 1.0


def _pieces(family: str, settings: dict, seen: Evidence) -> list[tuple]:
    """What is stepped at once, in turn: place, the state's key, the rule's shape."""
    leaves, alias = seen.layout.leaves, settings["alias"]
    keys = [leaf.shape if alias else i for i, leaf in enumerate(leaves)]
    if elementwise(family) and not alias:
        return [((slice(None), slice(None)), 0, None)]
    pairs = list(zip(leaves, keys, strict=True))
    if elementwise(family):
        return [((slice(None), leaf.columns), key, None) for leaf, key in pairs]
    streams = range(seen.gradients.shape[1])
    return [((s, f.columns), (s, key), f.shape) for s in streams for f, key in pairs]


def _assembled(parts: list, pieces: list, seen: Evidence) -> np.ndarray:
    """The pieces' updates at their places."""
    more = parts[0].shape[:-2] if pieces[0][2] is None else ()
    whole = np.zeros((*more, *seen.gradients.shape[1:]))
    for u, (at, _, _) in zip(parts, pieces, strict=True):
        whole[(..., *at)] = u
    return whole


def _count(kind: str, k: int, owners: np.ndarray) -> Any:
    """What the rule takes for the number of updates at step k (from 0)."""
    if kind == "per leaf":
        return k * (owners.max() + 1) + owners + 1
    if kind == "per leaf, before":
        return (k + 1) * (owners.max() + 1)
    return {"ahead": k + 2, "behind": k, "frozen": 1, "never": 1e9}.get(kind, k + 1)


def _factor(schedule: Any, k: int) -> Any:
    return 1.0 if schedule is None else schedule[min(k, len(schedule) - 1)]


def owner(where: Layout) -> np.ndarray:
    """The index of the leaf of every entry."""
    spots = np.zeros(where.width, int)
    for i, leaf in enumerate(where.leaves):
        spots[leaf.columns] = i
    return spots


def spot(leaves: str, where: Layout) -> Any:
    """1 where the decay acts."""
    if leaves == "all":
        return 1.0
    ranks = np.array([len(leaf.shape) for leaf in where.leaves])
    return (ranks[owner(where)] > 1).astype(float)


def _finisher(settings: dict, decay: Any, where: Layout) -> Callable:
    """(update, p, rate) -> update with decay, wrong signs and leaves at rest."""
    sign = np.ones(where.width)
    for i in settings["flip"]:
        sign[where.leaves[i].columns] = -1
    for i in settings["still"]:
        sign[where.leaves[i].columns] = 0
    before, after = not settings["flip_decay"], settings["flip_decay"]
    before, after = (x and bool(np.any(sign != 1)) for x in (before, after))
    decays = settings["decay_form"] == "decoupled" and bool(np.any(decay))
    power, late = settings["decay_power"], settings["decay_on"] == "after"

    def finish(u, p, rate):
        u = u * sign if before else u
        if decays:
            u = u - rate**power * decay * (p + u if late else p)
        return u * sign if after else u

    return finish


def _clipped(g: np.ndarray, most: Any) -> np.ndarray:
    if np.ndim(most) == 0 and most == 0:
        return g
    norm = np.sqrt(np.sum(g**2, axis=-1, keepdims=True))
    return g * np.minimum(1, most / np.maximum(norm, 1e-300))


def _rounded(x: Any, dtype: str) -> np.ndarray:
    """Rounded to a short format as XLA does it: by way of float32."""
    kind = getattr(ml_dtypes, dtype) if dtype == "bfloat16" else np.dtype(dtype)
    return np.asarray(x).astype(np.float32).astype(kind).astype(np.float64)


def _stored(s: dict, settings: dict) -> dict:
    if not settings["store"] or settings["store_before"]:
        return s
    kept = settings["store_of"]
    return {
        k: _rounded(v, settings["store"]) if kept in ("", k) else v
        for k, v in s.items()
    }

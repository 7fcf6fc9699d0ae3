"""Which rule, with which settings, an optimizer is."""

import itertools
from typing import Any, NamedTuple

import numpy as np

from assay.verify._diagnosis import _fit as fits
from assay.verify._diagnosis import _model as models
from assay.verify._diagnosis._evidence import Evidence, Run
from assay.verify._diagnosis._model import Model

STEPS = 10  # of the first look
CLOSER = 8  # presets of a stage looked at closely
COUPLED = 1e-4, 1e-3, 1e-2, 1e-1  # decays in the gradient to start from
FAR = 1.5  # the mean logarithm beyond which no preset is
# Conventions of the families with forms; those of the others are their flags.
VARIANTS: dict[str, dict[str, tuple]] = {
    "adam": {
        "nesterov": (False, True),
        "maximum": ("", "corrected", "raw"),
        "eps_hat": (False, True),
        "eps_at": ("", "root"),
    },
    "rmsprop": {
        "momentum": (None, 0.9),
        "eps_in_sqrt": (True, False),
        "centered": (False, True),
        "bias_correction": (False, True),
        "nesterov": (False, True),
        "rate_last": (False, True),
    },
    "sgd": {
        "momentum": (None, 0.9),
        "nesterov": (False, True),
        "rate_last": (True, False),
    },
    "adagrad": {"eps_in_sqrt": (True, False)},
    "lion": {},
}


class Identity(NamedTuple):
    """A model and how far its updates are from the optimizer's."""

    model: Model
    distance: float


class Decay(NamedTuple):
    """What zero gradients show: −size · p."""

    sizes: np.ndarray  # one a step; 0 = no decay apart from the gradient
    leaves: str
    any: bool  # the parameters move at all


def identify(seen: Evidence, run: Run) -> Identity:
    """The nearest rule: at a constant rate, or else under a schedule."""
    decay = _decay(seen, run)
    stages = [f for f in models.families() if f in models.OWN], list(models.families())
    best = Identity(Model("sgd", {}), np.inf)
    for free_rate, families in itertools.product((False, True), stages):
        presets = _presets(families, decay, free_rate)
        goals = {False: run, True: _without(run, seen, decay)}
        looks = [glance(m, seen, goals[_apart(m)], free_rate) for m in presets]
        for i in np.argsort(looks, kind="stable")[:CLOSER]:
            if looks[i] > FAR:
                break
            found = _closely(presets[i], seen, run, decay, free_rate)
            if found.distance < best.distance:
                best = found
            if best.distance < tolerance(run, best.model):
                return _throughout(best, seen, run)
    return best


def _throughout(found: Identity, seen: Evidence, run: Run) -> Identity:
    """The same over all steps: the rate may change later on."""
    for model in (found.model, None):
        if model is None:
            try:
                model = _scheduled(found.model, seen, run, len(run.updates))
            except ValueError:
                break
        off = models.distance(models.walk(model, seen, len(run.updates)), run)
        if off < tolerance(run, model):
            return Identity(model, off)
    return Identity(found.model, off)


def tolerance(run: Run, model: Model) -> float:
    """What rounding may do to an update, relative to the entry's largest lately."""
    if run.noise < 1e-10:
        return 1e-8
    betas = [model.get(n) for n in fits.numbers(model) if n in fits.BETAS]
    # 1 − b2ᵗ in float32 loses digits at the first steps.
    return max(6e-5, run.noise / max(1 - max(betas, default=0.0), 1e-7))


def _presets(families: list[str], decay: Decay, free_rate: bool) -> list[Model]:
    """Every family with every convention that has a name."""
    made = []
    for family in families:
        flags = VARIANTS.get(family) or _flags(family)
        for values in itertools.product(*flags.values()):
            settings = dict(zip(flags, values, strict=True))
            if not _sensible(family, settings, free_rate):
                continue
            made.append(Model(family, settings))
            if decay.any and family in models.OWN:
                made += [Model(family, {**settings, **_coupled(w)}) for w in COUPLED]
    return made


def _coupled(size: float) -> dict[str, Any]:
    return {"decay_form": "coupled", "weight_decay": size}


def _flags(family: str) -> dict[str, tuple]:
    """The rule's own switches, its default first."""
    found = models.defaults(family).items()
    return {n: (v, not v) for n, v in found if isinstance(v, bool)}


def _sensible(family: str, s: dict[str, Any], free_rate: bool) -> bool:
    """Whether the switches mean something together."""
    if family == "adam" and s["eps_at"]:
        return not s["eps_hat"]
    momentum = s.get("momentum", 0.9) is not None
    place = s.get("rate_last") == models.defaults(family).get("rate_last")
    return (momentum or not s.get("nesterov")) and (place or free_rate and momentum)


def _decay(seen: Evidence, run: Run) -> Decay:
    """Read off the stream without gradients."""
    u, p = run.updates[:, -1], seen.params[:, -1]
    sizes = -u / p
    ranks = [len(leaf.shape) for leaf in seen.layout.leaves]
    matrix = np.array(ranks)[models.owner(seen.layout)] > 1
    moving = bool(np.any(np.abs(u[:STEPS]) > 0))
    where = matrix if matrix.any() and not np.any(u[:, ~matrix]) else matrix | True
    size = np.median(sizes[:, where], axis=1)
    even = np.allclose(sizes[:, where], size[:, None], rtol=1e-3, atol=0)
    leaves = "all" if where.all() else "matrices"
    return Decay(size if even and moving else 0 * size, leaves, moving)


def _without(run: Run, seen: Evidence, decay: Decay) -> Run:
    """The updates without the decoupled decay."""
    spot = models.spot(decay.leaves, seen.layout)
    rest = run.updates + decay.sizes[:, None, None] * spot * seen.params
    return run._replace(updates=rest)


def glance(model: Model, seen: Evidence, run: Run, free_rate: bool = False) -> float:
    """How unlike the updates' sizes are, at the best rate (of each step)."""
    buffered = free_rate and model.settings.get("momentum") is not None
    try:
        u = models.walk(model, seen, STEPS, follow=run if buffered else None)
    except Exception:  # a rule that is not for leaves like these
        return np.inf
    target = run.updates[:STEPS]
    with np.errstate(all="ignore"):
        off = np.log(np.abs(u)) - np.log(np.abs(target))
    off = np.where(np.isfinite(off), off, np.nan)
    some = ~np.all(np.isnan(off), axis=(1, 2))
    if not some.any():
        return np.inf
    middle = np.nanmedian(off[some], axis=(1, 2) if free_rate else None, keepdims=True)
    off = np.minimum(np.abs(off[some] - middle), 2)
    wrong = np.mean(np.sign(u) != np.sign(target))
    return float(np.nanmean(off) + 2 * wrong)


def _closely(
    model: Model, seen: Evidence, run: Run, decay: Decay, free_rate: bool
) -> Identity:
    """The preset with its numbers fitted and rounded."""
    apart = _apart(model)
    goal = _without(run, seen, decay) if apart else run
    steps = min(STEPS + 2, len(run.updates))
    try:
        model = model.but({"learning_rate": _rate(model, seen, goal)})
        names = [
            n for n in fits.numbers(model) if n != "learning_rate" or not free_rate
        ]
        kw = {"free_rate": free_rate, "patient": True}
        model = fits.fit(model, names, seen, goal, steps, **kw)
        if free_rate:
            model = _scheduled(model, seen, goal, steps)
        else:
            model = _settled(model, names, seen, goal, steps)
        if apart and decay.sizes.any():
            model = _decaying(model, decay, steps)
            names = [*names, "weight_decay"]
        off = models.distance(models.walk(model, seen, steps), run)
        if off < 1e-3:
            model = fits.rounded(model, names, seen, run, steps)
            off = models.distance(models.walk(model, seen, steps), run)
        if off < 1e-3 and free_rate:
            model = _scheduled(model, seen, run, len(run.updates))
    except (NotImplementedError, ValueError, np.linalg.LinAlgError):
        return Identity(model, np.inf)
    return Identity(model, off)


def _settled(
    model: Model, names: list[str], seen: Evidence, goal: Run, steps: int
) -> Model:
    """With the rule's own numbers where others make up for it: a sum of two, say."""
    own, allowed = models.defaults(model.family), 1e4 * goal.noise
    if models.distance(models.walk(model, seen, steps), goal) > allowed:
        return model
    for name in names:
        usual = own.get(name)
        if not usual or abs(np.log(model.get(name) / usual)) < 1e-6:
            continue
        rest = [n for n in names if n != name]
        tried = fits.fit(model.but({name: usual}), rest, seen, goal, steps)
        if models.distance(models.walk(tried, seen, steps), goal) < allowed:
            model = tried
    return model


def _apart(model: Model) -> bool:
    """Whether the decay is no part of the rule's gradient."""
    return model.get("decay_form") != "coupled"


def _rate(model: Model, seen: Evidence, goal: Run) -> float:
    u, target = models.walk(model, seen, STEPS), goal.updates[:STEPS]
    with np.errstate(all="ignore"):
        ratio = np.abs(target / u)
    ratio = ratio[np.isfinite(ratio) & (ratio > 0)]
    return float(np.median(ratio)) if ratio.size else 1.0


def _scheduled(model: Model, seen: Evidence, goal: Run, steps: int) -> Model:
    """The model under the schedule that its rates are, the first as learning_rate."""
    model = model.but({"schedule": None})
    factors = models.solved_schedule(model, seen, goal, steps)
    if not np.all(np.isfinite(factors)) or np.all(factors == 0):
        raise ValueError("no rate explains the updates")
    unit = factors[np.flatnonzero(factors)[0]]
    rate = model.get("learning_rate") * unit
    return model.but({"learning_rate": rate, "schedule": factors / unit})


def _decaying(model: Model, decay: Decay, steps: int) -> Model:
    """The decoupled decay, multiplied by the rate or not."""
    schedule = model.get("schedule")
    factor = np.ones(steps) if schedule is None else schedule[:steps]
    rate, sizes = model.get("learning_rate") * factor, decay.sizes[:steps]
    with np.errstate(all="ignore"):
        scaled = np.where(rate > 0, sizes / rate, np.nan)
    by_rate = np.nanstd(scaled) < 1e-6 * np.nanmean(scaled)
    settings = {"weight_decay": float(np.nanmedian(scaled))}
    if not by_rate:
        settings = {"weight_decay": float(np.median(sizes)), "decay_power": 0}
    return model.but({**settings, "decay_leaves": decay.leaves})

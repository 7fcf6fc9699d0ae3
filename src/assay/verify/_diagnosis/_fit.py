"""Numbers of a model by Gauss-Newton on the logarithm of the updates."""

import itertools
from typing import Any

import numpy as np

from assay.verify._diagnosis import _model as models
from assay.verify._diagnosis._evidence import Evidence, Run
from assay.verify._diagnosis._model import Model

# Where a number that is 0 or None starts when it is to be fitted.
STARTS = {
    "weight_decay": 0.01,
    "momentum": 0.9,
    "dampening": 0.3,
    "initial_scale": 0.1,
    "initial_accumulator_value": 0.1,
    "eps_root": 1e-8,
    "max_norm": 1.0,
    "lr_decay": 0.01,
}
BETAS = {"b1", "b2", "b3", "decay", "momentum", "beta", "rho", "dampening"}
STEPPED = "lion", "signum"  # only signs depend on their betas: no slope to follow
SCANNED = 24, 100  # steps in which signs are counted, for one beta and for two
ROUNDS = 14
DIGITS = 4  # a number of more significant digits is not rounded


def numbers(model: Model) -> list[str]:
    """The settings that are positive numbers now: those that can be fitted."""
    own = {n: model.get(n) for n in models.defaults(model.family)}
    both = own | {n: model.get(n) for n in ("learning_rate", "weight_decay")}
    return [n for n, v in both.items() if _is_number(v) and v > 0]


def fit(
    model: Model,
    names: list[str],
    seen: Evidence,
    run: Run,
    steps: int,
    *,
    free_rate: bool = False,
    patient: bool = False,
) -> Model:
    """The model with these numbers fitted to the run; soon given up if not `patient`.

    With `free_rate` every step may have a rate of its own, which `solved_schedule`
    then finds.
    """
    if model.family in STEPPED and any(n in BETAS for n in names):
        rest = [n for n in names if n not in BETAS]
        kw = {"free_rate": free_rate, "patient": patient}
        model = fit(model, rest, seen, run, steps, **kw) if rest else model
        return _scanned(model, [n for n in names if n in BETAS], seen, run)
    start = {n: model.get(n) or STARTS.get(n, 0.1) for n in names}
    at = np.array([_inward(n, start[n]) for n in names])
    target, damping, width = run.updates[:steps], 1e-3, 1e-5
    use = np.isfinite(target) & (np.abs(target) > 0.05 * run.peaks[:steps])
    use &= np.abs(target) > 1e-30
    best, best_cost, first, linear = at, np.inf, np.zeros(2), None
    for turn in range(ROUNDS):
        points = [at, *(at + width * row for row in np.eye(len(at)))]
        off = _residuals(model, names, points, seen, steps, run, use, free_rate)
        cost = float(np.mean(off[0] ** 2))
        if cost < best_cost:
            gain = (best_cost - cost) / best_cost if best_cost < np.inf else 1.0
            best, best_cost, damping = at, cost, damping * 0.1
            linear = (off[1:] - off[0]) / width, off[0]
            if cost < 1e-24 or (turn > 4 and gain < 1e-6):
                break
        else:
            damping *= 30
            if damping > 1e6:
                break
        # Signs that disagree weigh much and say nothing of how far it is: the median.
        sizes = np.array([cost, np.median(np.abs(off[0]))])
        first = sizes if turn == 0 else first
        hopeless = turn == 3 and not patient and np.all(sizes > 0.5 * first)
        if linear is None or hopeless:
            break
        at = best - _step(*linear, damping)
    fitted = {n: _outward(n, x) for n, x in zip(names, best, strict=True)}
    return model.but(fitted)


def _scanned(model: Model, names: list[str], seen: Evidence, run: Run) -> Model:
    """The betas with the fewest wrong signs, on ever finer grids."""
    middle = [_inward(n, model.get(n) or STARTS.get(n, 0.1)) for n in names]
    for width in (0.0, 4.0, 1.5, 0.5, 0.15, 0.05):
        steps = SCANNED[len(names) > 1] if width > 0.2 else len(run.updates)
        goal = _signs(run, steps)
        around = width * np.linspace(-1, 1, 13 if len(names) > 1 else 41)
        axes = np.meshgrid(*(m + around for m in middle), indexing="ij")
        points = np.stack([x.ravel() for x in axes]) if width else np.array([middle]).T
        stack = points[..., None, None]
        values = {n: _outward(n, x) for n, x in zip(names, stack, strict=True)}
        u = np.sign(models.walk(model.but(values), seen, len(goal)))
        wrong = np.mean(u != goal[:, None], axis=(0, 2, 3))
        best = points[:, wrong == wrong.min()]
        away = np.sum((best - best.mean(axis=1, keepdims=True)) ** 2, axis=0)
        middle = best[:, np.argmin(away)]
        hopeless = width and wrong.min() > 0.05 + 0.1 * width
        if hopeless or not width and wrong.min() == 0:
            break
    found = {n: float(_outward(n, x)) for n, x in zip(names, middle, strict=True)}
    model = model.but(found)
    return model if wrong.min() > 0.03 else _nicest(model, names, seen, run)


def _signs(run: Run, steps: int) -> np.ndarray:
    """Signs of updates; what is left where a decay was taken off has none."""
    u = run.updates[:steps]
    return np.sign(u) * (np.abs(u) > 1e-6 * run.peaks[:steps])


def _nicest(model: Model, names: list[str], seen: Evidence, run: Run) -> Model:
    """The betas of fewest digits with which every sign is right."""
    goal = _signs(run, len(run.updates))
    digits = itertools.product(range(1, DIGITS + 1), repeat=len(names))
    for few in sorted(digits, key=sum):
        short = {n: nice(n, model.get(n), d) for n, d in zip(names, few, strict=True)}
        tried = model.but(short)
        if np.array_equal(np.sign(models.walk(tried, seen, len(goal))), goal):
            return tried
    return model


def rounded(
    model: Model, names: list[str], seen: Evidence, run: Run, steps: int
) -> Model:
    """The same with numbers of few digits, as far as they explain the run as well."""
    far = models.distance(models.walk(model, seen, steps), run)
    allowed = max(4 * far, 1e4 * run.noise)
    for name in names:
        for digits in range(1, DIGITS + 1):
            short = nice(name, model.get(name), digits)
            if abs(short / model.get(name) - 1) > 0.02:
                continue
            tried = model.but({name: short})
            if models.distance(models.walk(tried, seen, steps), run) <= allowed:
                model = tried
                break
    return model


def nice(name: str, value: float, digits: int) -> float:
    """The value with so many digits; 1 − value where that is the small one."""
    if name in BETAS and value > 0.5:
        return float(f"{1 - float(f'{1 - value:.{digits - 1}e}'):.12g}")
    return float(f"{value:.{digits - 1}e}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.floating)) and not isinstance(value, bool)


def _inward(name: str, value: float) -> float:
    """A number without bounds: logit of a weight, logarithm of a size."""
    value = float(value)
    if name in BETAS:
        value = min(max(value, 1e-9), 1 - 1e-9)
        return float(np.log(value) - np.log1p(-value))
    return float(np.log(value))


def _outward(name: str, x: Any) -> Any:
    return 1 / (1 + np.exp(-x)) if name in BETAS else np.exp(x)


def _residuals(model, names, points, seen, steps, run, use, free_rate):
    """log |update| − log |target|, one row a point; bounded where they disagree."""
    follow = run if free_rate else None
    if models.stackable(model.family) and not free_rate:
        stack = np.array(points).T[..., None, None]
        values = {n: _outward(n, x) for n, x in zip(names, stack, strict=True)}
        u = models.walk(model.but(values), seen, steps)
        whole = (steps, len(points), *use.shape[1:])
        u = np.broadcast_to(u if u.ndim == 4 else u[:, None], whole)
    else:
        each = [
            {n: _outward(n, x) for n, x in zip(names, p, strict=True)} for p in points
        ]
        tried = [model.but(values) for values in each]
        u = np.stack([models.walk(m, seen, steps, follow=follow) for m in tried], 1)
    u, target = np.moveaxis(u, 1, 0)[:, use], run.updates[:steps][use]
    with np.errstate(all="ignore"):
        off = np.log(np.abs(u)) - np.log(np.abs(target))
    off = np.where(np.sign(u) == np.sign(target), off, 3.0)
    return np.clip(np.nan_to_num(off, nan=3.0, posinf=3.0, neginf=-3.0), -4, 4)


def _step(slopes: np.ndarray, off: np.ndarray, damping: float) -> np.ndarray:
    """Levenberg and Marquardt's; a number that nothing depends on stays."""
    square = slopes @ slopes.T
    size = np.diag(square)
    ridge = np.diag(damping * size + 1e-12 * (1 + size.max()))
    step = np.linalg.solve(square + ridge, slopes @ off)
    return np.clip(step, -2, 2)

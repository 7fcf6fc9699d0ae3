"""Which changes make the reference's rule the optimizer at hand: one, or two."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from assay.verify._diagnosis import _fit as fits
from assay.verify._diagnosis import _mistakes
from assay.verify._diagnosis import _model as models
from assay.verify._diagnosis import _reference as references
from assay.verify._diagnosis._evidence import Evidence, Run
from assay.verify._diagnosis._mistakes import Change
from assay.verify._diagnosis._model import Model

AFTER = 8  # steps looked at beyond the first difference
NEAR = 4  # and those that numbers are fitted to, in float64
KIN = 3  # other families that are tried with a second change
ROUGH = 0.98  # share of the entries that agree where float32 is rounded once more


class Explanation(NamedTuple):
    """A model of mine, and how it differs from the reference's."""

    model: Model
    changes: tuple[Change, ...]
    distance: float


def explanations(reference: Model, seen: Evidence) -> list[Explanation]:
    """All of the fewest changes that explain mine; else the nearest, if anything."""
    run = seen.mine
    first = _first(reference, seen)
    if first is None:
        off = models.distance(models.walk(reference, seen, len(run.updates)), run)
        return [Explanation(reference, (), off)]
    singles = _mistakes.changes(reference, seen, run)
    tried = [_tried(reference, (c,), seen, first) for c in singles]
    found = _sound(tried, seen)
    if found:
        return found
    for pairs in _pairs(reference, singles, seen, first):
        more = [_tried(reference, pair, seen, first) for pair in pairs]
        found = _sound(more, seen)
        if found:
            return found
        tried += more
    near = [t for t in tried if t is not None and np.isfinite(t.distance)]
    return sorted(near, key=lambda t: t.distance)[:1]


def explains(found: Explanation, seen: Evidence) -> bool:
    """Whether what is left is rounding."""
    return found.distance <= references.tolerance(seen.mine, found.model)


def _first(reference: Model, seen: Evidence) -> int | None:
    """The step (from 0) at which mine is no longer the reference's rule."""
    run = seen.mine
    updates = models.walk(reference, seen, len(run.updates))
    allowed = references.tolerance(run, reference)
    for k in range(len(updates)):
        here = run._replace(updates=run.updates[k : k + 1], peaks=run.peaks[k : k + 1])
        if models.distance(updates[k : k + 1], here) > allowed:
            return k
    return None


def _tried(
    reference: Model, changes: tuple[Change, ...], seen: Evidence, first: int
) -> Explanation | None:
    """The reference so changed, its free numbers fitted; None if it makes no sense."""
    settings, names = {}, [n for c in changes for n in c.fit]
    for change in changes:
        settings |= change.settings
    model, run = reference.but(settings), seen.mine
    few, steps = first + 3, min(first + AFTER, len(run.updates))
    near = min(first + NEAR, steps) if run.noise < 1e-10 else steps
    most = _share(model, run)
    allowed = references.tolerance(run, model)
    try:
        if names:
            model = fits.fit(model, names, seen, run, near)
        off = models.distance(models.walk(model, seen, few), run, most=most)
        if off > 30 * allowed:
            return Explanation(model, changes, off)
        off = models.distance(models.walk(model, seen, steps), run, most=most)
    except (ArithmeticError, IndexError, KeyError, TypeError, ValueError):
        return None
    if names and off <= allowed:
        model = fits.rounded(model, names, seen, run, steps)
    if any(_as_before(n, model, reference) for n in names):
        return None
    return Explanation(model, changes, off)


def _share(model: Model, run: Run) -> float:
    """Roundings of float32's noise may fall to either side."""
    return ROUGH if model.get("store") and run.noise > 1e-10 else 1.0


def _as_before(name: str, model: Model, reference: Model) -> bool:
    """Whether the number that was found is the reference's: then it is no change."""
    if model.family != reference.family:
        return False
    old = reference.get(name)
    return bool(old) and abs(model.get(name) / old - 1) < 1e-5


def _sound(tried: list[Explanation | None], seen: Evidence) -> list[Explanation]:
    """Those that hold over all steps, the plainest numbers first."""
    found = []
    for one in tried:
        if one is None or not explains(one, seen):
            continue
        updates = models.walk(one.model, seen, len(seen.mine.updates))
        most = _share(one.model, seen.mine)
        whole = one._replace(distance=models.distance(updates, seen.mine, most=most))
        if explains(whole, seen):
            found.append(whole)
    return sorted(found, key=lambda f: (_rough(f, seen), cost(f)))


def _rough(found: Explanation, seen: Evidence) -> bool:
    """Whether some entries were left out, and are far off."""
    updates = models.walk(found.model, seen, len(seen.mine.updates))
    return models.distance(updates, seen.mine) > 1e3 * max(found.distance, 1e-8)


def cost(found: Explanation) -> int:
    """Digits of the numbers that had to be found."""
    names = [n for c in found.changes for n in c.fit]
    return sum(_digits(n, found.model.get(n)) for n in names)


def _digits(name: str, value: float) -> int:
    for digits in range(1, 8):
        if abs(fits.nice(name, value, digits) / value - 1) < 1e-12:
            return digits
    return 16


def _pairs(
    reference: Model, singles: list[Change], seen: Evidence, first: int
) -> Iterator[list[tuple[Change, Change]]]:
    """Lists of pairs to try: without numbers to find, with one, with two."""
    known: set[frozenset] = set()
    found: dict[int, list] = {0: [], 1: [], 2: []}
    for one in _kin(reference, singles, seen):
        changed = reference.but(one.settings)
        try:
            more = _mistakes.changes(changed, seen, seen.mine)
        except (ArithmeticError, KeyError, TypeError, ValueError):
            continue
        for two in more:
            names = {*one.settings, *one.fit} & {*two.settings, *two.fit}
            key = frozenset((c.phrase, c.fit) for c in (one, two))
            if names or len(key) < 2 or key in known or "family" in two.settings:
                continue
            known.add(key)
            found[len(one.fit) + len(two.fit)].append((one, two))
    yield found[0]
    yield found[1]
    yield found[2]


def _kin(reference: Model, singles: list[Change], seen: Evidence) -> list[Change]:
    """The changes, of other families only those whose updates look most like mine."""
    others = [c for c in singles if "family" in c.settings]
    rest = [c for c in singles if "family" not in c.settings]
    looks = [
        references.glance(reference.but(c.settings), seen, seen.mine) for c in others
    ]
    return rest + [others[i] for i in np.argsort(looks, kind="stable")[:KIN]]

"""Why two optimizers differ, in a sentence: the rule, and the mistakes in it."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from assay import _check
from assay.optim import Transform
from assay.typing import PyTree
from assay.verify._diagnosis import _evidence as evidence
from assay.verify._diagnosis import _mistakes
from assay.verify._diagnosis import _model as models
from assay.verify._diagnosis import _precision as precision
from assay.verify._diagnosis import _reference as references
from assay.verify._diagnosis import _search as search
from assay.verify._diagnosis._evidence import Evidence
from assay.verify._diagnosis._reference import Identity
from assay.verify._diagnosis._search import Explanation

ALSO = 2  # other explanations, equal by algebra, that are named


class Diagnosis(NamedTuple):
    """What mine is, said of the reference's rule."""

    sentence: str
    family: str  # "adam"; "" if the reference is no rule of the house
    changes: tuple[str, ...]  # how mine differs from the reference; () = not at all
    also: tuple[tuple[str, ...], ...]  # changes that come to the same on this evidence
    settings: dict[str, Any]  # mine's numbers and switches; {} if nothing explains it
    relative: float  # how far mine is from the rule so explained
    ulp: float  # the same in float32, in units in the last place
    steps: int

    @property
    def explained(self) -> bool:
        """Whether a rule was found that mine is."""
        return bool(self.settings)


def diagnose(
    mine: Transform,
    reference: Transform,
    *,
    params: PyTree | None = None,
    steps: int = 200,
) -> Diagnosis:
    """Which conventions or mistakes make the reference's rule the optimizer `mine`.

    Both are run in float64 where they can; the reference is recognised among
    `verify.rules` and its numbers are fitted, then one and two changes are tried.

    >>> import optax
    >>> from assay import optim
    >>> found = diagnose(optim.adam(2e-3), optax.adam(1e-3), steps=20)
    >>> found.changes
    ('learning_rate 0.002 instead of 0.001',)
    """
    _check.within("verify.diagnose", "steps", steps, 1, float("inf"))
    where = evidence.layout(params)
    known = _known if _hashable(reference) else _known.__wrapped__
    seen, identity = known(reference, where, steps)
    seen = evidence.together(mine, seen)
    allowed = references.tolerance(seen.reference, identity.model)
    if identity.distance > allowed:
        return _unknown(identity, seen, steps)
    moves = np.isfinite(seen.mine.updates).any()  # of nan alone anything may be said
    found = search.explanations(identity.model, seen) if moves else []
    if not found or not search.explains(found[0], seen):
        return _unexplained(identity, found, steps)
    diagnosis = _explained(identity, found, mine, seen)
    if not diagnosis.changes:
        short = precision.lost(mine, found[0].model, seen, params)
        diagnosis = _lost(diagnosis, short)
    return diagnosis


@lru_cache(maxsize=8)
def _known(reference, where, steps) -> tuple[Evidence, Identity]:
    """The reference's run and rule: many may be compared with the same."""
    seen = evidence.alone(reference, where, steps)
    return seen, references.identify(seen, seen.reference)


def _hashable(x: Any) -> bool:
    try:
        hash(x)
    except TypeError:
        return False
    return True


def _explained(identity: Identity, found: list[Explanation], mine, seen) -> Diagnosis:
    """The sentence of the best explanation, with what comes to the same."""
    best, rule = found[0], identity.model
    # The last step was only there to know the next value of a schedule.
    steps = len(seen.mine.updates) - 1
    narrow = evidence.narrow(mine, seen, np.float32)
    ulp = _ulp(best.model, narrow or seen)
    also = tuple(_said(f, identity) for f in found[1:] if _plain(f))[:ALSO]
    others = f" (or, the same here, {_joined(also[0])})" if also else ""
    changes = _said(best, identity)
    return Diagnosis(
        f"matches {_with(best, rule, changes)}{others}, to {ulp:.3g} ULP "
        f"over {steps} steps",
        _mistakes.name_of(rule),
        changes,
        also,
        {"family": best.model.family, **best.model.settings},
        best.distance,
        ulp,
        steps,
    )


def _lost(diagnosis: Diagnosis, short: tuple[str, str]) -> Diagnosis:
    """The same with what is lost in the dtype of the user's parameters."""
    dtype, change = short
    if not dtype:
        return diagnosis
    more = f" with {change}" if change else ", by more than its roundings"
    sentence = f"{diagnosis.sentence}; but for {dtype} parameters it differs{more}"
    return diagnosis._replace(sentence=sentence, changes=(change,) if change else ())


def _unexplained(identity: Identity, found: list[Explanation], steps: int) -> Diagnosis:
    """What was looked for, and what came nearest."""
    near, off = "", np.inf
    if found:
        changes, off = _said(found[0], identity), found[0].distance
        text = _with(found[0], identity.model, changes)
        near = f"; nearest: {text}, {off:.0e} off"
    sentence = f"no known convention or mistake explains it{near}"
    name = _mistakes.name_of(identity.model)
    return Diagnosis(sentence, name, (), (), {}, off, np.inf, steps)


def _unknown(identity: Identity, seen: Evidence, steps: int) -> Diagnosis:
    """The reference is no rule of ours: what can be said without one."""
    near = f"the reference is no known rule (nearest: {identity.model.family})"
    change, off = _ratio(seen)
    sentence = f"matches the reference with {change}" if change else near
    changes, settings = ((change,), {"factor": change}) if change else ((), {})
    return Diagnosis(sentence, "", changes, (), settings, off, np.inf, steps)


def _ratio(seen: Evidence) -> tuple[str, float]:
    """Mine as a multiple of the reference's updates, if it is one."""
    mine, theirs = seen.mine.updates, seen.reference.updates
    use = np.isfinite(mine) & (np.abs(theirs) > 1e-30)
    factor = float(np.median(mine[use] / theirs[use])) if use.any() else 1.0
    off = models.distance(factor * theirs, seen.mine)
    if not off < max(1e-8, 1e3 * max(seen.mine.noise, seen.reference.noise)):
        return "", off
    sign = "the sign flipped" if factor < 0 else ""
    size = f"{abs(factor):.6g} times its learning rate" if abs(factor) != 1 else ""
    return " and ".join(x for x in (sign, size) if x), off


def _said(found: Explanation, identity: Identity) -> tuple[str, ...]:
    rule = identity.model
    return tuple(_mistakes.said(c, found.model, rule) for c in found.changes)


def _plain(found: Explanation) -> bool:
    """Whether its numbers are such as a person writes."""
    return search.cost(found) <= 3


def _with(found: Explanation, rule: models.Model, changes: tuple[str, ...]) -> str:
    """adam with this and without that."""
    name = _mistakes.name_of(rule)
    for change, words in zip(found.changes, changes, strict=True):
        if "family" in change.settings:
            name, changes = words, tuple(c for c in changes if c != words)
    return f"{name} {_joined(changes)}" if changes else name


def _joined(changes: tuple[str, ...]) -> str:
    parts = [c if c.startswith("without ") else f"with {c}" for c in changes]
    if all(p.startswith("with ") for p in parts):
        parts = [parts[0], *(p.removeprefix("with ") for p in parts[1:])]
    return " and ".join(parts)


def _ulp(model: models.Model, seen: Evidence) -> float:
    """Units in the last place of float32 of the leaf's largest entry lately."""
    run, worst = seen.mine, 0.0
    off = np.abs(models.walk(model, seen, len(run.updates)) - run.updates)
    for leaf in seen.layout.leaves:
        here = np.nan_to_num(off[..., leaf.columns]).max(-1, initial=0)
        peak = run.peaks[..., leaf.columns].max(-1, initial=1e-30)
        unit = np.ldexp(1.0, np.frexp(peak)[1] - 24)
        worst = max(worst, float(np.max(here / unit)))
    return worst

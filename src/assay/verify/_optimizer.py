"""Is this optimizer that one? Streams of gradients, judged by the rule in float64."""

import numpy as np

from assay import _check
from assay.optim import Transform
from assay.typing import PyTree
from assay.verify import _judge, _shadow, _streams, _walk
from assay.verify._comparison import HALF, MIXED
from assay.verify._comparison import Report as Report
from assay.verify._comparison import Stream as Stream
from assay.verify._diagnosis import _diagnose

ROUNDED = 1e-6  # beyond it no float32 among the numbers can be the reason
COARSE = 1e-3  # and beyond it no float32 in the arithmetic


def optimizer(
    mine: Transform,
    reference: Transform,
    *,
    params: PyTree | None = None,
    steps: int = 100,
    tolerance: float = _shadow.TOLERANCE,
    diagnose: bool = True,
) -> Report:
    """Walk both over the same gradients and say whether, when, where and why they part.

    Any (init, update) pair serves, compiled if it can be. Judged by the reference
    evaluated in float64, so that nobody's rounding is a false alarm: mine must be
    within `tolerance` (or four times the reference's own distance) of the rule, or of
    the reference, in its updates and in their sum; and mine in float64 must be the
    rule. Both see the reference's parameters. State is compared where a field has the
    same name on the same leaves. Without `params` there are leaves of every rank, and
    others of mixed dtypes, of which those of 16 bits are told and not judged.
    `diagnose` looks for the reason of a difference.

    >>> import optax
    >>> from assay import optim
    >>> optimizer(optim.adam(1e-3), optax.adam(1e-3), steps=10).matches
    True
    >>> wrong = optim.adam(1e-3, b2=0.99)
    >>> first = optimizer(wrong, optax.adam(1e-3), steps=10, diagnose=False).first
    >>> first.step, first.leaf, first.field
    (2, 'conv/kernel', 'updates')
    """
    _check.within("verify.optimizer", "steps", steps, 1, float("inf"))
    pair, notes, broken = (mine, reference), [], ""
    tree = _streams.parameters() if params is None else params
    streams = _walked(pair, tree, {n: n for n in _streams.STREAMS}, steps, tolerance)
    if params is None:
        try:
            streams += _mixed(pair, steps, tolerance)
        except Exception as error:
            what = f"{type(error).__name__}: {error}".splitlines()[0][:100]
            if _runs_mixed(reference):
                broken = f"raises {what} ({MIXED}), where the reference runs"
            notes.append(f"{MIXED} not compared ({what})")
    streams, excuse = _excused(pair, tree, streams)
    report = Report(tuple(streams), steps, tolerance, notes=(*notes, *excuse))
    if broken:
        return report._replace(broken=broken)
    if report.matches or not diagnose:
        return report
    return report._replace(diagnosis=_reason(mine, reference, params))


def _walked(
    pair: tuple, params: PyTree, kinds: dict[str, str], steps: int, tolerance: float
) -> list[Stream]:
    """Walk over the gradients of every kind, and judge all walks at once."""
    mine, reference = pair
    walker = _walk.walker(mine, reference, params)
    gaps = np.stack([walker.run(kind, steps) for kind in kinds.values()])
    return _judge.judge(walker, gaps, list(kinds), tolerance)


def _mixed(pair: tuple, steps: int, tolerance: float) -> list[Stream]:
    """Leaves of mixed precisions: those of 16 bits are told, the others judged.

    Nobody owes a reader of float32 code that it is right in bfloat16; parameters that
    are given are judged whatever they are.
    """
    mine, reference = pair
    walker = _walk.walker(mine, reference, _streams.mixed())
    gaps = np.stack([walker.run("noise", steps)] * 2)
    half = np.array([leaf.endswith("16") for leaf in walker.leaves])
    gaps[0][..., half], gaps[1][..., ~half] = 0, 0
    whole, told = _judge.judge(walker, gaps, [MIXED, HALF], tolerance)
    return [whole, told._replace(binding=False)]


def _runs_mixed(reference: Transform) -> bool:
    """Whether the reference takes the leaves of mixed precisions."""
    try:
        _mixed((reference, reference), 1, 1.0)
    except Exception:
        return False
    return True


def _excused(pair: tuple, params: PyTree, streams: list[Stream]) -> tuple[list, list]:
    """Who computes in float32 is not judged by float64's measure, but it is said."""
    finer = any(s.double.first for s in streams)
    if not finer or any(
        s.binding and (s.apart.first or s.params.first) for s in streams
    ):
        return streams, []
    worst = max(s.double.lately for s in streams)
    narrow = [n for n, tx in zip(_NAMES, pair, strict=True) if _walk.narrow(tx, params)]
    if worst > (COARSE if narrow else ROUNDED):
        return streams, []
    who = " and ".join(narrow) or "mine, or a number in it,"
    said = f"{who} computes in float32: {worst:.0e} from the rule when all is float64"
    return [s._replace(double=s.double._replace(first=None)) for s in streams], [said]


_NAMES = ("mine", "the reference")


def _reason(mine: Transform, reference: Transform, params: PyTree | None) -> str:
    """Why they differ, if a known convention or mistake explains it."""
    try:
        found = _diagnose.diagnose(mine, reference, params=params)
    except Exception as error:  # the difference stands, whatever the search makes of it
        what = f"{type(error).__name__}: {error}".splitlines()[0][:100]
        return f"the search for the reason failed ({what})"
    if found.explained and not found.changes:
        return f"in float64 it is the same {found.family}: its roundings are larger"
    return found.sentence

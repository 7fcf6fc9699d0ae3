"""From the distances of a walk, step by step, to what was furthest and what too far."""

from typing import Any

import numpy as np

from assay.verify import _record, _walk
from assay.verify._comparison import Stream
from assay.verify._record import Difference, Gap, Record

FINE = 1e-12  # what is allowed in float64, of the largest entry


def judge(
    walker: _walk.Walker, gaps: np.ndarray, names: list[str], tolerance: float
) -> list[Stream]:
    """One stream for each of the walks in `gaps` (walks, steps, 3, sides, places)."""
    records = _records(_excused(walker, gaps), tolerance, walker.fine)
    return [
        _stream(
            walker, name, [{n: _row(r, k) for n, r in at.items()} for at in records]
        )
        for k, name in enumerate(names)
    ]


def _excused(walker: _walk.Walker, gaps: np.ndarray) -> np.ndarray:
    """The distances without what a parameter rounds off of its update."""
    if not walker.slack.any():
        return gaps
    low, high = walker.blocks["params"]
    way = np.maximum.accumulate(gaps[:, :, 1, 0, low:high], axis=1)
    reach = np.zeros((*gaps.shape[:2], gaps.shape[-1]))
    reach[..., :high] = np.tile(walker.start + way, 2)
    off = np.maximum(gaps[:, :, 0] - walker.slack * reach[:, :, None], 0)
    return np.concatenate([off[:, :, None], gaps[:, :, 1:]], axis=2)


def _records(gaps: np.ndarray, tolerance: float, fine: np.ndarray) -> list[dict]:
    """{side: record} after every step, the entries (walks, places)."""
    zero: Any = np.zeros((len(gaps), gaps.shape[-1]))
    never = zero.astype(np.int32)
    now = dict.fromkeys(_walk.SIDES, Record(zero, zero, never, never, *[zero] * 5))
    out = []
    with np.errstate(all="ignore"):
        for t in range(gaps.shape[1]):
            # (walks, 3, sides, places) to a Gap for each side.
            sides = {n: Gap(*gaps[:, t, :, k].swapaxes(0, 1)) for n, k in _SIDES}
            now = _noted(now, t + 1, sides, tolerance, fine)
            out.append(now)
    return out


_SIDES = [(name, k) for k, name in enumerate(_walk.SIDES)]


def _noted(
    old: dict, step: int, sides: dict, tolerance: float, fine: np.ndarray
) -> dict[str, Record]:
    """The records after one more step.

    As far as the reference's own float32 is from the rule, four times as far may mine
    be, and two units of a coarse format; in float64 the same, by as much finer.
    """

    now: Any = np.int32(step)

    def note(name: str, gap: Gap, allowed: Any) -> Record:
        return _record.note(old[name], now, gap, allowed, np)

    theirs = note("theirs", sides["theirs"], tolerance)
    mine, apart = sides["mine"], sides["apart"]
    nearer = mine._replace(off=np.minimum(mine.off, apart.off))
    # At most a tenth: a reference that is lost once must not excuse what follows.
    room = np.minimum(4 * theirs.lately, 0.1)
    room = np.maximum(room, 2 * np.finfo(np.float64).eps / fine)
    return {
        "mine": note("mine", mine, tolerance),
        "theirs": theirs,
        "apart": note("apart", nearer, np.maximum(tolerance, room)),
        "double": note("double", sides["double"], np.maximum(FINE, room * fine)),
    }


def _row(record: Record, walk: int) -> Record:
    return Record(*(x[walk] for x in record))


def _stream(walker: _walk.Walker, name: str, records: list[dict]) -> Stream:
    last = records[-1]

    def worst(side: str, block: str) -> Difference:
        low, high = walker.blocks[block]
        part = Record(*(x[low:high] for x in last[side]))
        return _record.worst(part, walker.leaves[low:high])

    fields = [block for block in walker.blocks if block not in ("updates", "params")]
    low, high = walker.blocks["params"]
    growth = {
        t: float(at["mine"].lately[low:high].max(initial=0))
        for t, at in enumerate(records, 1)
        if t == len(records) or str(t).strip("0") == "1"
    }
    updates: dict[str, Any] = {side: worst(side, "updates") for side in _walk.SIDES}
    state = {field: worst("apart", field) for field in fields}
    params = worst("apart", "params")
    return Stream(name, **updates, params=params, state=state, growth=growth)

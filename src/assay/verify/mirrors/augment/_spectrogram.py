"""Hidden stretches of a spectrogram: all that are possible, each as often as it is."""

import numpy as np

from assay.verify.mirrors._given import given, mark, static
from assay.verify.mirrors.augment._draws import a_key as _a_key
from assay.verify.mirrors.augment._draws import many as _many


def _stretches(x, axis, limit):
    """[(x without one stretch, its chance)]."""
    n = x.shape[axis]
    most, found = min(limit, n), []
    for length in range(most + 1):
        for start in range(n - length + 1):
            y = x.copy()
            y[(slice(None),) * axis + (slice(start, start + length),)] = 0
            found.append((y, 1 / (most + 1) / (n - length + 1)))
    return found


def _as_often(got, outcomes):
    """(results, frequencies within six deviations) and what they should be."""
    results, which = np.unique([y for y, _ in outcomes], axis=0, return_inverse=True)
    chance = np.bincount(which.ravel(), [weight for _, weight in outcomes])
    same = (got[:, None] == results[None].astype(np.float32)).all((2, 3))
    count, n = same.sum(0), len(got)
    facts = [
        same.any(1).all(),
        (np.abs(count - n * chance) < 6 * np.sqrt(n * chance)).all(),
    ]
    return np.array(facts, float), np.ones(2)


@mark(property=True, source="all stretches, and how often")
@given(x=(5, 3), limit=static(3), key=_a_key)
@given(x=(4, 3), limit=static(9), key=_a_key)
def random_time_mask(ours, x, limit, key):
    got = _many(ours, key, x, limit, draws=4000)
    return _as_often(got, _stretches(np.asarray(x), 0, limit))


@mark(property=True, source="all bands, and how often")
@given(x=(3, 5), limit=static(2), key=_a_key)
def random_frequency_mask(ours, x, limit, key):
    got = _many(ours, key, x, limit, draws=4000)
    return _as_often(got, _stretches(np.asarray(x), 1, limit))


@mark(property=True, source="all bands and stretches, and how often")
@given(x=(4, 5), key=_a_key)
def spec_augment(ours, x, key):
    got = _many(ours, key, x, frequency=(1, 2), time=(2, 2), share=0.3, draws=4000)
    outcomes = [(np.asarray(x), 1.0)]
    for axis, limit in ((1, 2), (0, 1), (0, 1)):
        outcomes = [
            (z, w * v) for y, w in outcomes for z, v in _stretches(y, axis, limit)
        ]
    return _as_often(got, outcomes)

"""Erasing: what is hidden is a rectangle of the promised size, the rest stays."""

import numpy as np

from assay.verify.mirrors._given import given, mark, normal, static
from assay.verify.mirrors.augment._draws import a_key as _a_key
from assay.verify.mirrors.augment._draws import among as _among
from assay.verify.mirrors.augment._draws import many as _many


def _box(hidden):
    """(top, bottom, left, right) of the smallest rectangle around True."""
    rows, columns = np.flatnonzero(hidden.any(1)), np.flatnonzero(hidden.any(0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def _sizes(h, w, area, ratio):
    """All (height, width) that round from a rectangle of such an area and ratio."""
    shares, shapes = np.linspace(*area, 200), np.geomspace(*ratio, 200)
    high = np.rint(np.sqrt(h * w * shares[:, None] / shapes))
    wide = np.rint(np.sqrt(h * w * shares[:, None] * shapes))
    pairs = zip(high.ravel().tolist(), wide.ravel().tolist(), strict=True)
    return {(a, b) for a, b in pairs if 0 < a <= h and 0 < b <= w}


@mark(property=True, source="a rectangle of an allowed size; all sizes, all corners")
@given(image=normal(9, 8, 2, shift=9.0), key=_a_key)
def random_erasing(ours, image, key):
    """Half of the images keep their pixels; the others lose one rectangle of them."""
    area, ratio = (0.1, 0.3), (0.5, 2.0)
    got = _many(ours, key, image, area=area, ratio=ratio, value=2.0, probability=0.5)
    image, sizes, expected = np.asarray(image), _sizes(9, 8, area, ratio), []
    seen, allowed, corners = set(), True, set()
    for one in got:
        expected.append(image.copy())
        hidden = (one != image).any(-1)
        if hidden.any():
            top, bottom, left, right = _box(hidden)
            expected[-1][top:bottom, left:right] = 2.0
            seen.add((bottom - top, right - left))
            corners |= {(top == 0, bottom == 9), (left == 0, right == 8)}
            allowed &= (bottom - top, right - left) in sizes
    changed = np.mean([(one != image).any() for one in got])
    facts = [allowed, len(seen) > 0.7 * len(sizes), len(corners) == 3]
    facts.append(abs(changed - 0.5) < 5 * 0.5 / len(got) ** 0.5)
    return (got, np.array(facts)), (np.array(expected), np.ones(4))


@mark(property=True, source="a square around each of the pixels, every one occurs")
@given(image=normal(4, 3, 2, shift=9.0), size=static(2), key=_a_key)
@given(image=normal(4, 5, 2, shift=9.0), size=static((1, 3)), key=_a_key)
def cutout(ours, image, size, key):
    image, possible = np.asarray(image), []
    h, w = np.broadcast_to(size, 2)
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            possible.append(image.copy())
            top, left = i - h // 2, j - w // 2
            possible[-1][max(top, 0) : top + h, max(left, 0) : left + w] = 0
    return _among(_many(ours, key, image, size), possible)

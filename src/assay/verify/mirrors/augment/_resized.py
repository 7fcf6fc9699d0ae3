"""A part at another size: all parts that are possible, resized pixel by pixel."""

import numpy as np

from assay.verify.mirrors._given import given, mark, static
from assay.verify.mirrors.augment._draws import a_key as _a_key
from assay.verify.mirrors.augment._draws import among as _among
from assay.verify.mirrors.augment._draws import many as _many
from assay.verify.mirrors.augment._draws import pixels as _pixels
from assay.verify.mirrors.augment._erase import _sizes


def _line(x, out):
    """The rows of x as `out` rows: triangles as wide as a pixel, ours or theirs."""
    scale, rows = len(x) / out, []
    for i in range(out):
        near = [
            1 - abs(j + 0.5 - (i + 0.5) * scale) / max(scale, 1) for j in range(len(x))
        ]
        near = np.maximum(near, 0)
        rows.append(np.tensordot(near / near.sum(), x, 1))
    return np.array(rows)


def _resized(x, h, w):
    return _line(_line(x, h).swapaxes(0, 1), w).swapaxes(0, 1)


@mark(property=True, source="all parts, resized pixel by pixel", rows=True)
@given(image=_pixels(5, 4, 2), size=static((3, 2)), key=_a_key)
@given(image=_pixels(4, 5, 2), size=static((6, 7)), key=_a_key)
def random_resized_crop(ours, image, size, key):
    shape, area, ratio = image.shape[:2], (0.2, 0.7), (0.5, 1.5)
    got = _many(ours, key, image, size, area=area, ratio=ratio)
    image, possible = np.asarray(image, np.float64), []
    for h, w in sorted(_sizes(*shape, area, ratio)):
        for i in range(shape[0] - int(h) + 1):
            for j in range(shape[1] - int(w) + 1):
                part = image[i : i + int(h), j : j + int(w)]
                possible.append(_resized(part, *size))
    values, nearest = _among(got, possible)
    return (values[:-1], np.array(values[-1] > 0.7)), (nearest[:-1], np.ones(()))

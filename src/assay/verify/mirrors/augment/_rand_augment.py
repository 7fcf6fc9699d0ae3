"""RandAugment of one change: one of the twenty-three results of the other mirrors."""

import numpy as np

from assay.verify.mirrors._given import given, mark, static
from assay.verify.mirrors.augment import _colours
from assay.verify.mirrors.augment._draws import a_key as _a_key
from assay.verify.mirrors.augment._draws import among as _among
from assay.verify.mirrors.augment._draws import many as _many
from assay.verify.mirrors.augment._draws import pixels as _pixels
from assay.verify.mirrors.augment._warp import _affine


def _possible(x, m):
    """Every change of strength m in 0 … 1, both ways where there are two."""
    h, w, _ = x.shape
    results = [x, _colours.posterize(x, 8 - round(4 * m)), _colours.equalize(x)]
    results += [_colours.auto_contrast(x), _colours.solarize(x, (1 - m) * 256 / 255)]
    for s in (m, -m):
        turn, across, down = s * np.pi / 6, 150 / 331 * s * w, 150 / 331 * s * h
        matrices = [[[1, 0.3 * s, 0], [0, 1, 0]], [[1, 0, 0], [0.3 * s, 1, 0]]]
        matrices += [[[1, 0, across], [0, 1, 0]], [[1, 0, 0], [0, 1, down]]]
        c, k = np.cos(turn), np.sin(turn)
        matrices += [[[c, -k, 0], [k, c, 0]]]
        results += [_affine(x, np.array(matrix)) for matrix in matrices]
        blends = ("brightness", "saturation", "contrast", "sharpness")
        results += [getattr(_colours, "adjust_" + b)(x, 1 + 0.9 * s) for b in blends]
    return results


_WHY = "in ULP of 1; see warp_affine"


@mark(property=True, source="all 23 of the other mirrors", rows=True, ulp=64, why=_WHY)
@given(image=_pixels(6, 7, 3), magnitude=static(9.0), key=_a_key)
@given(image=_pixels(18, 17, 3), magnitude=static(20.0), key=_a_key)
def rand_augment(ours, image, magnitude, key):
    got = _many(ours, key, image, count=1, magnitude=magnitude)
    possible = _possible(np.asarray(image, np.float64), magnitude / 30)
    return _among(got, np.unique(np.float32(possible), axis=0))

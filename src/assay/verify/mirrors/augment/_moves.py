"""Flips, crops and shifts: all results that are possible, by slices of NumPy."""

import numpy as np

from assay.verify.mirrors._given import given, mark, static
from assay.verify.mirrors.augment._draws import a_key as _a_key
from assay.verify.mirrors.augment._draws import among as _among
from assay.verify.mirrors.augment._draws import many as _many


def _windows(image, h, w):
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    return [image[i : i + h, j : j + w] for i in range(rows) for j in range(columns)]


@mark(property=True, source="image or its mirror image, both occur")
@given(image=(4, 3, 2), key=_a_key)
def random_flip(ours, image, key):
    return _among(_many(ours, key, image), [image, np.asarray(image)[:, ::-1]])


@mark(property=True, source="all windows, every one occurs")
@given(image=(4, 5, 2), size=static(3), key=_a_key)
def random_crop(ours, image, size, key):
    return _among(
        _many(ours, key, image, size), _windows(np.asarray(image), size, size)
    )


@mark(property=True, source="all windows of the padded image")
@given(image=(4, 3, 2), limit=static(2), key=_a_key)
def random_shift(ours, image, limit, key):
    image = np.asarray(image)
    padded = np.pad(image, ((limit, limit), (limit, limit), (0, 0)))
    return _among(_many(ours, key, image, limit), _windows(padded, 4, 3))

"""Classes as axes, one label at a time."""

import numpy as np

from assay.verify.mirrors._given import given, integers, mark, static


@mark(gradient=False)
@given(x=integers(2, 5, high=9), num_classes=static(7))
@given(x=integers(2, 5, high=7), num_classes=static(7), axis=static(0))
def one_hot(x, num_classes, dtype=None, axis=-1):
    y = np.zeros((*x.shape, num_classes))
    for at in np.ndindex(*x.shape):
        if 0 <= x[at] < num_classes:
            y[(*at, x[at])] = 1
    return np.moveaxis(y, -1, axis)

"""A dense layer over several axes, as loops over both."""

import numpy as np

from assay.verify.mirrors._given import given, mark, static


@given(x=(2, 4, 5), kernel=(5, 4, 3))
@given(x=(4, 4, 3), kernel=(4, 3, 6), bias=(6,), ndim=static(2))
@given(x=(5,), kernel=(5, 4, 3), bias=(4, 3))
@mark(accepts=("one axis",))
def dense_general(x, kernel, bias=None, ndim=1):
    batch, taken = x.shape[: x.ndim - ndim], kernel.shape[:ndim]
    y = np.zeros((*batch, *kernel.shape[ndim:])) + (0 if bias is None else bias)
    for at in np.ndindex(*batch):
        for i in np.ndindex(*taken):
            y[at] += x[(*at, *i)] * kernel[i]
    return y

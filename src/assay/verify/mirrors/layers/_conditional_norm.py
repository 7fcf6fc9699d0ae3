"""Scale and bias of each example, as a loop over examples and places."""

import numpy as np

from assay.verify.mirrors._given import given, normal, static


@given(x=(2, 5, 4, 3), scale=(2, 3), bias=(2, 3))
@given(x=(2, 5, 3), scale=(2, 5, 3), bias=(3,))
def film(x, scale, bias):
    y = np.zeros(x.shape)
    for at in np.ndindex(x.shape[:-1]):
        own = [values[at[: values.ndim - 1]] for values in (scale, bias)]
        y[at] = own[0] * x[at] + own[1]
    return y


@given(x=(2, 5, 4, 3), scale=(2, 3), bias=(2, 3))
@given(x=normal(4, 7, shift=3000.0), scale=(4, 7), bias=(7,), eps=static(0.25))
def adaptive_layer_norm(x, scale, bias, eps=1e-6):
    y = np.zeros(x.shape)
    for at in np.ndindex(x.shape[:-1]):
        own = [values[at[: values.ndim - 1]] for values in (scale, bias)]
        one = np.asarray(x[at], np.longdouble)
        off = one - one.sum() / one.size
        one = off / np.sqrt((off**2).sum() / one.size + eps)
        y[at] = one + one * own[0] + own[1]
    return y

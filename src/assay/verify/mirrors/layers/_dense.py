"""Dense layers as loops over inputs and outputs."""

import numpy as np

from assay.verify.mirrors._given import given, mark, static


@given(x=(2, 5, 3), kernel=(3, 4), bias=(4,))
@given(x=(3,), kernel=(3, 4))
def dense(x, kernel, bias=None):
    y = np.zeros((*x.shape[:-1], kernel.shape[1]))
    for o in range(kernel.shape[1]):
        for i in range(kernel.shape[0]):
            y[..., o] += x[..., i] * kernel[i, o]
        y[..., o] += 0 if bias is None else bias[o]
    return y


@mark(source="formula in NumPy")
@given(x=(2, 5, 3), f=static(lambda x: x * x))
def residual(x, f):
    return x + f(x)


@mark(source="NumPy reshape")
@given(x=(2, 5, 3, 4))
@given(x=(2, 5, 3, 4), ndim=static(2))
@given(x=(5,), ndim=static(1))
def flatten(x, ndim=3):
    return np.reshape(x, (*x.shape[: x.ndim - ndim], -1))

"""Constraints column by column, in long double."""

import numpy as np

from assay.verify.mirrors._given import Draw, given, mark, static


def _of_all_sizes(rng):
    """Columns of length 0, 1e-30, 1 and 1e38."""
    w = rng.standard_normal((5, 4))
    return w / np.linalg.norm(w, axis=0) * np.array([0, 1e-30, 1, 1e38])


SIZES = Draw(_of_all_sizes, differentiable=False)


def _clipped(kernel, low, high, axis):
    w = np.asarray(kernel, np.longdouble)
    length = np.sqrt((w**2).sum(axis, keepdims=True))
    some = np.where(length > 0, length, 1)
    return np.asarray(w / some * np.clip(length, low, high), np.float64)


@mark(source="formula in NumPy", ulp=4)
@given(kernel=(5, 7), limit=static(1.5))
@given(kernel=(3, 2, 4), limit=static(3.0), axis=static((0, 1)))
@given(kernel=(3, 4), axis=static(-1))
@given(kernel=SIZES)
@given(kernel=(3, 4), limit=static(0.0))
def max_norm(kernel, limit=2.0, axis=-2):
    return _clipped(kernel, 0, limit, axis)


@mark(source="formula in NumPy", ulp=4)
@given(kernel=(5, 7), low=static(2.0), high=static(2.5))
@given(kernel=(3, 2, 4), low=static(1.5), high=static(3.0), axis=static((0, 1)))
@given(kernel=(3, 4))
@given(kernel=SIZES, low=static(0.5))
def min_max_norm(kernel, low=0.0, high=1.0, axis=-2):
    return _clipped(kernel, low, high, axis)

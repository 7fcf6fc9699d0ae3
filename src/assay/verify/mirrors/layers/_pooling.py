"""Pooling as loops over output places, in NumPy."""

import numpy as np

from assay.verify.mirrors._given import given, mark, static
from assay.verify.mirrors.layers._conv import _slide


def _pool(x, window, strides, padding, fill, reduce):
    rank = len(window)
    strides = window if strides is None else strides
    axes = tuple(range(-rank - 1, -1))
    y = None
    for out, place, seen in _slide(x, window, strides, padding, 1, fill):
        if y is None:
            y = np.zeros((*x.shape[: -rank - 1], *out, x.shape[-1]))
        y[(..., *place, slice(None))] = reduce(seen, axes)
    return y


@given(x=(2, 3, 9, 4), window=static((2,)))
@given(x=(2, 7, 8, 3), window=static((2, 3)))
@given(x=(2, 7, 8, 20), window=static((2, 3)))
@given(x=(7, 8, 3), window=static((3, 2)), strides=static(1), padding=static("SAME"))
@given(
    x=(2, 7, 8, 3),
    window=static((3, 3)),
    strides=static((2, 1)),
    padding=static(((1, 0), (2, 1))),
)
@given(x=(2, 4, 6, 5, 3), window=static((2, 3, 2)))
def max_pool(x, window, strides=None, padding="VALID"):
    return _pool(x, window, strides, padding, -np.inf, np.max)


@given(x=(2, 3, 9, 4), window=static((2,)))
@given(x=(2, 7, 8, 3), window=static((2, 3)))
@given(x=(7, 8, 3), window=static((3, 2)), strides=static(1), padding=static("SAME"))
@given(
    x=(2, 7, 8, 3),
    window=static((3, 3)),
    strides=static((2, 1)),
    padding=static("SAME"),
    count_include_pad=static(False),
)
@given(x=(2, 4, 6, 5, 3), window=static((2, 3, 2)))
@mark(rows=True)
def avg_pool(x, window, strides=None, padding="VALID", count_include_pad=True):
    if count_include_pad:
        return _pool(x, window, strides, padding, 0.0, np.mean)
    return _pool(x, window, strides, padding, np.nan, np.nanmean)


def _places(x, spatial):
    return tuple(range(x.ndim - spatial - 1, x.ndim - 1))


@given(x=(2, 3, 5, 4))
@given(x=(2, 3, 5, 4), spatial=static(1))
@given(x=(3, 5, 2, 4), spatial=static(3))
def global_max_pool(x, spatial=2):
    return x.max(_places(x, spatial))


@given(x=(2, 3, 5, 4))
@given(x=(2, 3, 5, 4), spatial=static(1))
@given(x=(3, 5, 2, 4), spatial=static(3))
@mark(rows=True)
def global_avg_pool(x, spatial=2):
    return x.mean(_places(x, spatial))

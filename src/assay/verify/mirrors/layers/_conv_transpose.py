"""Transposed convolution: every input adds its share of the kernel, in NumPy."""

import itertools

import numpy as np

from assay.verify.mirrors._given import given, mark, static
from assay.verify.mirrors.layers._conv import _per_axis


def _cut(padding, reach, strides):
    """(low, high) of each axis: how much of the full output is cut off its ends."""
    if isinstance(padding, int):
        return [(padding, padding)] * len(reach)
    if not isinstance(padding, str):
        return list(padding)
    cuts = []
    for r, s in zip(reach, strides, strict=True):
        low = max(r - s, 0) // 2
        same = (low, r - s - low)
        cuts.append(same if padding == "SAME" else (0, min(r - s, 0)))
    return cuts


@given(x=(2, 3, 5, 4), kernel=(3, 4, 5), bias=(5,), strides=static(2))
@given(x=(4, 5, 2), kernel=(3, 4, 2, 3), strides=static((2, 1)), padding=static("SAME"))
@given(x=(2, 4, 5, 6), kernel=(2, 2, 3, 4), bias=(4,), strides=static(3))
@given(x=(3, 4, 2), kernel=(2, 2, 3), strides=static(3), padding=static("SAME"))
@given(x=(5, 4, 2), kernel=(3, 2, 2, 3), padding=static(1), dilation=static(2))
@given(
    x=(2, 3, 4, 2),
    kernel=(4, 3, 2, 3),
    strides=static(2),
    padding=static(((1, 0), (2, 1))),
)
@given(x=(2, 3, 4, 3, 2), kernel=(2, 3, 2, 2, 3), strides=static((1, 2, 2)))
@mark(rows=True)
def conv_transpose(x, kernel, bias=None, strides=1, padding="VALID", dilation=1):
    *window, i, o = kernel.shape
    rank, c = len(window), x.shape[-1]
    strides, dilation = _per_axis(strides, rank), _per_axis(dilation, rank)
    spatial, groups = x.shape[-rank - 1 : -1], c // i
    reach = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    cuts = _cut(padding, reach, strides)
    axes = list(zip(spatial, reach, strides, cuts, strict=True))
    full = [(n - 1) * s + r + max(-high, 0) for n, r, s, (_, high) in axes]
    y = np.zeros((*x.shape[: -rank - 1], *full, o))
    for t in itertools.product(*map(range, spatial)):
        for k in itertools.product(*map(range, window)):
            at = zip(t, k, strides, dilation, strict=True)
            place = tuple(a * s + b * d for a, b, s, d in at)
            seen = x[(..., *t, slice(None))].reshape(*y.shape[: -rank - 1], groups, i)
            weights = kernel[k].reshape(i, groups, o // groups)
            share = np.einsum("...gi,igo->...go", seen, weights)
            y[(..., *place, slice(None))] += share.reshape(*y.shape[: -rank - 1], o)
    ends = zip(full, cuts, strict=True)
    keep = tuple(slice(low, n - max(high, 0)) for n, (low, high) in ends)
    y = y[(..., *keep, slice(None))]
    return y if bias is None else y + bias

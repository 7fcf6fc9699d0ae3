"""Convolution as loops over output places, in NumPy and float64."""

import itertools

import numpy as np

from assay.verify.mirrors._given import given, mark, static


def _per_axis(value, rank):
    return (value,) * rank if isinstance(value, int) else tuple(value)


# The pixel that stands at the place i of an axis of n, for i outside 0 … n − 1.
BORDERS = {
    "CIRCULAR": lambda i, n: i % n,
    "REFLECT": lambda i, n: n - 1 - abs(n - 1 - i % max(2 * n - 2, 1)),
    "REPLICATE": lambda i, n: min(max(i, 0), n - 1),
}


def _pads(padding, spatial, window, strides, dilation):
    if isinstance(padding, int):
        return [(padding, padding)] * len(window)
    if not isinstance(padding, str):
        return list(padding)
    pads = []
    for n, k, s, d in zip(spatial, window, strides, dilation, strict=True):
        reach = (k - 1) * d + 1
        missing = max((-(-n // s) - 1) * s + reach - n, 0)
        same = (missing // 2, missing - missing // 2)
        named = {"VALID": (0, 0), "CAUSAL": (reach - 1, 0), "SAME": same}
        named["SAME_LOWER"] = same[::-1]
        pads.append(named.get(padding, ((reach - 1) // 2, reach // 2)))
    return pads


def _padded(x, pads, padding, fill):
    """x with its border, read place by place where it is not a constant."""
    around = [(0, 0)] * (x.ndim - len(pads) - 1) + pads + [(0, 0)]
    if padding not in list(BORDERS):
        return np.pad(x, around, constant_values=fill)
    for axis, (low, high) in enumerate(around):
        n = x.shape[axis]
        if low + high:
            there = [BORDERS[padding](i, n) for i in range(-low, n + high)]
            x = np.take(x, there, axis)
    return x


def _slide(x, window, strides, padding, dilation, fill=0.0):
    """For each output place, what the window sees: (*batch, *window, channels)."""
    rank = len(window)
    strides, dilation = _per_axis(strides, rank), _per_axis(dilation, rank)
    spatial = x.shape[-rank - 1 : -1]
    pads = _pads(padding, spatial, window, strides, dilation)
    padded = _padded(x, pads, padding, fill)
    reach = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    sizes = zip(padded.shape[-rank - 1 : -1], reach, strides, strict=True)
    out = [(n - r) // s + 1 for n, r, s in sizes]
    for place in itertools.product(*map(range, out)):
        starts = [p * s for p, s in zip(place, strides, strict=True)]
        looks = [
            slice(a, a + r, d) for a, r, d in zip(starts, reach, dilation, strict=True)
        ]
        yield out, place, padded[(..., *looks, slice(None))]


@given(x=(2, 3, 9, 4), kernel=(3, 4, 5), bias=(5,))
@given(x=(7, 9, 2), kernel=(3, 2, 2, 3), bias=(3,), padding=static("SAME"))
@given(
    x=(2, 7, 9, 2), kernel=(3, 2, 2, 3), strides=static((2, 3)), padding=static("SAME")
)
@given(x=(2, 7, 9, 2), kernel=(3, 2, 2, 3), bias=(3,), padding=static(((1, 2), (0, 1))))
@given(x=(2, 7, 9, 2), kernel=(3, 2, 2, 3), dilation=static(2), padding=static(1))
@given(x=(3, 7, 6, 20), kernel=(3, 2, 20, 4), bias=(4,), padding=static("SAME"))
@given(x=(3, 4, 6, 5), kernel=(1, 1, 5, 4), bias=(4,), strides=static((1, 2)))
@given(x=(3, 8, 2), kernel=(3, 2, 4), padding=static("CAUSAL"), dilation=static(2))
@given(
    x=(2, 7, 6, 4),
    kernel=(3, 2, 4, 5),
    padding=static("CIRCULAR"),
    strides=static((2, 1)),
    dilation=static((1, 2)),
)
@given(x=(2, 7, 6, 4), kernel=(4, 3, 4, 5), bias=(5,), padding=static("REFLECT"))
@given(x=(2, 3, 4), kernel=(7, 4, 5), padding=static("REFLECT"), dilation=static(2))
@given(x=(7, 6, 4), kernel=(4, 3, 4, 5), strides=static(3), padding=static("REPLICATE"))
@given(
    x=(2, 7, 6, 4), kernel=(2, 3, 4, 5), strides=static(2), padding=static("SAME_LOWER")
)
@given(x=(2, 4, 5, 6, 2), kernel=(2, 3, 2, 2, 3), bias=(3,))
@given(
    x=(4, 5, 6, 2),
    kernel=(2, 3, 2, 2, 3),
    strides=static((1, 2, 2)),
    padding=static("SAME"),
)
@mark(rows=True)
def conv(x, kernel, bias=None, strides=1, padding="VALID", dilation=1):
    return grouped_conv(x, kernel, bias, strides, padding, dilation)


@given(x=(2, 3, 9, 4), kernel=(3, 2, 6), bias=(6,))
@given(x=(2, 7, 5, 6), kernel=(3, 2, 2, 3), padding=static("SAME"))
@given(x=(2, 7, 5, 6), kernel=(3, 2, 2, 3), padding=static("CIRCULAR"))
@given(x=(4, 5, 3, 4), kernel=(2, 2, 2, 2, 6), bias=(6,), strides=static(2))
@mark(rows=True)
def grouped_conv(x, kernel, bias=None, strides=1, padding="VALID", dilation=1):
    *window, i, o = kernel.shape
    groups = x.shape[-1] // i
    share, rank = o // groups, len(window)
    y = None
    for out, place, seen in _slide(x, window, strides, padding, dilation):
        if y is None:
            y = np.zeros((*x.shape[: -rank - 1], *out, o))
        for g, at in itertools.product(range(groups), np.ndindex(*window)):
            inputs = seen[(..., *at, slice(g * i, g * i + i))]
            outputs = (..., *place, slice(g * share, g * share + share))
            y[outputs] += inputs @ kernel[at][:, g * share : g * share + share]
    return y if bias is None else y + bias


@given(x=(2, 3, 9, 4), kernel=(3, 1, 4), bias=(4,))
@given(x=(2, 7, 5, 3), kernel=(3, 2, 1, 6), bias=(6,), padding=static("SAME"))
@given(
    x=(2, 7, 8, 3),
    kernel=(3, 2, 1, 3),
    strides=static((2, 3)),
    padding=static(((1, 2), (0, 1))),
)
@given(x=(2, 7, 8, 3), kernel=(2, 3, 1, 3), dilation=static((2, 1)))
@given(x=(2, 4, 5, 3, 2), kernel=(2, 3, 2, 1, 2), padding=static("SAME"))
@given(x=(2, 5, 6, 1), kernel=(2, 3, 1, 3), bias=(3,))
@given(x=(2, 7, 5, 3), kernel=(3, 2, 1, 6), bias=(6,), padding=static("REPLICATE"))
@mark(rows=True)
def depthwise_conv(x, kernel, bias=None, strides=1, padding="VALID", dilation=1):
    return grouped_conv(x, kernel, bias, strides, padding, dilation)


@given(x=(2, 3, 4, 5), kernel=(5, 6), bias=(6,))
@given(x=(5,), kernel=(5, 6))
@mark(rows=True, accepts=("one axis",))
def pointwise_conv(x, kernel, bias=None):
    y = np.zeros((*x.shape[:-1], kernel.shape[1]))
    for i in range(kernel.shape[0]):
        for o in range(kernel.shape[1]):
            y[..., o] += x[..., i] * kernel[i, o]
    return y if bias is None else y + bias


@given(x=(2, 7, 5, 3), depthwise=(3, 2, 1, 6), pointwise=(6, 4), bias=(4,))
@given(
    x=(9, 3),
    depthwise=(3, 1, 3),
    pointwise=(3, 4),
    strides=static(2),
    padding=static("SAME"),
)
@given(x=(9, 3), depthwise=(4, 1, 3), pointwise=(3, 4), padding=static("REFLECT"))
@mark(rows=True)
def separable_conv(x, depthwise, pointwise, bias=None, strides=1, padding="VALID"):
    between = grouped_conv(x, depthwise, None, strides, padding)
    return pointwise_conv(between, pointwise, bias)


@given(x=(2, 7, 8, 3), column=(3,), row=(2,))
@given(
    x=(7, 8, 3), column=(3,), row=(4,), strides=static((2, 1)), padding=static("SAME")
)
@given(x=(2, 5, 8, 3), column=(3,), row=(4,), padding=static("CIRCULAR"))
@mark(rows=True, accepts=("a channel more",))
def spatially_separable_conv(x, column, row, strides=1, padding="VALID"):
    """The full rank-1 kernel, in one pass."""
    c = x.shape[-1]
    kernel = np.multiply.outer(np.multiply.outer(column, row), np.ones((1, c)))
    return grouped_conv(x, kernel, None, strides, padding)


@given(x=(2, 3, 9, 4), kernel=(3, 4, 5), bias=(5,))
@given(x=(2, 7, 8, 3), kernel=(3, 4, 3, 2), padding=static("SAME"))
@given(x=(2, 3, 9, 4), kernel=(3, 2, 6), bias=(6,), strides=static(2))
@given(x=(2, 9, 8, 3), kernel=(3, 4, 1, 6), bias=(6,), padding=static("SAME"))
@given(
    x=(2, 7, 9, 4),
    kernel=(3, 2, 2, 6),
    strides=static((2, 3)),
    padding=static(((1, 2), (0, 1))),
    dilation=static((1, 2)),
)
@given(x=(4, 5, 6, 2), kernel=(2, 3, 2, 2, 3), bias=(3,))
@given(x=(2, 5, 8, 3), kernel=(3, 4, 1, 3), padding=static("REFLECT"))
@mark(rows=True, ulp=64, why="the transform mixes all places: relative to the largest")
def fft_conv(x, kernel, bias=None, strides=1, padding="VALID", dilation=1):
    return grouped_conv(x, kernel, bias, strides, padding, dilation)

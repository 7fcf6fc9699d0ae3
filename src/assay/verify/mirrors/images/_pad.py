"""Padding by the index of each pixel."""

import numpy as np

from assay.verify.mirrors._given import given, integers, mark, static


def _folded(i, n, mode):
    """Which of n pixels stands at place i, or None."""
    if mode == "constant":
        return i if 0 <= i < n else None
    if mode == "replicate":
        return min(max(i, 0), n - 1)
    if mode == "circular":
        return i % n
    if mode == "symmetric":
        return -1 - i if i < 0 else 2 * n - 1 - i if i >= n else i
    return -i if i < 0 else 2 * n - 2 - i if i >= n else i


@given(x=(2, 4, 5, 3), padding=static(((1, 2), (3, 0))))
@given(x=(4, 5, 3), padding=static(2), value=static(-1.5))
@given(x=integers(2, 5, 3, high=9), padding=static(1), value=static(7))
@given(x=(2, 4, 5, 3), padding=static(((3, 2), (4, 0))), mode=static("reflect"))
@given(x=(2, 4, 5, 3), padding=static(((4, 2), (5, 0))), mode=static("symmetric"))
@given(x=(2, 4, 5, 3), padding=static(((7, 2), (9, 0))), mode=static("replicate"))
@given(x=(4, 5, 3), padding=static(4), mode=static("circular"), spatial=static(1))
@mark(source="the index of each pixel", ulp=0)
def pad(x, padding, mode="constant", value=0, spatial=2):
    pairs = [(padding,) * 2] * spatial if isinstance(padding, int) else padding
    y = np.asarray(x)
    for axis, (low, high) in zip(range(-len(pairs) - 1, -1), pairs, strict=True):
        n, outside = y.shape[axis], np.full_like(np.take(y, 0, axis), value)
        seen = [_folded(i, n, mode) for i in range(-low, n + high)]
        slices = [outside if i is None else np.take(y, i, axis) for i in seen]
        y = np.stack(slices, axis)
    return y


@given(x=(2, 6, 5, 3), cropping=static(((1, 2), (3, 0))))
@given(x=integers(6, 5, 3, high=9), cropping=static(1))
@given(x=(6, 5, 3), cropping=static(2), spatial=static(1))
@mark(source="the index of each pixel", ulp=0)
def crop(x, cropping, spatial=2):
    lone = isinstance(cropping, int)
    pairs = [(cropping,) * 2] * spatial if lone else cropping
    y = np.asarray(x)
    for axis, (low, high) in zip(range(-len(pairs) - 1, -1), pairs, strict=True):
        y = np.take(y, range(low, y.shape[axis] - high), axis)
    return y


@given(x=(2, 6, 5, 3), size=static((3, 4)))
@given(x=(7, 5), size=static((4,)))
@mark(source="the index of each pixel", ulp=0)
def center_crop(x, size):
    y = np.asarray(x)
    for axis, m in zip(range(-len(size) - 1, -1), size, strict=True):
        start = (y.shape[axis] - m) // 2
        y = np.take(y, range(start, start + m), axis)
    return y


@given(x=(2, 4, 5, 3), factors=static((2, 3)))
@given(x=integers(4, 5, 3, high=9), factors=static(2), spatial=static(1))
@given(x=(2, 1, 3, 2, 3), factors=static((2, 1, 3)))
@mark(source="the index of each pixel", ulp=0)
def insert_zeros(x, factors, spatial=2):
    factors = (factors,) * spatial if isinstance(factors, int) else factors
    y = np.asarray(x)
    for axis, f in zip(range(-len(factors) - 1, -1), factors, strict=True):
        n, zeros = y.shape[axis], np.zeros_like(np.take(y, 0, axis))
        places = range((n - 1) * f + 1)
        slices = [zeros if i % f else np.take(y, i // f, axis) for i in places]
        y = np.stack(slices, axis)
    return y

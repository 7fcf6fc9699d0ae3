"""Resizing as one sum over all pixels of an axis, in plain loops."""

import math

import numpy as np

from assay.verify.mirrors._given import given, integers, mark, normal, static


def _sinc(s):
    return math.sin(math.pi * s) / (math.pi * s) if s else 1.0


def _kernel(mode, s, a):
    s = abs(s)
    if mode == "linear":
        return max(1 - s, 0.0)
    if mode == "lanczos":
        return _sinc(s) * _sinc(s / 3) if s < 3 else 0.0
    if s < 1:
        return (a + 2) * s**3 - (a + 3) * s**2 + 1
    return a * (s**3 - 5 * s**2 + 8 * s - 4) if s < 2 else 0.0


def _weights(i, n, m, mode, align_corners, antialias):
    """(pixel, weight) of every pixel that output i sees; beyond the edges too."""
    if mode == "nearest":
        return [(math.floor(i * n / m + 1e-9), 1.0)]
    if mode == "nearest_exact":
        return [(math.floor((i + 0.5) * n / m + 1e-9), 1.0)]
    if mode == "area":
        inside = [j for j in range(n) if j < (i + 1) * n / m and j + 1 > i * n / m]
        return [(j, 1 / len(inside)) for j in inside]
    scale = n / m
    if align_corners:
        scale = (n - 1) / (m - 1) if m > 1 else 0.0
    u = scale * i if align_corners and not antialias else scale * (i + 0.5) - 0.5
    wide = max(scale, 1.0) if antialias else 1.0
    a = -0.5 if antialias else -0.75
    cut = antialias or mode == "lanczos"
    pixels = range(n) if cut else range(-3, n + 3)
    pairs = [(j, _kernel(mode, (j - u) / wide, a)) for j in pixels]
    total = sum(w for _, w in pairs) if cut else 1.0
    return [(min(max(j, 0), n - 1), w / total) for j, w in pairs]


@given(x=(2, 5, 7, 3), size=static((8, 4)))
@given(x=(2, 5, 7, 3), size=static((8, 4)), mode=static("nearest_exact"))
@given(x=integers(5, 7, 3, high=9), size=static((8, 4)))
@given(x=(2, 5, 7, 3), size=static((8, 4)), mode=static("area"))
@given(x=(2, 5, 7, 3), size=static((8, 4)), mode=static("linear"))
@given(x=(5, 3), size=static((1,)), mode=static("linear"), align_corners=static(True))
@given(x=(2, 5, 7, 3), size=static((8, 4)), mode=static("cubic"))
@given(
    x=normal(5, 7, 3, scale=1e30),
    size=static((8, 4)),
    mode=static("cubic"),
    align_corners=static(True),
)
@given(x=(40, 7, 3), size=static((3, 9)), mode=static("linear"), antialias=static(True))
@given(x=(5, 13, 3), size=static((8, 4)), mode=static("cubic"), antialias=static(True))
@given(x=(3, 5, 7, 2), size=static((4, 8, 6)), mode=static("lanczos"))
# The sums cancel: 32 ULP of a pixel's largest channel are some 4 of its neighbours'.
@mark(source="a sum over all pixels of each axis", rows=True, ulp=32)
def interpolate(x, size, mode="nearest", align_corners=False, antialias=False):
    y, d = np.asarray(x), len(size)
    for axis, m in zip(range(y.ndim - d - 1, y.ndim - 1), size, strict=True):
        n, slices = y.shape[axis], []
        for i in range(m):
            seen = _weights(i, n, m, mode, align_corners, antialias)
            slices.append(sum(np.take(y, j, axis) * w for j, w in seen))
        y = np.stack(slices, axis)
    return y

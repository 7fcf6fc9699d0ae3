"""Where each number goes, one at a time."""

import numpy as np

from assay.verify.mirrors._given import given, integers, mark, static


def _pairs(sizes, factor):
    """(small place, place in the block, its number, large place) of every pixel."""
    for block in np.ndindex(*sizes):
        for k, within in enumerate(np.ndindex(*[factor] * len(sizes))):
            large = tuple(factor * b + w for b, w in zip(block, within, strict=True))
            yield block, k, large


@given(x=(2, 3, 4, 12), factor=static(2))
@given(x=(5, 3, 9), factor=static(3), spatial=static(1))
@given(x=integers(2, 3, 1, 16, high=99), factor=static(2), spatial=static(3))
@mark(source="one pixel at a time", ulp=0)
def pixel_shuffle(x, factor, spatial=2):
    x, d = np.asarray(x), spatial
    sizes, r = x.shape[-d - 1 : -1], factor**spatial
    out = [n * factor for n in sizes]
    y = np.zeros((*x.shape[: -d - 1], *out, x.shape[-1] // r), x.dtype)
    for small, k, large in _pairs(sizes, factor):
        y[(..., *large, slice(None))] = x[(..., *small, slice(k, None, r))]
    return y


@given(x=(2, 6, 8, 3), factor=static(2))
@given(x=(5, 9, 2), factor=static(3), spatial=static(1))
@given(x=integers(2, 4, 2, 5, high=99), factor=static(2), spatial=static(3))
@mark(source="one pixel at a time", ulp=0)
def pixel_unshuffle(x, factor, spatial=2):
    x, d = np.asarray(x), spatial
    sizes, r = [n // factor for n in x.shape[-d - 1 : -1]], factor**spatial
    y = np.zeros((*x.shape[: -d - 1], *sizes, x.shape[-1] * r), x.dtype)
    for small, k, large in _pairs(sizes, factor):
        y[(..., *small, slice(k, None, r))] = x[(..., *large, slice(None))]
    return y


@given(x=(2, 3, 4, 6), groups=static(2))
@given(x=(2, 12), groups=static(3))
@given(x=integers(5, high=9), groups=static(5))
@mark(source="one channel at a time", ulp=0, accepts=("one axis",))
def channel_shuffle(x, groups):
    per = x.shape[-1] // groups
    order = [g * per + i for i in range(per) for g in range(groups)]
    return np.stack([np.asarray(x)[..., c] for c in order], -1)

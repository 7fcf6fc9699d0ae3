"""Convolutions whose weights, or whose taps, are a place's own: loops over places."""

import itertools

import numpy as np

from assay.layers import Deformation
from assay.verify.mirrors._given import given, mark, static, tree
from assay.verify.mirrors.layers._conv import _pads, _per_axis, _slide


@given(x=(2, 5, 4), kernel=(3, 3, 4, 6), bias=(3, 6))
@given(
    x=(2, 6, 5, 3),
    kernel=(2, 5, 3, 2, 3, 7),
    strides=static((2, 1)),
    padding=static(((0, 0), (1, 0))),
)
@given(x=(6, 5, 3), kernel=(6, 5, 2, 3, 3, 7), bias=(6, 5, 7), padding=static("SAME"))
@given(
    x=(6, 5, 3),
    kernel=(3, 3, 3, 2, 3, 7),
    strides=static(2),
    padding=static("CIRCULAR"),
)
@given(x=(2, 7, 3), kernel=(3, 3, 3, 6), dilation=static(2))
@given(x=(3, 4, 5, 2), kernel=(2, 2, 4, 2, 3, 2, 2, 5), bias=(2, 2, 4, 5))
@mark(rows=True)
def local_conv(x, kernel, bias=None, strides=1, padding="VALID", dilation=1):
    rank = (kernel.ndim - 2) // 2
    out, window, o = kernel.shape[:rank], kernel.shape[rank:-2], kernel.shape[-1]
    y = np.zeros((*x.shape[: -rank - 1], *out, o))
    for _, place, seen in _slide(x, window, strides, padding, dilation):
        for at in np.ndindex(*window):
            weights = kernel[(*place, *at)]
            y[(..., *place, slice(None))] += seen[(..., *at, slice(None))] @ weights
    return y if bias is None else y + bias


def _between(x, u):
    """x (*spatial, c) at the place u: linear between its pixels, 0 outside."""
    total = np.zeros(x.shape[-1])
    for corner in itertools.product((0, 1), repeat=len(u)):
        at = np.floor(u).astype(int) + corner
        if all(0 <= a < n for a, n in zip(at, x.shape[:-1], strict=True)):
            total += x[tuple(at)] * np.prod(1 - np.abs(u - at))
    return total


def _deformation(*shape, masked=True):
    def make(rng):
        offsets = 1.5 * rng.standard_normal(shape)
        return Deformation(offsets, rng.uniform(0, 1, shape[:-1]) if masked else None)

    return tree(make)


@given(x=(5, 6, 3), kernel=(3, 2, 3, 4), deformation=_deformation(3, 5, 6, 2))
@given(
    x=(2, 5, 4, 6),
    kernel=(2, 3, 6, 5),
    deformation=_deformation(2, 5, 2, 12, 2, masked=False),
    strides=static((1, 2)),
    padding=static("SAME"),
)
@given(
    x=(6, 7, 4),
    kernel=(2, 3, 2, 6),
    deformation=_deformation(5, 8, 24, 2),
    padding=static(((0, 1), (1, 2))),
    dilation=static((2, 1)),
)
@given(x=(2, 7, 2), kernel=(3, 2, 3), deformation=_deformation(2, 5, 6, 1))
@given(x=(3, 4, 3, 2), kernel=(2, 2, 1, 2, 3), deformation=_deformation(2, 3, 3, 4, 3))
@mark(rows=True)
def deformable_conv(x, kernel, deformation, strides=1, padding="VALID", dilation=1):
    (*window, i, o), (offsets, mask) = kernel.shape, deformation
    d, taps = len(window), int(np.prod(window))
    strides, dilation = _per_axis(strides, d), _per_axis(dilation, d)
    batch, sizes, c = x.shape[: -d - 1], x.shape[-d - 1 : -1], x.shape[-1]
    pads = _pads(padding, sizes, window, strides, dilation)
    groups, share = offsets.shape[-2] // taps, o * i // c
    y = np.zeros((*offsets.shape[:-2], o))
    for *at, output in np.ndindex(*y.shape):
        image, t, first = (
            x[tuple(at[: len(batch)])],
            at[len(batch) :],
            output // share * i,
        )
        for (tap, k), channel in itertools.product(
            enumerate(np.ndindex(*window)), range(first, first + i)
        ):
            which = (*at, channel * groups // c * taps + tap)
            u = np.array(t) * strides + np.array(k) * dilation + offsets[which]
            seen = _between(image, u - [low for low, _ in pads])[channel]
            seen *= 1 if mask is None else mask[which]
            y[(*at, output)] += seen * kernel[(*k, channel - first, output)]
    return y

"""Masked convolution as the convolution of the weights that are left."""

import numpy as np

from assay.verify.mirrors._given import booleans, given, mark, static
from assay.verify.mirrors.layers._conv import grouped_conv


@given(x=(2, 3, 9, 4), kernel=(3, 4, 5), mask=booleans(3, 4, 5), bias=(5,))
@given(
    x=(2, 7, 6, 2),
    kernel=(3, 4, 2, 3),
    mask=booleans(3, 4, 2, 3),
    strides=static((2, 1)),
    padding=static("SAME"),
)
@mark(rows=True)
def masked_conv(x, kernel, mask, bias=None, strides=1, padding="VALID"):
    kept = kernel.copy()
    for at in np.ndindex(*kernel.shape):
        if not mask[at]:
            kept[at] = 0
    return grouped_conv(x, kept, bias, strides, padding)


@given(window=static((3, 5)), inputs=static(4), outputs=static(6), kind=static("A"))
@given(window=static((4,)), inputs=static(2), outputs=static(3), kind=static("B"))
@given(
    window=static((2, 3, 3)),
    inputs=static(3),
    outputs=static(7),
    kind=static("A"),
    colors=static(3),
)
@given(
    window=static((3, 4)),
    inputs=static(5),
    outputs=static(6),
    kind=static("B"),
    colors=static(2),
)
@mark(source="a loop over weights", gradient=False, ulp=0)
def pixel_cnn_mask(window, inputs, outputs, kind, colors=1):
    mask = np.zeros((*window, inputs, outputs), bool)
    middle = tuple((k - 1) // 2 for k in window)
    for *at, i, o in np.ndindex(*mask.shape):
        # The color is how many shares of the channels end before this one.
        sees = sum(1 for c in range(1, colors) if i * colors >= c * inputs)
        seen = sum(1 for c in range(1, colors) if o * colors >= c * outputs)
        known = sees < seen or (sees == seen and kind == "B")
        mask[(*at, i, o)] = tuple(at) < middle or (tuple(at) == middle and known)
    return mask

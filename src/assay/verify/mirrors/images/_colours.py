"""Colours as the standard library knows them, one pixel at a time."""

import colorsys

import numpy as np

from assay.verify.mirrors._given import given, mark, positive


def _pixels(f, x):
    return np.apply_along_axis(lambda pixel: f(*pixel), -1, np.asarray(x))


@given(x=(5, 4, 3))
@given(x=(3,))
@mark(source="NumPy's dot", rows=True)
def rgb_to_grayscale(x):
    return np.asarray(x) @ np.array([[0.299], [0.587], [0.114]])


@given(x=positive(5, 4, 3, low=0.0, high=1.0))
@given(x=positive(2, 7, 4, 3, low=0.0, high=300.0))
@mark(source="colorsys", rows=True)
def rgb_to_hsv(x):
    return _pixels(colorsys.rgb_to_hsv, x)


@given(x=positive(5, 4, 3, low=0.0, high=1.0))
@given(x=positive(2, 7, 4, 3, low=0.0, high=0.9))
@mark(source="colorsys", rows=True)
def hsv_to_rgb(x):
    return _pixels(colorsys.hsv_to_rgb, x)

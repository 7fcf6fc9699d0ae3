"""Gated units by jax.nn and SciPy, and maxout by NumPy."""

import jax
import numpy as np
from scipy import special

from assay.verify.mirrors._given import given, mark, normal, static


def _halves(x, axis):
    return np.split(np.asarray(x), 2, axis)


def _several(mirror):
    for case in (
        given(x=normal(6, 3, scale=5.0), axis=static(0)),
        given(x=normal(3, 4, 5, scale=3.0), axis=static(1)),
        given(x=normal(5, 8)),
    ):
        mirror = case(mirror)
    return mirror


@mark(source="jax.nn")
@_several
def glu(x, axis=-1):
    return jax.nn.glu(x, axis)


@mark(source="SciPy")
@_several
@given(x=normal(3, 6), approximate=static(False))
def geglu(x, axis=-1, approximate=True):
    h, g = _halves(x, axis)
    if approximate:
        slope = np.sqrt(8 / np.pi) * (g + 0.044715 * np.power(g, 3))
        return h * g * special.expit(slope)
    return h * g * special.ndtr(g)


@mark(source="SciPy")
@_several
def swiglu(x, axis=-1):
    h, g = _halves(x, axis)
    return h * g * special.expit(g)


@mark(source="NumPy")
@_several
def reglu(x, axis=-1):
    h, g = _halves(x, axis)
    return h * np.maximum(g, 0)


@mark(source="NumPy")
@_several
def bilinear(x, axis=-1):
    h, g = _halves(x, axis)
    return h * g


@mark(source="NumPy")
@given(x=normal(5, 6), pieces=static(3))
@given(x=normal(4, 3, 2), pieces=static(2), axis=static(0))
@given(x=normal(2, 7), pieces=static(1))
def maxout(x, pieces, axis=-1):
    x = np.moveaxis(np.asarray(x), axis, -1)
    groups = [x[..., k::pieces] for k in range(pieces)]
    return np.moveaxis(np.max(groups, 0), -1, axis)

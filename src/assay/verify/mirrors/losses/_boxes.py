"""Boxes by torchvision's formulas in longdouble, without its ε of 1e-7."""

import numpy as np

from assay.verify.mirrors._given import Draw, given, mark


def _boxes(*shape, low=0.0, high=1.0, size=0.7):
    """Corners in [low, high), and sides up to `size`."""

    def make(rng):
        corner = rng.uniform(low, high, (*shape, 2))
        return np.concatenate(
            [corner, corner + rng.uniform(0.05, size, (*shape, 2))], -1
        )

    return Draw(make)


def _tiny(*shape):
    return Draw(lambda rng: _boxes(*shape).make(rng) * 1e-25, differentiable=False)


def _fixed(boxes):
    return Draw(lambda _: np.array(boxes, float), differentiable=False)


# Nested, identical, disjoint, touching, crossing, almost identical.
_A = [
    [0, 0, 4, 4],
    [1, 2, 3, 4],
    [0, 0, 1, 1],
    [0, 0, 1, 1],
    [0, 1, 3, 2],
    [1, 1, 2, 2],
]
_B = [[1, 1, 2, 3], [1, 2, 3, 4], [5, 7, 6, 9], [1, 0, 2, 1], [1, 0, 2, 3]]
_B = [*_B, [1 + 2**-20, 1 - 2**-21, 2 + 2**-19, 2 + 2**-20]]


def _cases(mirror):
    for low, high, size in ((0, 1, 0.7), (-300, 300, 200), (0, 0.1, 0.6)):
        draw = _boxes(11, low=low, high=high, size=size)
        mirror = given(predictions=draw, targets=draw)(mirror)
    mirror = given(predictions=_tiny(7), targets=_tiny(7))(mirror)
    mirror = given(predictions=_fixed(_A), targets=_fixed(_B))(mirror)
    return given(predictions=_boxes(2, 3), targets=_boxes(2, 3))(mirror)


def _parts(a, b):
    """(IoU, share of the enclosing box in neither, (distance / diagonal)²)."""
    a, b = (np.moveaxis(np.asarray(c, np.longdouble), -1, 0) for c in (a, b))
    sides = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    area = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
    both = sides[0] * sides[1]
    union = area[0] + area[1] - both
    around = np.maximum(a[2:], b[2:]) - np.minimum(a[:2], b[:2])
    shift = (a[:2] + a[2:] - b[:2] - b[2:]) / 2
    whole = around[0] * around[1]
    distance = (shift**2).sum(0) / (around**2).sum(0)
    return both / union, (whole - union) / whole, distance


def _angle(a, b):
    ratios = [(c[..., 2] - c[..., 0]) / (c[..., 3] - c[..., 1]) for c in (a, b)]
    return np.arctan(ratios[1]) - np.arctan(ratios[0])


@mark(source="torchvision's formula")
@_cases
def iou(predictions, targets):
    return _parts(predictions, targets)[0].astype(float)


@mark(source="torchvision's formula")
@_cases
def giou_loss(predictions, targets):
    overlap, beside, _ = _parts(predictions, targets)
    return (1 - overlap + beside).astype(float)


@mark(source="torchvision's formula")
@_cases
def diou_loss(predictions, targets):
    overlap, _, distance = _parts(predictions, targets)
    return (1 - overlap + distance).astype(float)


# Its derivative takes α as a constant, and the difference of values does not.
@mark(source="torchvision's formula", gradient=False)
@_cases
def ciou_loss(predictions, targets):
    overlap, _, distance = _parts(predictions, targets)
    a, b = (np.asarray(c, np.longdouble) for c in (predictions, targets))
    v = 4 / np.pi**2 * _angle(a, b) ** 2
    alpha = v / np.where(v == 0, 1, 1 - overlap + v)
    return (1 - overlap + distance + alpha * v).astype(float)

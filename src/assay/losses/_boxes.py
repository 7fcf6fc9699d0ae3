"""Losses of axis-aligned boxes (x₁, y₁, x₂, y₂), each prediction with its target.

Areas are sums of pieces of one sign, measured in the sides of the enclosing box: boxes
that almost agree keep their digits, and no area of large or small boxes overflows.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay._numerics import narrow
from assay.activations import relu
from assay.losses._overlap import _ratio
from assay.losses._pair import _pair
from assay.typing import Array, Float


class _Side(NamedTuple):
    """Two intervals on one axis: what they have in common, and what they have not."""

    starts: Array  # a₁ − b₁
    ends: Array  # a₂ − b₂
    a: Array  # lengths
    b: Array
    both: Array  # of the intersection
    gap: Array  # between them
    span: Array  # of the enclosing interval

    def only(self, length: Array) -> Array:
        """`length` of one interval less what it has in common with the other."""
        sign = 1 if length is self.a else -1
        beside = relu(-sign * self.starts) + relu(sign * self.ends)
        return jnp.where(self.both > 0, beside, length)

    def spare(self, length: Array) -> Array:
        """The enclosing interval less `length` of one interval."""
        sign = 1 if length is self.a else -1
        return relu(sign * self.starts) + relu(-sign * self.ends)


def _side(a1, a2, b1, b2):
    low, high = jnp.maximum(a1, b1), jnp.minimum(a2, b2)
    span = jnp.maximum(a2, b2) - jnp.minimum(a1, b1)
    common = relu(high - low), relu(low - high)
    return _Side(a1 - b1, a2 - b2, a2 - a1, b2 - b1, *common, span)


def _in_units(side, unit):
    """The side in multiples of `unit`, which derivatives do not see."""
    unit = jax.lax.stop_gradient(jnp.where(unit > 0, unit, 1))
    return _Side(*(x / unit for x in side))


def _sides(who: str, predictions: Any, targets: Any) -> tuple[_Side, _Side]:
    """The horizontal and the vertical side of each pair."""
    a, b = _pair(who, predictions=predictions, targets=targets)
    if a.shape[-1:] != (4,):
        must = "predictions must have 4 numbers x1, y1, x2, y2 on the last axis"
        _check.fail(who, must, f"predictions.shape={a.shape}")
    for name, box in (("predictions", a), ("targets", b)):
        must = f"{name} must have x1 <= x2 and y1 <= y2"
        _check.debug(who, must, box[..., :2] <= box[..., 2:], box)
    x, y = (_side(*(c[..., i] for c in (a, b) for i in (k, k + 2))) for k in (0, 1))
    return x, y


def _areas(x, y):
    """(intersection, union less it) in units of the enclosing box."""
    x, y = _in_units(x, x.span), _in_units(y, y.span)
    sides = (x.only(x.a), x.only(x.b)), (y.only(y.a), y.only(y.b))
    (ax, bx), (ay, by) = sides
    apart = (ax * y.a + x.both * ay) + (bx * y.b + x.both * by)
    return x.both * y.both, apart


def _apart(x, y):
    """1 − IoU; 1 if there is no area at all."""
    both, apart = _areas(x, y)
    union = both + apart
    return jnp.where(union > 0, _ratio(apart, union), 1)


def _beside(x, y):
    """The share of the enclosing box that is in neither box."""
    x, y = _in_units(x, x.span), _in_units(y, y.span)
    corners = (relu(-x.starts * y.starts) + relu(x.ends * y.starts)) + (
        relu(x.starts * y.ends) + relu(-x.ends * y.ends)
    )

    def strip(p, q):
        return p.gap * q.span + p.a * q.spare(q.a) + p.b * q.spare(q.b)

    crossing = jnp.where(y.both > 0, corners, strip(y, x))
    beside = jnp.where(x.both > 0, crossing, strip(x, y))
    return _ratio(beside, x.span * y.span)  # by 1, which derivatives see move


def _distance(x, y):
    """(distance of the centres)² / (diagonal of the enclosing box)²."""
    unit = jnp.maximum(x.span, y.span)
    x, y = _in_units(x, unit), _in_units(y, unit)
    shifts = (x.starts + x.ends) / 2, (y.starts + y.ends) / 2
    diagonal = x.span * x.span + y.span * y.span
    return _ratio(shifts[0] * shifts[0] + shifts[1] * shifts[1], diagonal)


def _aspect(x, y):
    """(2/π · the angle between the diagonals)²."""
    unit = jnp.maximum(jnp.maximum(x.a, x.b), jnp.maximum(y.a, y.b))
    x, y = _in_units(x, unit), _in_units(y, unit)
    # Of the differences of the sides, which are exact, not of the sides.
    sine = x.b * (y.ends - y.starts) - (x.ends - x.starts) * y.b
    cosine = x.a * x.b + y.a * y.b
    cosine = jnp.where((sine == 0) & (cosine == 0), 1, cosine)
    angle = jnp.arctan2(sine, cosine) * (2 / math.pi)
    return angle * angle


def iou(
    predictions: Float[Array, "*batch 4"], targets: Float[Array, "*batch 4"]
) -> Float[Array, "*batch"]:
    """area(A ∩ B) / area(A ∪ B) of boxes x₁, y₁, x₂, y₂, pair by pair.

    0 if neither has an area. The loss is ``1 - iou(a, b)``; all pairs of two lists are
    ``vmap(vmap(iou, (None, 0)), (0, None))``. Boxes have x₁ ≤ x₂ and y₁ ≤ y₂.

    >>> a, b = jnp.array([0.0, 0.0, 2.0, 2.0]), jnp.array([1.0, 0.0, 3.0, 2.0])
    >>> iou(a, b).item()
    0.3333...

    Jaccard 1912, doi:10.1111/j.1469-8137.1912.tb05611.x.

    Float32, CPU: within 4 ULP.
    """
    x, y = _sides("iou", predictions, targets)
    both, apart = _areas(x, y)
    return narrow(_ratio(both, both + apart), predictions)


def giou_loss(
    predictions: Float[Array, "*batch 4"], targets: Float[Array, "*batch 4"]
) -> Float[Array, "*batch"]:
    """1 − IoU + (C − |A ∪ B|) / C, C the area of the smallest box around both.

    >>> a, b = jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.array([3.0, 0.0, 4.0, 1.0])
    >>> giou_loss(a, b).item()
    1.5

    Rezatofighi et al. 2019, arXiv:1902.09630.

    Float32, CPU: within 3 ULP.
    """
    x, y = _sides("giou_loss", predictions, targets)
    return narrow(_apart(x, y) + _beside(x, y), predictions)


def diou_loss(
    predictions: Float[Array, "*batch 4"], targets: Float[Array, "*batch 4"]
) -> Float[Array, "*batch"]:
    """1 − IoU + ρ² / c²: distance of the centres, diagonal of the box around both.

    >>> a, b = jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.array([3.0, 0.0, 4.0, 1.0])
    >>> diou_loss(a, b).item()
    1.529...

    Zheng et al. 2020, arXiv:1911.08287.

    Float32, CPU: within 3 ULP.
    """
    x, y = _sides("diou_loss", predictions, targets)
    return narrow(_apart(x, y) + _distance(x, y), predictions)


def ciou_loss(
    predictions: Float[Array, "*batch 4"], targets: Float[Array, "*batch 4"]
) -> Float[Array, "*batch"]:
    """`diou_loss` + α v, v = (2/π (arctan w/h − arctan w'/h'))², α = v/(1 − IoU + v).

    α counts as a constant in derivatives, as in the authors' code.

    >>> a, b = jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.array([0.0, 0.0, 2.0, 1.0])
    >>> ciou_loss(a, b).item()
    0.553...

    Zheng et al. 2020, arXiv:1911.08287.

    Float32, CPU: within 3 ULP.
    """
    x, y = _sides("ciou_loss", predictions, targets)
    apart, v = _apart(x, y), _aspect(x, y)
    alpha = jax.lax.stop_gradient(_ratio(v, apart + v))
    return narrow(apart + _distance(x, y) + alpha * v, predictions)

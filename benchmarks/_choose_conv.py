"""The classes of convolution that `choose` measures, each by one set of shapes.

Sizes are the middle of their class, and small enough that the slowest form (XLA's
gradients of a depthwise convolution) takes a tenth of a second or so.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from assay import _geometry
from assay.layers import _conv_forms

Shape = tuple[int, ...]


class Case(NamedTuple):
    """One class, the shapes that stand for it, and every form that can compute it."""

    operation: str
    shape_class: str
    arrays: tuple[Shape, ...]
    options: dict[str, Any]
    forward: dict[str, Any]  # name -> f(*arrays)
    backward: dict[str, Any]  # name -> f(*arrays, cotangent) -> cotangents


def cases() -> Iterator[Case]:
    """Every class of the table."""
    for x, kernel, strides in [*_pointwise(), *_dense(), *_apart()]:
        yield case(x, kernel, strides)


def case(x: Shape, kernel: Shape, strides: int) -> Case:
    """SAME padding, and every form that fits; those with XLA's own value only once."""
    space, size, groups = x[1:-1], kernel[:-2], x[-1] // kernel[-2]
    w = _geometry.window("choose", space, size, strides=strides, padding="SAME")
    fitting = {
        name: form
        for name, form in _conv_forms.FORMS.items()
        if form.fits(w, groups, x, kernel)
    }
    values: dict[Any, str] = {}
    pulls: dict[Any, str] = {}
    for name, form in fitting.items():
        values.setdefault(form.value, name)
        pulls.setdefault(form.pull, name)
    return Case(
        "conv",
        _conv_forms.shape_class(w, groups, x, kernel),
        (x, kernel),
        {"strides": strides},
        {n: partial(_value, f, w) for f, n in values.items()},
        {n: partial(_pull, f, w) for f, n in pulls.items()},
    )


def _value(f: Any, w: _geometry.Window, x: Any, kernel: Any) -> Any:
    return f(w, x, kernel, None)


def _pull(f: Any, w: _geometry.Window, x: Any, kernel: Any, g: Any) -> Any:
    return f(w, x, kernel, None, g)[:2]


def _pointwise() -> Iterator[tuple[Shape, Shape, int]]:
    pairs = [(4, 16), (16, 16), (16, 64), (64, 16), (64, 64), (64, 256), (256, 64)]
    for c, o in [*pairs, (256, 256), (256, 1024), (1024, 256)]:
        yield (8, 28, 28, c), (1, 1, c, o), 1
    for c, o in [(16, 64), (64, 256), (256, 256)]:
        yield (8, 28, 28, c), (1, 1, c, o), 2


# (batch, side of the window, strides) of images: (inputs, outputs, sides of the image).
DENSE = {
    (32, 5, 1): [  # LeNet's layers, and the first ones of others
        (1, 4, (28,)),
        (1, 16, (28, 56)),
        (4, 4, (28,)),
        (4, 16, (10, 14, 28, 56)),
        (16, 16, (10, 14, 28)),
    ],
    (16, 3, 2): [(1, 16, (28,)), (4, 16, (28,)), (4, 64, (56,)), (16, 16, (28,))],
    (8, 7, 2): [(3, 64, (112,))],
    (8, 3, 1): [
        (1, 64, (28,)),
        (4, 64, (28, 56)),
        (16, 64, (14, 28)),
        (64, 16, (28,)),
        (64, 64, (7, 14, 28, 56)),
        (256, 256, (7, 14, 28)),
    ],
    (8, 3, 2): [(64, 64, (28, 56)), (64, 256, (28,)), (256, 256, (28,))],
    (2, 3, 1): [(1, 4, (28,)), (4, 16, (14,)), (16, 16, (28,)), (64, 64, (28,))],
}
# Sequences: (window, channels) of 1024 steps.
SEQUENCES = [(3, 16), (3, 64), (15, 1), (15, 16), (64, 1), (64, 4), (64, 16), (256, 1)]


def _dense() -> Iterator[tuple[Shape, Shape, int]]:
    for (n, k, strides), rows in DENSE.items():
        for c, o, sides in rows:
            for side in sides:
                yield (n, side, side, c), (k, k, c, o), strides
    for k, c in SEQUENCES:
        yield (8, 1024, c), (k, c, c), 1
    for k in (64, 256, 1024):
        yield (8, 4096, 1), (k, 1, 1), 1
    for c, o in ((4, 16), (16, 16)):
        yield (8, 16, 16, 16, c), (3, 3, 3, c, o), 1


def _apart() -> Iterator[tuple[Shape, Shape, int]]:
    """Depthwise, and in groups."""
    for k, c, sides in [
        (3, 16, (56, 112)),
        (3, 64, (7, 14, 28, 56)),
        (3, 256, (7, 14, 28)),
        (7, 64, (14, 28, 56)),
        (7, 256, (7, 14)),
        (15, 16, (28, 64)),
        (31, 16, (64,)),
    ]:
        for side in sides:
            yield (8, side, side, c), (k, k, 1, c), 1
    for c, side in [(16, 112), (64, 28), (64, 56), (64, 112), (256, 14), (256, 28)]:
        yield (8, side, side, c), (3, 3, 1, c), 2
    few = [(3, 64, 28), (3, 64, 56), (3, 256, 14), (7, 64, 28), (15, 16, 64)]
    for k, c, side in [*few, (31, 16, 64)]:
        yield (2, side, side, c), (k, k, 1, c), 1  # few images
    for k, length in [(3, 1024), (15, 1024), (64, 1024), (256, 1024)]:
        yield (8, length, 64), (k, 1, 64), 1
    yield (8, 16, 16, 16, 16), (3, 3, 3, 1, 16), 1
    for groups, c, o, side in [(2, 64, 64, 28), (4, 64, 64, 28), (16, 4, 4, 28)]:
        yield (8, side, side, groups * c), (3, 3, c, groups * o), 1
    for groups, c, side in [(8, 8, 56), (8, 8, 28), (4, 16, 28)]:
        yield (8, side, side, groups * c), (3, 3, c, groups * c), 1
    yield (8, 14, 14, 512), (3, 3, 16, 512), 1

"""The classes of pooling that `choose` measures, each by one set of shapes."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from assay import _geometry
from assay.layers import _pool_forms
from benchmarks._choose_conv import Case, Shape

# Window, stride.
WINDOWS = [(2, 2), (3, 3), (3, 1), (3, 2), (5, 1), (5, 2), (8, 8)]
SIZES: list[tuple[Shape, list[tuple[int, int]]]] = [
    ((8, 4096), [(2, 2), (3, 1), (3, 2), (5, 1), (8, 8)]),
    ((8, 56, 56), WINDOWS),
    ((4, 16, 16, 16), [(2, 2), (3, 1), (3, 2)]),
]
CHANNELS = 4, 16, 64


def maxima() -> Iterator[Case]:
    """Every form of a maximum."""
    for x, w, how in _windows():
        forms = _pool_forms.FORMS[_pool_forms.MAXIMA]
        values = {n: partial(f.value, w) for n, f in forms.items()}
        pulls = {n: partial(_max_pull, f, w) for n, f in forms.items()}
        yield _case(_pool_forms.MAXIMA, x, w, how, values, pulls)


def means() -> Iterator[Case]:
    """Every form of a mean."""
    for x, w, how in _windows():
        forms = _pool_forms.FORMS[_pool_forms.MEANS]
        values = {n: partial(f.value, w, w.taps()) for n, f in forms.items()}
        pulls = {n: partial(f.pull, w, w.taps()) for n, f in forms.items()}
        yield _case(_pool_forms.MEANS, x, w, how, values, pulls)


def _windows() -> Iterator[tuple[Shape, _geometry.Window, dict[str, Any]]]:
    for (n, *space), windows in SIZES:
        for k, stride in windows:
            size = (k,) * len(space)
            w = _geometry.window("choose", space, size, strides=stride)
            for c in CHANNELS:
                yield (n, *space, c), w, {"window": list(size), "strides": stride}


def _case(name: str, x: Shape, w: Any, how: dict, values: dict, pulls: dict) -> Case:
    shape_class = _pool_forms.shape_class(w, x)
    return Case(name, shape_class, (x,), how, values, pulls)


def _max_pull(form: Any, w: _geometry.Window, x: Any, g: Any) -> Any:
    """With XLA's own maximum, which a reverse pass has already."""
    y = _pool_forms.FORMS[_pool_forms.MAXIMA]["lax"].value(w, x)
    return y, form.pull(w, x, y, g)

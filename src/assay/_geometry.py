"""How a window slides: per-axis numbers, padding, output sizes.

Shared by convolution, pooling and the cost counts; plain Python on static shapes.
"""

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from assay import _check

Padding = str | int | Sequence[tuple[int, int]]
PerAxis = int | Sequence[int]

ZEROS = ("SAME", "SAME_LOWER", "VALID", "CAUSAL")  # what stands around is 0
BORDERS = {"CIRCULAR": "wrap", "REFLECT": "reflect", "REPLICATE": "edge"}  # NumPy's
NAMES = (*ZEROS, *BORDERS)


class Window(NamedTuple):
    """A window and its steps, one entry per spatial axis; hashable."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]

    def tiles(self) -> bool:
        """The windows touch and neither overlap nor pad."""
        still = all(d == 1 for d in self.dilation) and not any(map(any, self.pads))
        return still and self.strides == self.size

    def taps(self) -> int:
        return prod(self.size)


def window(
    who: str,
    spatial: Sequence[int],
    size: Sequence[int],
    *,
    strides: PerAxis = 1,
    padding: Padding = "VALID",
    dilation: PerAxis = 1,
) -> Window:
    """The window over the `spatial` sizes, everything checked and spelled out."""
    rank = len(size)
    size = per_axis(who, "window", size, rank)
    strides = per_axis(who, "strides", strides, rank)
    dilation = per_axis(who, "dilation", dilation, rank)
    pads = resolve(who, padding, spatial, extent(size, dilation), strides)
    return Window(size, strides, pads, dilation)


def per_axis(who: str, name: str, value: PerAxis, rank: int) -> tuple[int, ...]:
    """One positive number per axis; a lone number stands for all."""
    lone = isinstance(value, int | np.integer)
    values = (value,) * rank if lone else tuple(value) if _several(value) else ()
    whole = all(isinstance(v, int | np.integer) and v >= 1 for v in values)
    if len(values) != rank or not whole:
        must = f"{name} must be a number >= 1, or {rank} of them"
        _check.fail(who, must, repr(value))
    return tuple(map(int, values))


def _several(value: Any) -> bool:
    return not isinstance(value, str) and hasattr(value, "__iter__")


def extent(size: Sequence[int], dilation: Sequence[int]) -> tuple[int, ...]:
    """(k − 1)·d + 1: how far a dilated window reaches."""
    return tuple((k - 1) * d + 1 for k, d in zip(size, dilation, strict=True))


def resolve(who: str, padding: Padding, spatial, reach, strides):
    """((low, high), …) of a name in `ZEROS`, a number, or pairs."""
    if isinstance(padding, str):
        _check.choice(who, "padding", padding, ZEROS)
        axes = zip(spatial, reach, strides, strict=True)
        return tuple(_named(padding, *axis) for axis in axes)
    if isinstance(padding, int | np.integer):
        return ((int(padding), int(padding)),) * len(reach)
    return _pairs(who, padding, len(reach))


def _named(padding: str, n: int, reach: int, stride: int) -> tuple[int, int]:
    if padding == "VALID":
        return 0, 0
    if padding == "CAUSAL":  # the output at t sees inputs up to t
        return reach - 1, 0
    total = max((-(-n // stride) - 1) * stride + reach - n, 0)
    small, large = total // 2, total - total // 2
    return (small, large) if padding == "SAME" else (large, small)


def border(reach: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """What a name in `BORDERS` pads: all windows that are centred on a place.

    The same for every stride, as Flax has it, where "SAME" spreads what is missing.
    """
    return tuple(((r - 1) // 2, r // 2) for r in reach)


def _pairs(who: str, padding: Any, rank: int):
    try:
        pads = tuple((int(low), int(high)) for low, high in padding)
    except (TypeError, ValueError):
        pads = ()
    if len(pads) != rank:
        must = f"padding must be a name, a number, or {rank} pairs (low, high)"
        _check.fail(who, must, repr(padding))
    return pads


def output_sizes(who: str, spatial: Sequence[int], w: Window) -> tuple[int, ...]:
    """⌊(n + low + high − reach) / stride⌋ + 1 per axis."""
    reach = extent(w.size, w.dilation)
    padded = [n + sum(p) for n, p in zip(spatial, w.pads, strict=True)]
    if any(n < r for n, r in zip(padded, reach, strict=True)):
        must = f"the window {reach} must fit into the padded input"
        _check.fail(who, must, tuple(padded), "Use padding='SAME', or larger inputs.")
    steps = zip(padded, reach, w.strides, strict=True)
    return tuple((n - r) // s + 1 for n, r, s in steps)


def transposed(
    who: str,
    spatial: Sequence[int],
    size: Sequence[int],
    *,
    strides: PerAxis = 1,
    padding: Padding = "VALID",
    dilation: PerAxis = 1,
) -> tuple[Window, tuple[int, ...]]:
    """(the window of the convolution that this transposes, the sizes it comes to).

    Its pads are what is cut off the full (n − 1)·s + reach; below 0 they add zeros.
    """
    size = per_axis(who, "window", size, len(size))
    strides = per_axis(who, "strides", strides, len(size))
    dilation = per_axis(who, "dilation", dilation, len(size))
    reach = extent(size, dilation)
    if isinstance(padding, str):
        _check.choice(who, "padding", padding, ("SAME", "VALID"))
        steps = zip(reach, strides, strict=True)
        pads = tuple(_cut(padding, r - s) for r, s in steps)
    else:
        pads = resolve(who, padding, spatial, reach, strides)
    axes = zip(spatial, reach, strides, pads, strict=True)
    out = tuple((n - 1) * s + r - sum(p) if n else 0 for n, r, s, p in axes)
    if any(n > 0 and m < 1 for n, m in zip(spatial, out, strict=True)):
        must = "the padding must leave something of the full output"
        _check.fail(who, must, f"an output of {out}", "Lower padding.")
    return Window(size, strides, pads, dilation), out


def _cut(padding: str, beyond: int) -> tuple[int, int]:
    """What is cut off where a window reaches so far beyond its stride."""
    low = max(beyond, 0) // 2 if padding == "SAME" else 0
    return low, (beyond if padding == "SAME" else min(beyond, 0)) - low


def ceiled(spatial: Sequence[int], w: Window) -> Window:
    """`w`, padded on for torch's `ceil_mode`: a window more where some input is left.

    It must start inside the input or the padding before it: ⌈(n + pads − reach) /
    stride⌉ + 1 windows, and one less if the last would start beyond.
    """
    pads = []
    reach = extent(w.size, w.dilation)
    for n, r, s, (low, high) in zip(spatial, reach, w.strides, w.pads, strict=True):
        last = -(-(n + low + high - r) // s) * s
        last -= s if last >= n + low else 0
        pads.append((low, max(high, last + r - n - low)))
    return w._replace(pads=tuple(pads))

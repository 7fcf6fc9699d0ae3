"""What every pool asks first: its window, checked, and all batch axes as one."""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from assay import _check, _geometry
from assay.typing import Array

Window = Sequence[int]


class Steps(NamedTuple):
    """How a window moves, as the caller says it."""

    strides: _geometry.PerAxis | None  # None: the window's own sizes
    padding: _geometry.Padding
    dilation: _geometry.PerAxis = 1
    ceil_mode: bool = False


class Pool(NamedTuple):
    """A window and what it slides over."""

    w: _geometry.Window  # its pads reach as far as `ceil_mode` asks
    pads: tuple[tuple[int, int], ...]  # as they were given
    x: Array  # (n, *spatial, channels)
    batch: tuple[int, ...]

    def unflattened(self, y: Array) -> Array:
        """The batch axes as they came."""
        return jnp.reshape(y, (*self.batch, *y.shape[1:]))


def sizes(who: str, window: Window) -> tuple[int, ...]:
    """The window as a tuple: how many numbers it has says over how many axes."""
    size = tuple(window) if isinstance(window, Sequence) else ()
    if len(size) not in (1, 2, 3):
        must = "window must be a tuple of 1 to 3 numbers, one a spatial axis"
        _check.fail(who, must, repr(window))
    return _geometry.per_axis(who, "window", size, len(size))


def prepare(who: str, x: Array, window: Window, steps: Steps) -> Pool:
    """Everything checked: the rank, the window, that it fits, and sees something."""
    size = sizes(who, window)
    rank = len(size)
    _check.real(who, x=x)
    layout = f"(*batch, {rank} spatial, channels)"
    _check.rank_at_least(who, "x", x, rank + 1, layout)
    shape = jnp.shape(x)
    batch, spatial = shape[: -rank - 1], shape[-rank - 1 : -1]
    w = _geometry.window(
        who,
        spatial,
        size,
        strides=size if steps.strides is None else steps.strides,
        padding=steps.padding,
        dilation=steps.dilation,
    )
    _geometry.output_sizes(who, spatial, w)
    pads, w = w.pads, _geometry.ceiled(spatial, w) if steps.ceil_mode else w
    if not all(seen.any(1).all() for seen in sees(spatial, w)):
        must = "padding must be smaller than the window, which else sees nothing"
        _check.fail(who, must, pads)
    return Pool(w, pads, jnp.reshape(x, (prod(batch), *shape[len(batch) :])), batch)


def sees(spatial: Sequence[int], w: _geometry.Window) -> list[np.ndarray]:
    """Per axis, (places, taps): True where a tap reads the input, not the padding."""
    axes = zip(spatial, w.pads, w.size, w.strides, w.dilation, strict=True)
    masks = []
    for n, (low, high), k, s, d in axes:
        places = (n + low + high - (k - 1) * d - 1) // s + 1
        at = np.arange(places)[:, None] * s - low + d * np.arange(k)
        masks.append((at >= 0) & (at < n))
    return masks

"""Resize by a sum of a few pixels a place, one axis after the other.

The weights are known when the program is traced: each axis is a sparse matrix, stored
as the taps of its rows, and its gradient the taps of its columns. So no pixel reaches
a place that does not see it, and neither way adds up at indices.
"""

from collections.abc import Callable, Sequence
from functools import cache
from math import prod
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from assay import _check, _numerics
from assay.autodiff import with_backward
from assay.images import _kernels
from assay.typing import Array, Num

MODES = ("nearest", "nearest_exact", "area", "linear", "cubic", "lanczos")
SMOOTH = ("linear", "cubic", "lanczos")


def interpolate(
    x: Num[Array, "*batch_and_space c"],
    size: Sequence[int],
    *,
    mode: str = "nearest",
    align_corners: bool = False,
    antialias: bool = False,
) -> Num[Array, "*batch_and_size c"]:
    """y[i] = Σⱼ w(u[i] − j) · x[j], u[i] = (i + ½) · n / size − ½, axis by axis.

    `size` has one number for each spatial axis of x: (h, w) for images. `mode` names w:

    - "nearest": x[⌊i·n/size⌋], as torch and Keras; any dtype
    - "nearest_exact": x[⌊(i + ½)·n/size⌋], as Pillow and `jax.image.resize`; any dtype
    - "area": the mean of the pixels that output pixel i overlaps
    - "linear", and "cubic" (Keys's spline with a = −0.75), as torch
    - "lanczos": sinc(s) · sinc(s/3), the weights divided by their sum

    With `align_corners` the centres of the corner pixels stay where they are:
    u[i] = i · (n − 1) / (size − 1). `antialias` widens w by n / size where that shrinks
    and divides the weights by their sum, with a = −0.5, as torch and Pillow do; with
    both u[i] = (i + ½) · (n − 1) / (size − 1) − ½, which is torch's.

    >>> interpolate(jnp.array([[0.0], [4.0]]), (4,), mode="linear").ravel()
    Array([0., 1., 3., 4.], dtype=float32)
    >>> interpolate(jnp.array([[0], [4]]), (4,)).ravel()
    Array([0, 0, 4, 4], dtype=int32)

    Keys 1981, Cubic convolution interpolation for digital image processing.
    """
    d = _rank(x, size)
    x = jnp.asarray(x)
    _check.choice("interpolate", "mode", mode, MODES)
    if (align_corners or antialias) and mode not in SMOOTH:
        must = f"align_corners and antialias need mode {', '.join(SMOOTH)}"
        _check.fail("interpolate", must, repr(mode))
    how = _How(mode, align_corners, antialias)
    sizes, batch = x.shape[-d - 1 : -1], x.shape[: -d - 1]
    size = tuple(map(int, size))
    rows = x.reshape(prod(batch), *sizes, x.shape[-1])
    if mode.startswith("nearest"):
        y = _resized(sizes, size, how)(rows)
    else:
        _check.floating("interpolate", x=x)
        y = _numerics.narrow(_resized(sizes, size, how)(_numerics.wide(rows)), x)
    return y.reshape(*batch, *size, x.shape[-1])


def _rank(x, size: Sequence[int]) -> int:
    d, shape = len(size), jnp.shape(x)
    full = len(shape) > d and prod(shape[-d - 1 : -1])
    if d not in (1, 2, 3) or not full or min(size) < 1:
        must = (
            "size must have 1, 2 or 3 numbers >= 1, "
            "and x be (*batch, *as many spatial axes, c), not empty"
        )
        _check.fail("interpolate", must, f"size={tuple(size)}, x.shape={shape}")
    return d


class _How(NamedTuple):
    """Which weights; hashable."""

    mode: str
    align_corners: bool
    antialias: bool


class _Taps(NamedTuple):
    """The rows of a sparse matrix: which columns, with which weights, (rows, taps)."""

    index: np.ndarray
    weight: np.ndarray


@cache  # one function a resizing, so that eager calls compile once
def _resized(sizes: tuple[int, ...], size: tuple[int, ...], how: _How) -> Callable:
    """x (n, *sizes, c) -> (n, *size, c)."""
    # What shrinks most goes first: the others have less to do.
    order = sorted(range(len(size)), key=lambda a: size[a] / sizes[a])
    order = [a for a in order if size[a] != sizes[a]]
    matrices = {a: _matrix(sizes[a], size[a], how) for a in order}
    rows = {a: _taps(m) for a, m in matrices.items()}
    columns = {a: _taps(m.T) for a, m in reversed(matrices.items())}

    def plain(x):
        return _along(x, rows)

    def forward(x):
        return _along(x, rows), ()

    def backward(args, residuals, g):
        return (_along(g, columns),)

    return with_backward(plain, forward, backward)


def _along(x, axes: dict[int, _Taps]):
    for axis, taps in axes.items():
        x = _product(x, axis + 1, taps)
    return x


def _product(x, axis: int, taps: _Taps):
    """The matrix of `taps` times x along the axis."""
    if taps.weight.shape[1] == 1 and (taps.weight == 1).all():
        return jnp.take(x, taps.index[:, 0], axis, mode="clip")
    shape = [1] * x.ndim
    shape[axis] = len(taps.index)
    weight = jnp.asarray(taps.weight.T, x.dtype).reshape(-1, *shape)

    def term(index, w):
        seen = jnp.take(x, index, axis, mode="clip")
        return seen * jnp.broadcast_to(w, seen.shape)

    y = term(taps.index[:, 0], weight[0])
    if len(weight) == 1:
        return y
    # A loop: XLA would fuse a sum that is spelled out into whatever reads it, and
    # compute it anew for each tap of the next axis (gradients up to 9 times slower).
    rest = (jnp.asarray(taps.index.T[1:], jnp.int32), weight[1:])
    return lax.scan(lambda y, one: (y + term(*one), None), y, rest)[0]


def _taps(matrix: np.ndarray) -> _Taps:
    """The entries of each row that are not 0; what is too few repeats the first."""
    count = max(int((matrix != 0).sum(1).max(initial=0)), 1)
    index = np.argsort(matrix == 0, axis=1, kind="stable")[:, :count]
    weight = np.take_along_axis(matrix, index, 1)
    return _Taps(np.where(weight == 0, index[:, :1], index), weight)


def _matrix(n: int, m: int, how: _How) -> np.ndarray:
    """The weight of each of n pixels in each of m places, in float64."""
    i = np.arange(m)
    if how.mode == "nearest":
        return np.eye(n)[i * n // m]
    if how.mode == "nearest_exact":
        return np.eye(n)[(2 * i + 1) * n // (2 * m)]
    if how.mode == "area":
        low, high = i * n // m, -(-(i + 1) * n // m)
        return _normalized(_between(n, low, high).astype(float))
    scale = n / m
    if how.align_corners:
        scale = (n - 1) / (m - 1) if m > 1 else 0.0
    if how.antialias:
        return _window(n, scale * (i + 0.5), max(scale, 1.0), how.mode)
    u = scale * i if how.align_corners else scale * (i + 0.5) - 0.5
    if how.mode == "lanczos":
        return _window(n, u + 0.5, 1.0, how.mode)
    return _clamped(n, u, how.mode)


def _between(n: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether low ≤ j < high, for every place and pixel j."""
    j = np.arange(n)
    return (low[:, None] <= j) & (j < high[:, None])


def _normalized(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum(1, keepdims=True)


WINDOWS = {
    "linear": (_kernels.hat, 1),
    "cubic": (_kernels.keys, 2),
    "lanczos": (_kernels.lanczos, 3),
}


def _window(n: int, centre: np.ndarray, stretch: float, mode: str) -> np.ndarray:
    """A widened kernel around each centre (½ in pixel 0), cut off at the edges."""
    kernel, reach = WINDOWS[mode]
    low = np.floor(centre - reach * stretch + 0.5)
    high = np.floor(centre + reach * stretch + 0.5)
    offset = np.arange(n) + 0.5 - centre[:, None]
    seen = _between(n, low, high)
    return _normalized(np.where(seen, kernel(offset / stretch), 0))


def _clamped(n: int, u: np.ndarray, mode: str) -> np.ndarray:
    """The kernel at each place; beyond the edges stand the border pixels."""
    if mode == "linear":
        u = np.maximum(u, 0)
    low = np.floor(u).astype(int)
    t = u - low
    taps = {0: 1 - t, 1: t}
    if mode == "cubic":
        taps = dict(enumerate(_kernels.cubic(t), -1))
    matrix, rows = np.zeros((len(u), n)), np.arange(len(u))
    for k, w in taps.items():
        np.add.at(matrix, (rows, np.clip(low + k, 0, n - 1)), w)
    return matrix

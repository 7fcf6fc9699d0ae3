"""Read an image at any places: a grid of coordinates, and what stands there.

A coordinate runs from −1 to 1, the last spatial axis first (x, y, z). With
`align_corners` −1 and 1 are the centres of the corner pixels, otherwise their outer
edges. The same numbers as torch's `affine_grid` and `grid_sample`.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from assay import _check, _numerics
from assay.images import _kernels
from assay.typing import Array, Float, Scalar

MODES = ("nearest", "linear", "cubic")
PADDING_MODES = ("zeros", "border", "reflection")


def affine_grid(
    theta: Float[Array, "*batch d e"],
    size: Sequence[int],
    *,
    align_corners: bool = False,
) -> Float[Array, "*batch_and_size d"]:
    """g[p] = A·p + b at every pixel p of an image of `size`, where theta = [A | b].

    `size` has d = 1, 2 or 3 numbers, (h, w) for images; `grid_sample` reads the grid.

    >>> affine_grid(jnp.eye(2, 3), (1, 2))[0].tolist()
    [[-0.5, 0.0], [0.5, 0.0]]

    Jaderberg et al. 2015, Spatial transformer networks, arXiv:1506.02025.
    """
    _check.floating("affine_grid", theta=theta)
    d = len(size)
    if d not in (1, 2, 3) or jnp.shape(theta)[-2:] != (d, d + 1):
        must = "theta must be (*batch, d, d + 1) for a size of d = 1, 2 or 3 numbers"
        got = f"theta.shape={jnp.shape(theta)}, size={tuple(size)}"
        _check.fail("affine_grid", must, got)
    wide = _numerics.wide(theta)
    places = [_centres(n, align_corners) for n in reversed(tuple(size))]
    at = [jnp.asarray(a, wide.dtype) for a in places]
    g = jnp.stack([_affine(wide[..., i, :], at) for i in range(d)], -1)
    return _numerics.narrow(g, theta)


def _centres(n: int, align_corners: bool) -> np.ndarray:
    """The coordinates of n pixels; 0 of a lone one."""
    if align_corners:
        return np.linspace(-1.0, 1.0, n) if n > 1 else np.zeros(n)
    return (2 * np.arange(n) + 1) / max(n, 1) - 1


def _affine(row, at: list):
    """Σⱼ row[…, j] · at[j] + row[…, d] over the outer product of the places."""
    space = tuple(range(-len(at), 0))
    shape = (*row.shape[:-1], *(len(a) for a in reversed(at)))

    def spread(values, axes):
        return jnp.broadcast_to(jnp.expand_dims(values, axes), shape)

    y = spread(row[..., -1], space)
    for j, places in enumerate(at):
        others = tuple(a for a in range(-len(shape), 0) if a != -1 - j)
        y = y + spread(row[..., j], space) * spread(places, others)
    return y


def grid_sample(
    x: Float[Array, "*batch_and_space c"],
    grid: Float[Array, "*batch_and_out d"],
    *,
    mode: str = "linear",
    padding_mode: str = "zeros",
    align_corners: bool = False,
) -> Float[Array, "*batch_and_out c"]:
    """y[p] = Σₖ w(u[p] − k) · x[k], u = ((grid + 1)·size − 1) / 2 in pixels.

    `mode` names w: "nearest" (ties to the even pixel), "linear" or "cubic" (Keys's
    spline with a = −0.75). Outside the image are `padding_mode` "zeros", the "border"
    pixels, or its "reflection". With `align_corners` u = (grid + 1)·(size − 1) / 2.
    x and grid have the same batch axes; a coordinate that is NaN gives NaN.

    >>> image = jnp.array([[[1.0], [3.0]]])
    >>> grid_sample(image, jnp.array([[[0.0, 0.0], [0.5, 0.0], [2.0, 0.0]]])).ravel()
    Array([2., 3., 0.], dtype=float32)

    Jaderberg et al. 2015, Spatial transformer networks, arXiv:1506.02025.
    """
    _check.choice("grid_sample", "mode", mode, MODES)
    _check.choice("grid_sample", "padding_mode", padding_mode, PADDING_MODES)
    d = _rank(x, grid)
    batch, sizes = prod(x.shape[: -d - 1]), x.shape[-d - 1 : -1]
    pixels = _numerics.wide(x).reshape(batch, prod(sizes), x.shape[-1])
    places = prod(grid.shape[-d - 1 : -1])
    at = jnp.asarray(grid).astype(pixels.dtype).reshape(batch, places, d)
    axes = [_Axis(n, padding_mode, align_corners) for n in sizes]
    taps = [TAPS[mode](axis, at[..., -1 - i]) for i, axis in enumerate(axes)]
    y = _summed(pixels, axes, taps).reshape(*grid.shape[:-1], x.shape[-1])
    return _numerics.narrow(y, x)


def _rank(x, grid) -> int:
    """How many spatial axes the grid speaks of, when it and x fit together."""
    _check.floating("grid_sample", x=x, grid=grid)
    d = grid.shape[-1] if grid.ndim else 0
    same = x.ndim == grid.ndim > d and x.shape[: -d - 1] == grid.shape[: -d - 1]
    if d not in (1, 2, 3) or not same or not prod(x.shape[-d - 1 : -1]):
        must = (
            "x must be (*batch, *spatial, c), not empty, and grid (*batch, *out, d) "
            "of the same batch, with d = 1, 2 or 3 axes for spatial and out"
        )
        _check.fail("grid_sample", must, f"x.shape={x.shape}, grid.shape={grid.shape}")
    return d


class _Axis(NamedTuple):
    """One spatial axis: how coordinates become pixels, and what is outside."""

    size: int
    padding_mode: str
    align_corners: bool

    def pixel(self, g):
        """The place in pixels, 0 … size − 1 inside."""
        if self.align_corners:
            return (g + 1) / 2 * (self.size - 1)
        return ((g + 1) * self.size - 1) / 2

    def inside(self, u):
        """u where its value is found; zeros begin one pixel outside."""
        if self.padding_mode == "zeros":
            return _between(u, -1, self.size)
        if self.padding_mode == "reflection":
            u = self._reflected(u)
        return _between(u, 0, self.size - 1)

    def _reflected(self, u):
        """u folded at the corners' centres, or at their outer edges."""
        low, span = (0.0, self.size - 1) if self.align_corners else (-0.5, self.size)
        if not span:
            return jnp.zeros_like(u)
        r = u - low
        # A remainder is exact, however far u is; a count of the flips is rounded.
        r = lax.rem(jnp.where(r < 0, -r, r), jnp.full_like(r, 2 * span))
        return jnp.where(r > span, 2 * span - r, r) + low


def _between(u, low: Scalar, high: Scalar):
    """u, or the limit that it passes, where it no longer moves."""
    # Not jnp.clip, whose slope at a limit is not torch's 0.
    return jnp.where(u <= low, low, jnp.where(u >= high, high, u))


def _nearest(axis: _Axis, g):
    """The pixels that each place sees, and their weights, (n, places, taps)."""
    u = axis.inside(axis.pixel(g))[..., None]
    return jnp.round(u), jnp.where(jnp.isnan(u), u, 1)


def _linear(axis: _Axis, g):
    u = axis.inside(axis.pixel(g))
    low = jnp.floor(u)
    return jnp.stack([low, low + 1], -1), jnp.stack([low + 1 - u, u - low], -1)


def _cubic(axis: _Axis, g):
    u = axis.pixel(g)
    if axis.padding_mode != "reflection":  # further out the same, up to infinity
        u = _between(u, -2, axis.size + 1)
    low = jnp.floor(u)
    at = jnp.stack([low + k for k in (-1, 0, 1, 2)], -1)
    return axis.inside(at), jnp.stack(_kernels.cubic(u - low), -1)


TAPS = {"nearest": _nearest, "linear": _linear, "cubic": _cubic}


def _summed(pixels, axes: list[_Axis], taps: list):
    """Σ weight · pixel over the outer product of the axes' taps, one by one."""
    index, weight, there = 0, jnp.ones((), pixels.dtype), jnp.array(True)
    for axis, (u, w) in zip(axes, taps, strict=True):
        known = jnp.clip(jnp.nan_to_num(u), 0, axis.size - 1).astype(jnp.int32)
        index = _outer(jnp.add, index * axis.size, known)
        weight = _outer(jnp.multiply, weight, w)
        inside = (u >= 0) & (u <= axis.size - 1) | jnp.isnan(u)
        there = _outer(jnp.logical_and, there, inside)

    def term(index, weight, there):
        # Each index has been clipped above.
        read = lambda p, i: p.at[i].get(mode="promise_in_bounds")  # noqa: E731
        seen = jax.vmap(read)(pixels, index)
        # Not weight 0 outside: 0 · ∞ is not asked there.
        return jnp.where(there[..., None], seen, 0) * weight[..., None]

    # A loop: on CPU one gather of all taps takes 1.2 to 17 times as long, and the
    # gradient by the pixels of a sum that is spelled out 2 to 16 times.
    each = [jnp.moveaxis(a, -1, 0) for a in (index, weight, there)]
    y, rest = term(*(a[0] for a in each)), tuple(a[1:] for a in each)
    if not len(rest[0]):
        return y
    return lax.scan(lambda y, one: (y + term(*one), None), y, rest)[0]


def _outer(combine: Callable, a, b):
    """(n, p, i) and (n, p, j) to (n, p, i·j), row-major; a number is left out."""
    if jnp.ndim(a) == 0:
        return combine(a, b)
    shape = (*b.shape[:-1], a.shape[-1], b.shape[-1])
    a, b = (jnp.broadcast_to(c, shape) for c in (a[..., None], b[..., None, :]))
    return combine(a, b).reshape(*shape[:-2], shape[-2] * shape[-1])

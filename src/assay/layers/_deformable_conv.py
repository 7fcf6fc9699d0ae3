"""Deformable convolution: every tap of the window looks where an offset sends it."""

from functools import partial
from itertools import product
from math import prod
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from assay import _check, _geometry
from assay.layers import _fitting, _precision
from assay.layers._conv_forms import _shared
from assay.typing import Array, Float

WHO = "deformable_conv"


class Deformation(NamedTuple):
    """What moves the taps of a window, and weighs them."""

    offsets: Float[Array, "*batch_and_out taps d"]  # in pixels, rows first
    mask: Float[Array, "*batch_and_out taps"] | None = None  # of the second version


def deformable_conv(
    x: Float[Array, "*batch_and_space c"],
    kernel: Float[Array, "*window i o"],
    deformation: Deformation,
    *,
    strides: _geometry.PerAxis = 1,
    padding: _geometry.Padding = "VALID",
    dilation: _geometry.PerAxis = 1,
) -> Float[Array, "*batch_and_space_out o"]:
    """y[t, o] = Σₖ Σᵢ x(s·t + d·k + offsets[t, k], i) · mask[t, k] · kernel[k, i, o].

    x(u) is linear between the pixels, and 0 outside. offsets is (*batch, *out, groups ·
    taps, d), the taps row by row, an offset along each of the d axes, rows first; mask
    is the same but for the last axis. The groups, slow, share the channels evenly; with
    i = c / groups inputs the kernel has groups too, as in `grouped_conv`. A bias is
    added after. At a whole pixel the derivative is that from the right.

    torchvision's deform_conv2d(x, offset, kernel, mask=mask) holds the axes of offset
    as (batch, groups · taps · 2, h, w): `jnp.moveaxis(offset, 1, -1)`, and the last
    axis as (…, 2), is ours; `jnp.moveaxis(mask, 1, -1)` our mask.

    >>> x, kernel = jnp.array([[0.0], [10.0], [20.0]]), jnp.ones((1, 1, 1))
    >>> offsets = jnp.array([0.5, -0.25, 0.5]).reshape(3, 1, 1)
    >>> deformable_conv(x, kernel, Deformation(offsets))[:, 0].tolist()
    [5.0, 7.5, 10.0]

    Dai et al. 2017, arXiv:1703.06211; Zhu et al. 2019, arXiv:1811.11168.
    """
    rank = _fitting.kernel_rank(WHO, x, kernel)
    _fitting.groups(WHO, x, kernel)
    batch, sizes, c = x.shape[: -rank - 1], x.shape[-rank - 1 : -1], x.shape[-1]
    w = _geometry.window(
        WHO,
        sizes,
        kernel.shape[:-2],
        strides=strides,
        padding=padding,
        dilation=dilation,
    )
    out = _geometry.output_sizes(WHO, sizes, w)
    groups = _groups(x, w, (*batch, *out), deformation)
    dtype = jnp.result_type(x)
    wide = partial(jnp.asarray, dtype=_precision.wide(dtype))
    rows = wide(x).reshape(prod(batch), prod(sizes) * groups, c // groups)
    weights = wide(kernel).reshape(w.taps(), *kernel.shape[-2:])
    u, mask = _moved(w, out, [rows.shape[0], prod(out), groups], deformation, wide)
    y = _over_taps(sizes, rows, (u, mask, weights))
    return y.reshape(*batch, *out, kernel.shape[-1]).astype(dtype)


def _groups(x, w: _geometry.Window, places, deformation) -> int:
    """How many groups of channels have offsets of their own, if all fits together."""
    if not isinstance(deformation, tuple):
        must, got = "deformation must be Deformation(offsets, mask)", type(deformation)
        _check.fail(WHO, must, got.__name__, kind=TypeError)
    offsets, mask = deformation
    c, d = x.shape[-1], len(w.size)
    if not prod(x.shape[-d - 1 : -1]):
        _check.fail(WHO, "x must have at least one place", f"x.shape={x.shape}")
    _check.floating(WHO, offsets=offsets)
    shape, taps = jnp.shape(offsets), w.taps()
    groups = shape[-2] // taps if len(shape) > 1 else 0
    if shape != (*places, groups * taps, d) or not groups or c % groups:
        must = f"offsets must be (*{places}, groups · {taps}, {d}), groups dividing {c}"
        _check.fail(WHO, must, f"offsets.shape={shape}")
    if mask is not None and jnp.shape(mask) != shape[:-1]:
        must = f"mask must have the shape {shape[:-1]}, one number for each offset"
        _check.fail(WHO, must, f"mask.shape={jnp.shape(mask)}")
    return groups


def _moved(w: _geometry.Window, out, sizes: list[int], deformation, wide):
    """(taps, n, places, groups, d): where each tap looks, in pixels; and the mask."""
    d = len(out)
    low = [pair[0] for pair in w.pads]
    start = np.indices(out).reshape(d, -1).T * w.strides - low
    step = np.indices(w.size).reshape(d, -1).T * w.dilation
    regular = wide((step[:, None] + start)[:, None, :, None])
    offsets, mask = deformation
    offsets = jnp.moveaxis(wide(offsets).reshape(*sizes, w.taps(), d), -2, 0)
    if mask is not None:
        mask = jnp.moveaxis(wide(mask).reshape(*sizes, w.taps()), -1, 0)
    return offsets + jnp.broadcast_to(regular, offsets.shape), mask


def _over_taps(sizes, rows, taps):
    """Σ of every tap's share of y: a loop, so that nothing holds what all taps see.

    Its reverse pass reads the pixels once more: on CPU 1.4 to 2.3 times as fast as to
    keep them.
    """
    arrays = [rows, *(a for a in taps if a is not None)]
    zero = _shared.total(_shared.zeros((), a) for a in arrays)
    y = jnp.broadcast_to(zero, (*taps[0].shape[1:3], taps[-1].shape[-1]))
    tap = jax.checkpoint(partial(_tap, sizes, rows))
    return lax.scan(lambda y, one: (y + tap(*one), None), y, taps)[0]


def _tap(sizes, rows, u, mask, kernel):
    """One tap's share of y: what it sees, times its weights."""
    n, places, groups, _ = u.shape
    seen = _between_pixels(sizes, rows, u)
    if mask is not None:
        seen = seen * jnp.broadcast_to(mask[..., None], seen.shape)
    i, o = kernel.shape
    parts = groups * seen.shape[-1] // i
    seen, kernel = (
        seen.reshape(n, places, parts, i),
        kernel.reshape(i, parts, o // parts),
    )
    return jnp.einsum("npgi,igo->npgo", seen, kernel).reshape(n, places, o)


def _between_pixels(sizes, rows, u):
    """x at the places u (n, places, groups, d), linear between pixels and 0 outside."""
    # Further out than a pixel all is 0, and an index must not overflow.
    u = jnp.where(u <= -1, -1, u)
    end = jnp.broadcast_to(jnp.asarray(sizes, u.dtype), u.shape)
    u = jnp.where(u >= end, end, u)
    low, parts = jnp.floor(u), []
    for corner in product((0, 1), repeat=len(sizes)):
        index, weight, inside = 0, jnp.ones((), u.dtype), jnp.array(True)
        for axis, (n, above) in enumerate(zip(sizes, corner, strict=True)):
            at, share = low[..., axis] + above, u[..., axis] - low[..., axis]
            pixel = jnp.clip(jnp.nan_to_num(at), 0, n - 1).astype(jnp.int32)
            index = index * n + pixel
            weight = weight * (share if above else 1 - share)
            inside &= (at >= 0) & (at < n) | jnp.isnan(at)
        parts.append(_read(rows, index, inside) * weight[..., None])
    return _shared.total(parts)


def _read(rows, index, inside):
    """The channels of each group at its pixel, (n, places, groups, channels)."""
    groups = index.shape[-1]
    group = jnp.arange(groups, dtype=index.dtype)
    index = index * groups + jnp.broadcast_to(group, index.shape)
    read = lambda row, at: row.at[at].get(mode="promise_in_bounds")  # noqa: E731
    # Not a weight of 0 outside: 0 · ∞ is not asked there.
    return jnp.where(inside[..., None], jax.vmap(read)(rows, index), 0)

"""Rotary positions: pairs of features that turn with the place of their token."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from assay import _check
from assay.layers._precision import wide
from assay.typing import Array, Float, Int, Num

Frequencies = Float[np.ndarray | Array, " pairs"] | Sequence[float]


def rotary_angles(
    positions: Num[Array, "..."], frequencies: Frequencies
) -> Float[Array, "... pairs"]:
    """positions · ω, as an angle in [−π, π].

    For whole positions and known frequencies in float64 (those of `rotary_frequencies`)
    the turns are counted in whole numbers: within 5e-7 of the true angle at any
    position that 32 bits hold, where a product in float32 is 5e-3 off at 1e5. Other
    positions, and frequencies that are traced or learned, are multiplied.

    >>> from assay.layers import rotary_frequencies
    >>> rotary_angles(jnp.array([0, 1]), rotary_frequencies(4)).round(3).tolist()
    [[0.0, 0.0], [1.0, 0.01...]]

    Su et al. 2021, arXiv:2104.09864.
    """
    known = not isinstance(frequencies, jax.Array)
    omega = np.asarray(frequencies, np.float64) if known else frequencies
    if omega.ndim != 1:
        must = "frequencies must have one axis, the pairs"
        _check.fail("rotary_angles", must, f"frequencies.shape={omega.shape}")
    positions = jnp.asarray(positions)
    shape = (*positions.shape, omega.size)
    where = jnp.broadcast_to(positions[..., None], shape)
    whole = jnp.issubdtype(positions.dtype, jnp.integer)
    dtype = wide(jnp.result_type(omega if whole else positions))
    if isinstance(omega, np.ndarray) and whole and dtype == jnp.float32:
        return _counted(where, omega)
    angle = where.astype(dtype) * jnp.broadcast_to(jnp.asarray(omega, dtype), shape)
    turn = 2 * math.pi
    return angle - turn * jnp.round(angle / turn) if known and whole else angle


def rotary_axes(
    positions: Num[Array, "... axes"], frequencies: Frequencies
) -> Float[Array, "... angles"]:
    """`rotary_angles` of every axis side by side: (row, column) of a patch, say.

    >>> from assay.layers import rotary_frequencies
    >>> places = jnp.array([[0, 0], [0, 1], [1, 0]])
    >>> rotary_axes(places, rotary_frequencies(2)).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]

    Heo et al. 2024, arXiv:2403.13298.
    """
    _check.rank_at_least("rotary_axes", "positions", positions, 1, "(*places, axes)")
    angles = rotary_angles(positions, frequencies)
    return jnp.reshape(angles, (*angles.shape[:-2], math.prod(angles.shape[-2:])))


def grid_positions(shape: tuple[int, ...]) -> Int[Array, "places axes"]:
    """The indices of every place of a grid, the last axis fastest.

    >>> grid_positions((2, 2)).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    places = np.indices(shape, np.int32).reshape(len(shape), -1).T
    return jnp.asarray(np.ascontiguousarray(places))


def rotary_halves(
    x: Float[Array, "*batch t n h"], angles: Float[Array, "... t pairs"]
) -> Float[Array, "*batch t n h"]:
    """(x₁ cos φ − x₂ sin φ, x₂ cos φ + x₁ sin φ), x₁ and x₂ the halves of what turns.

    GPT-NeoX's and Llama's layout: feature i pairs with feature i + pairs. `angles` of
    fewer pairs than half a head turn its first 2 · pairs features alone.

    >>> x = jnp.array([[[1.0, 2.0, 0.0, 0.0]]])
    >>> rotary_halves(x, jnp.array([[0.0, jnp.pi / 2]])).round(3).tolist()
    [[[1.0, -0.0, 0.0, 2.0]]]

    Black et al. 2022, arXiv:2204.06745.
    """
    x, cos, sin = _ready("rotary_halves", x, angles)
    pairs = cos.shape[-1]
    z = x.astype(cos.dtype)
    one, two, rest = z[..., :pairs], z[..., pairs : 2 * pairs], x[..., 2 * pairs :]
    turned = one * cos - two * sin, two * cos + one * sin
    return jnp.concatenate([*(y.astype(x.dtype) for y in turned), rest], axis=-1)


def rotary_interleaved(
    x: Float[Array, "*batch t n h"], angles: Float[Array, "... t pairs"]
) -> Float[Array, "*batch t n h"]:
    """(x₁ cos φ − x₂ sin φ, x₂ cos φ + x₁ sin φ), x₁ x₂ beside one another.

    RoFormer's and GPT-J's layout: feature 2i pairs with feature 2i + 1. `angles` of
    fewer pairs than half a head turn its first 2 · pairs features alone.

    >>> x = jnp.array([[[1.0, 0.0, 2.0, 0.0]]])
    >>> rotary_interleaved(x, jnp.array([[0.0, jnp.pi / 2]])).round(3).tolist()
    [[[1.0, 0.0, -0.0, 2.0]]]

    Su et al. 2021, arXiv:2104.09864.
    """
    x, cos, sin = _ready("rotary_interleaved", x, angles)
    pairs = cos.shape[-1]
    z = jnp.reshape(x[..., : 2 * pairs], (*cos.shape, 2)).astype(cos.dtype)
    one, two = z[..., 0], z[..., 1]
    turned = jnp.stack([one * cos - two * sin, two * cos + one * sin], axis=-1)
    turned = jnp.reshape(turned, (*x.shape[:-1], 2 * pairs)).astype(x.dtype)
    return jnp.concatenate([turned, x[..., 2 * pairs :]], axis=-1)


def _ready(who: str, x: Array, angles: Array) -> tuple[Array, Array, Array]:
    """(x, cos, sin), the latter laid over the heads of x, in what is computed in."""
    _check.rank_at_least(who, "x", x, 3, "(*batch, time, heads, size)")
    x, angles = jnp.asarray(x), jnp.asarray(angles)
    pairs, batch = angles.shape[-1], x.shape[:-3]
    fits = angles.shape[:-1] in ((x.shape[-3],), (*batch, x.shape[-3]))
    if not fits or 2 * pairs > x.shape[-1]:
        must = "angles must be (time, pairs) or (*batch, time, pairs), 2·pairs ≤ size"
        _check.fail(who, must, f"angles.shape={angles.shape}, x.shape={x.shape}")
    shape = (*x.shape[:-1], pairs)
    angles = angles.astype(wide(x.dtype))

    def laid(y: Array) -> Array:
        y = jnp.reshape(y, (*(1,) * (x.ndim - 1 - y.ndim), *y.shape))
        return jnp.broadcast_to(y[..., None, :], shape)

    return x, laid(jnp.cos(angles)), laid(jnp.sin(angles))


def _counted(positions: Array, frequencies: np.ndarray) -> Array:
    """The angle from the fraction of a turn, in units of 2⁻³² turn.

    Whole numbers wrap as turns do: |position| · 64 bits of the frequency in turns,
    modulo one turn, without a rounding that grows with the position.
    """
    turns = np.mod(np.asarray(frequencies, np.float64) / (2 * math.pi), 1.0)
    high = np.floor(turns * 2.0**32)
    low = np.floor((turns * 2.0**32 - high) * 2.0**32)
    high, low = high.astype(np.uint32), low.astype(np.uint32)
    size = jnp.abs(positions.astype(jnp.int32)).astype(jnp.uint32)
    fraction = size * jnp.broadcast_to(high, size.shape) + _high_word(size, low)
    # As a signed number the fraction is in [-1/2, 1/2): small angles stay accurate.
    signed = jax.lax.bitcast_convert_type(fraction, jnp.int32).astype(jnp.float32)
    angle = signed * np.float32(2 * math.pi / 2.0**32)
    return jnp.where(positions < 0, -angle, angle)


def _high_word(a: Array, b: np.ndarray) -> Array:
    """⌊a · b / 2³²⌋ of unsigned numbers, up to 2 less."""
    a0, a1 = a & np.uint32(0xFFFF), a >> np.uint32(16)
    b0, b1 = (
        jnp.broadcast_to(half, a.shape) for half in (b & np.uint32(0xFFFF), b >> 16)
    )
    sixteen = np.uint32(16)
    return a1 * b1 + ((a1 * b0) >> sixteen) + ((a0 * b1) >> sixteen)

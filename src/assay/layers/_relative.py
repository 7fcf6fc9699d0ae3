"""Relative positions: what attention adds for how far a key is from its query.

Each bias is (heads, t, s), for the `bias` of `dot_product_attention`; positions are
handed in, so that a part of a sequence (a cache, a chunk) has its own.
"""

import math

import jax.numpy as jnp
import numpy as np

from assay import _check
from assay.layers._embedding import embedding
from assay.layers._precision import wide
from assay.typing import Array, Float, Int


def alibi_slopes(heads: int) -> Float[Array, " heads"]:
    """2^(−8i/n) for i = 1 … n, n heads.

    If n is no power of 2: those of the power below it, and then every other one of the
    power above, as the authors' code has it.

    >>> alibi_slopes(3).tolist()
    [0.0625, 0.00390625, 0.25]

    Press et al. 2021, arXiv:2108.12409.
    """
    if heads < 1:
        _check.fail("alibi_slopes", "heads must be at least 1", heads)
    below = 2 ** int(math.log2(heads))
    slopes = 2.0 ** (-8 * np.arange(1, below + 1) / below)
    between = 2.0 ** (-8 * np.arange(1, 2 * below, 2) / (2 * below))
    slopes = np.concatenate([slopes, between[: heads - below]])
    return jnp.asarray(slopes, jnp.float32)


def alibi_bias(
    slopes: Float[Array, " n"],
    positions: Int[Array, " t"],
    key_positions: Int[Array, " s"] | None = None,
) -> Float[Array, "n t s"]:
    """−slopeₙ · |position − key position|.

    >>> alibi_bias(alibi_slopes(1), jnp.arange(2)).tolist()
    [[[-0.0, -0.00390625], [-0.00390625, -0.0]]]

    Press et al. 2021, arXiv:2108.12409.
    """
    _check.floating("alibi_bias", slopes=slopes)
    far = jnp.abs(_offsets("alibi_bias", positions, key_positions))
    slopes = jnp.asarray(slopes)
    shape = (slopes.shape[0], *far.shape)
    dtype = wide(slopes.dtype)
    far = jnp.broadcast_to(far, shape).astype(dtype)
    down = -jnp.broadcast_to(slopes[:, None, None], shape).astype(dtype)
    return (down * far).astype(slopes.dtype)


def relative_buckets(
    offsets: Int[Array, "..."],
    *,
    buckets: int = 32,
    max_distance: int = 128,
    bidirectional: bool = True,
) -> Int[Array, "..."]:
    """T5's bucket of each key position − position: exact when near, by logarithm far.

    Half of the buckets are for keys behind the query, if `bidirectional`; otherwise
    those are bucket 0. Of the rest half hold one distance each, and the others divide
    the logarithm up to `max_distance` evenly; what is farther is in the last.

    >>> relative_buckets(jnp.array([-200, -9, -3, 0, 3])).tolist()
    [15, 8, 3, 0, 19]

    Raffel et al. 2019, arXiv:1910.10683, and its code.
    """
    who = "relative_buckets"
    _check.integer(who, offsets=offsets)
    one_side = buckets // 2 if bidirectional else buckets
    near = one_side // 2
    if near < 1 or max_distance <= near:
        must = f"buckets must be at least {4 if bidirectional else 2}, and max_distance"
        got = f"buckets={buckets}, max_distance={max_distance}"
        _check.fail(who, f"{must} above those that hold one distance, {near}", got)
    offsets = jnp.asarray(offsets).astype(jnp.int32)
    far = jnp.abs(offsets) if bidirectional else jnp.maximum(-offsets, 0)
    starts = _starts(one_side, near, max_distance)
    bucket = jnp.searchsorted(starts, far, side="right", method="compare_all").astype(
        jnp.int32
    )
    behind = one_side * (offsets > 0).astype(jnp.int32) if bidirectional else 0
    return bucket + behind


def relative_bias(
    table: Float[Array, "buckets n"],
    positions: Int[Array, " t"],
    key_positions: Int[Array, " s"] | None = None,
    *,
    max_distance: int = 128,
    bidirectional: bool = True,
) -> Float[Array, "n t s"]:
    """table[bucket(key position − position)], one number a head: T5's bias.

    T5 adds it to logits that it does not scale: `dot_product_attention(scale=1.0)`.

    >>> relative_bias(jnp.arange(4.0)[:, None], jnp.arange(3)).tolist()
    [[[0.0, 3.0, 3.0], [1.0, 0.0, 3.0], [1.0, 1.0, 0.0]]]

    Raffel et al. 2019, arXiv:1910.10683.
    """
    offsets = _offsets("relative_bias", positions, key_positions)
    ids = relative_buckets(
        offsets,
        buckets=jnp.shape(table)[0],
        max_distance=max_distance,
        bidirectional=bidirectional,
    )
    return jnp.moveaxis(embedding(ids, table), -1, 0)


def _starts(one_side: int, near: int, max_distance: int) -> np.ndarray:
    """The least distance of every bucket but the first, for one side.

    Bucket near + k starts where k = log(distance/near)/log(max_distance/near) · rest.
    """
    rest = one_side - near
    ratio = max_distance / near
    powers = near * ratio ** (np.arange(rest, dtype=np.float64) / rest)
    # A power that is a whole number belongs to the bucket that it starts.
    far = np.ceil(powers - 1e-9 * powers)
    return np.concatenate([np.arange(1, near), far]).astype(np.int32)


def _offsets(who: str, positions: Array, key_positions: Array | None) -> Array:
    """key position − position, (t, s)."""
    key_positions = positions if key_positions is None else key_positions
    _check.integer(who, positions=positions, key_positions=key_positions)
    t, s = jnp.asarray(positions), jnp.asarray(key_positions)
    if t.ndim != 1 or s.ndim != 1:
        must = "positions and key_positions must have one axis"
        _check.fail(who, must, f"{t.shape} and {s.shape}", "vmap over others.")
    shape = (t.shape[0], s.shape[0])
    rows = jnp.broadcast_to(t[:, None], shape)
    return jnp.broadcast_to(s, shape) - rows.astype(s.dtype)

"""Absolute positions: sines and cosines of the place, and learned tables."""

import jax.numpy as jnp
import numpy as np

from assay import _check
from assay.layers._embedding import embedding
from assay.layers._precision import wide
from assay.layers._rotary import rotary_angles
from assay.layers._rotary_frequencies import rotary_frequencies
from assay.typing import Array, Float, Int, Num


def sinusoidal(
    positions: Num[Array, "..."], size: int, *, theta: float = 10000.0
) -> Float[Array, "... size"]:
    """(sin ω₀p, cos ω₀p, sin ω₁p, cos ω₁p, …), ωᵢ = θ^(−2i/size).

    Accurate at any whole position (`rotary_angles`), 1e6 and more.

    >>> sinusoidal(jnp.array([0, 1]), 4).round(3).tolist()
    [[0.0, 1.0, 0.0, 1.0], [0.841..., 0.54..., 0.01..., 1.0]]

    Vaswani et al. 2017, arXiv:1706.03762, section 3.5.
    """
    angles = _angles("sinusoidal", positions, size, theta)
    both = jnp.stack([jnp.sin(angles), jnp.cos(angles)], axis=-1)
    return jnp.reshape(both, (*angles.shape[:-1], size))


def sinusoidal_halves(
    positions: Num[Array, "..."], size: int, *, theta: float = 10000.0
) -> Float[Array, "... size"]:
    """(sin ω₀p, sin ω₁p, …, cos ω₀p, cos ω₁p, …), ωᵢ = θ^(−2i/size).

    The same numbers as `sinusoidal`, sines before cosines: also the embedding of time
    in diffusion models.

    >>> sinusoidal_halves(jnp.array([0, 1]), 4).round(3).tolist()
    [[0.0, 0.0, 1.0, 1.0], [0.841..., 0.01..., 0.54..., 1.0]]

    Vaswani et al. 2017 in tensor2tensor's layout; Ho et al. 2020, arXiv:2006.11239.
    """
    angles = _angles("sinusoidal_halves", positions, size, theta)
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)


def sinusoidal_2d(
    height: int, width: int, size: int, *, theta: float = 10000.0, last: bool = False
) -> Float[Array, "height width size"]:
    """(sin ωx, cos ωx, sin ωy, cos ωy) at column x and row y of an image's patches.

    ωᵢ = θ^(−4i/size) for i = 0 … size/4 − 1, as MAE has it; with `last` ωᵢ =
    θ^(−i/(size/4 − 1)), which ends in 1/θ, as the plain ViT of big_vision has it.

    >>> sinusoidal_2d(1, 2, 4).round(3).tolist()
    [[[0.0, 1.0, 0.0, 1.0], [0.841..., 0.54..., 0.0, 1.0]]]

    He et al. 2021, arXiv:2111.06377; Beyer et al. 2022, arXiv:2205.01580.
    """
    if size < 4 or size % 4 or (last and size < 8):
        must = f"size must be a multiple of 4, at least {8 if last else 4}"
        _check.fail("sinusoidal_2d", must, size)
    steps = np.arange(size // 4, dtype=np.float64) / (size // 4 - bool(last))
    rows, columns = (
        rotary_angles(jnp.arange(n, dtype=jnp.int32), float(theta) ** -steps)
        for n in (height, width)
    )
    shape = (height, width, size // 4)
    waves = [jnp.broadcast_to(f(columns), shape) for f in (jnp.sin, jnp.cos)]
    waves += [jnp.broadcast_to(f(rows)[:, None], shape) for f in (jnp.sin, jnp.cos)]
    return jnp.concatenate(waves, axis=-1)


def learned_positions(
    x: Float[Array, "*batch t d"],
    table: Float[Array, "size d"],
    positions: Int[Array, "..."] | None = None,
) -> Float[Array, "*batch t d"]:
    """x + table[positions], with positions 0 … t − 1 unless they are given.

    A position beyond the table raises ValueError where it is known, and gives NaN where
    it is not, as an `embedding` does.

    >>> table = jnp.array([[1.0, 2.0], [3.0, 4.0]])
    >>> learned_positions(jnp.zeros((2, 2)), table, jnp.array([1, 0])).tolist()
    [[3.0, 4.0], [1.0, 2.0]]

    Gehring et al. 2017, arXiv:1705.03122; GPT and BERT.
    """
    who = "learned_positions"
    _check.rank_at_least(who, "x", x, 2, "(*batch, time, features)")
    _check.floating(who, x=x, table=table)
    x = jnp.asarray(x)
    t, sizes = x.shape[-2], jnp.shape(table)
    if len(sizes) != 2 or sizes[1] != x.shape[-1]:
        must = "table must be (positions, features) with the features of x"
        _check.fail(who, must, f"table.shape={sizes}, x.shape={x.shape}")
    if positions is None:
        if t > sizes[0]:
            must = f"x must have at most {sizes[0]} tokens, the rows of the table"
            _check.fail(who, must, f"x.shape={x.shape}")
        rows = jnp.asarray(table)[:t]
    else:
        rows = embedding(positions, table)
    if rows.shape[:-1] not in ((t,), x.shape[:-1]):
        must = "positions must be (time,) or (*batch, time)"
        _check.fail(who, must, f"positions.shape={rows.shape[:-1]}, x.shape={x.shape}")
    dtype = wide(x.dtype)
    rows = jnp.reshape(rows, (*(1,) * (x.ndim - rows.ndim), *rows.shape))
    y = x.astype(dtype) + jnp.broadcast_to(rows, x.shape).astype(dtype)
    return y.astype(x.dtype)


def factorized_positions(
    rows: Float[Array, "height d"], columns: Float[Array, "width d"]
) -> Float[Array, "height width d"]:
    """rows[y] + columns[x]: a table for every place of an image from two short ones.

    >>> factorized_positions(jnp.array([[1.0], [2.0]]), jnp.array([[10.0], [20.0]]))[1]
    Array([[12.],
           [22.]], dtype=float32)

    Dehghani et al. 2023 (NaViT), arXiv:2307.06304.
    """
    if jnp.ndim(rows) != 2 or jnp.ndim(columns) != 2:
        must = "rows and columns must be (places, features)"
        got = f"rows.shape={jnp.shape(rows)}, columns.shape={jnp.shape(columns)}"
        _check.fail("factorized_positions", must, got)
    _check.same_shape(
        "factorized_positions", **{"rows[0]": rows[0], "columns[0]": columns[0]}
    )
    rows, columns = jnp.asarray(rows), jnp.asarray(columns)
    shape = (rows.shape[0], columns.shape[0], rows.shape[1])
    spread = jnp.broadcast_to(rows[:, None], shape)
    return spread + jnp.broadcast_to(columns, shape)


def _angles(who: str, positions: Array, size: int, theta: float) -> Array:
    """The angle of every frequency at every position."""
    if size < 2 or size % 2:
        _check.fail(who, "size must be even, at least 2", size)
    return rotary_angles(positions, rotary_frequencies(size, theta=theta))

"""Pixels into channels and back, channels among groups: nothing is computed."""

from math import prod

import jax.numpy as jnp

from assay import _check
from assay.typing import Array, Shaped


def pixel_shuffle(
    x: Shaped[Array, "*batch_and_space c"], factor: int, *, spatial: int = 2
) -> Shaped[Array, "*batch_and_space_out o"]:
    """y[r·i + k, o] = x[i, o·rᵈ + k]: channels become r = `factor` times the pixels.

    k runs over the rᵈ places of a block, row by row, fastest along the channels, as
    in torch: the channels are (o, r, r). `spatial` axes d stand before the channels.

    >>> pixel_shuffle(jnp.arange(4).reshape(1, 1, 4), 2)[..., 0]
    Array([[0, 1],
           [2, 3]], dtype=int32)

    Shi et al. 2016, Real-time super-resolution with a sub-pixel CNN, arXiv:1609.05158.
    """
    batch, sizes, c = _laid_out("pixel_shuffle", x, spatial)
    _check_factor("pixel_shuffle", factor)
    if c % factor**spatial:
        must = f"factor ** {spatial} must divide the channels"
        _check.fail("pixel_shuffle", must, f"factor={factor}, x.shape={jnp.shape(x)}")
    o, d = c // factor**spatial, spatial
    x = jnp.reshape(x, (prod(batch), *sizes, o, *[factor] * d))
    pairs = [axis for a in range(d) for axis in (1 + a, 2 + d + a)]
    x = jnp.transpose(x, (0, *pairs, 1 + d))
    return x.reshape(*batch, *(n * factor for n in sizes), o)


def pixel_unshuffle(
    x: Shaped[Array, "*batch_and_space c"], factor: int, *, spatial: int = 2
) -> Shaped[Array, "*batch_and_space_out o"]:
    """y[i, c·rᵈ + k] = x[r·i + k, c]: blocks of r = `factor` pixels become channels.

    The inverse of `pixel_shuffle`; r divides every spatial size.

    >>> pixel_unshuffle(jnp.arange(4).reshape(2, 2, 1), 2)
    Array([[[0, 1, 2, 3]]], dtype=int32)

    Shi et al. 2016, Real-time super-resolution with a sub-pixel CNN, arXiv:1609.05158.
    """
    batch, sizes, c = _laid_out("pixel_unshuffle", x, spatial)
    _check_factor("pixel_unshuffle", factor)
    if any(n % factor for n in sizes):
        got = f"factor={factor}, x.shape={jnp.shape(x)}"
        must = "factor must divide every spatial size"
        _check.fail("pixel_unshuffle", must, got, "Pad or crop x first.")
    out, d = [n // factor for n in sizes], spatial
    blocks = [size for n in out for size in (n, factor)]
    x = jnp.reshape(x, (prod(batch), *blocks, c))
    places, within = range(1, 2 * d, 2), range(2, 2 * d + 1, 2)
    x = jnp.transpose(x, (0, *places, 2 * d + 1, *within))
    return x.reshape(*batch, *out, c * factor**d)


def channel_shuffle(
    x: Shaped[Array, "*batch_and_space c"], groups: int
) -> Shaped[Array, "*batch_and_space c"]:
    """y[…, i·g + j] = x[…, j·(c / g) + i]: the next layer's groups see all of these.

    >>> channel_shuffle(jnp.arange(6), 2).tolist()
    [0, 3, 1, 4, 2, 5]

    Zhang et al. 2018, ShuffleNet, arXiv:1707.01083.
    """
    _check.rank_at_least("channel_shuffle", "x", x, 1, "(*batch, *spatial, channels)")
    *rest, c = jnp.shape(x)
    if groups < 1 or c % groups:
        got = f"groups={groups}, x.shape={jnp.shape(x)}"
        _check.fail("channel_shuffle", "groups must divide the channels", got)
    x = jnp.reshape(x, (*rest, groups, c // groups))
    return jnp.swapaxes(x, -1, -2).reshape(*rest, c)


def _laid_out(who: str, x, spatial: int) -> tuple:
    """(batch sizes, spatial sizes, channels) of x."""
    layout = f"(*batch, {spatial} spatial, channels)"
    _check.rank_at_least(who, "x", x, spatial + 1, layout)
    shape = jnp.shape(x)
    return shape[: -spatial - 1], shape[-spatial - 1 : -1], shape[-1]


def _check_factor(who: str, factor: int) -> None:
    if factor < 1:
        _check.fail(who, "factor must be >= 1", factor)

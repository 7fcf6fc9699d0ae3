"""Dropout of entries, channels, weights and whole examples.

Each drops something with probability `rate` and divides the rest by 1 − rate, so that
E[y] = x: at inference they are not called. `rate` is rounded to 1/65536, and the
factor is that of the rounded rate, so the mean is exact. Rates 0 and 1 are allowed,
and a traced rate is taken as it is; its derivative is 0. What is dropped is 0 and gets
the gradient 0, whatever it held.
"""

from functools import partial

import jax
import jax.numpy as jnp

from assay import _check
from assay._numerics import random_bits
from assay.layers._precision import wide
from assay.typing import Array, DType, Float, Key, Scalar

STEPS = 1 << 16  # the rate is a multiple of 1/65536


def dropout(
    x: Float[Array, "..."],
    *,
    rate: Scalar,
    key: Key,
    broadcast: int | tuple[int, ...] = (),
) -> Float[Array, "..."]:
    """x·m / (1 − rate) with m = 0 with probability `rate`, else 1: E[y] = x.

    `rate` is the probability that a unit is dropped, rounded to 1/65536; the factor
    is that of the rounded rate, so the mean is exact. Rates 0 and 1 are allowed, and
    a traced rate is taken as it is. Entries that differ only along the axes of
    `broadcast` share one m: of a sequence (*batch, time, features), broadcast=-2 drops
    the same features at every step (locked or variational dropout); of a table of
    embeddings, broadcast=-1 drops whole words.

    >>> y = dropout(jnp.ones(1000), rate=0.5, key=jax.random.key(0))
    >>> sorted(set(y.tolist())), 450 < int((y == 0).sum()) < 550
    ([0.0, 2.0], True)
    >>> y = dropout(jnp.ones((3, 8)), rate=0.5, key=jax.random.key(0), broadcast=0)
    >>> bool((y == y[:1]).all())
    True

    Srivastava et al. 2014, jmlr.org/papers/v15/srivastava14a.html; locked: Gal and
    Ghahramani 2016, arXiv:1512.05287.
    """
    shape = _shared("dropout", jnp.shape(x), broadcast)
    return _dropped("dropout", x, rate, key, shape)


def spatial_dropout(
    x: Float[Array, "*batch_and_space c"], *, rate: Scalar, key: Key, spatial: int = 2
) -> Float[Array, "*batch_and_space c"]:
    """x·m / (1 − rate), one m for all places of a channel: whole channels are dropped.

    Neighbours of an image hold nearly the same, so that one dropped entry is known
    from the others. `spatial` axes before the last are the places. This is what
    torch calls dropout1d, dropout2d and dropout3d.

    >>> x = jnp.ones((4, 4, 100))
    >>> y = spatial_dropout(x, rate=0.5, key=jax.random.key(0))
    >>> bool((y == y[:1, :1]).all()), sorted(set(y.ravel().tolist()))
    (True, [0.0, 2.0])

    Tompson et al. 2015, arXiv:1411.4280.
    """
    shape = one_a_channel("spatial_dropout", x, spatial)
    return _dropped("spatial_dropout", x, rate, key, shape)


def drop_connect(
    kernel: Float[Array, "..."], *, rate: Scalar, key: Key
) -> Float[Array, "..."]:
    """W·M / (1 − rate): weights are dropped instead of what they weigh, E = W.

    One M serves all examples of the call; the paper's one M an example is a `vmap`
    over keys. On the recurrent kernel of an LSTM, once a sequence, it is
    weight-dropped LSTM.

    >>> kernel = drop_connect(jnp.ones((30, 40)), rate=0.5, key=jax.random.key(0))
    >>> sorted(set(kernel.ravel().tolist()))
    [0.0, 2.0]

    Wan et al. 2013, proceedings.mlr.press/v28/wan13.html; LSTM: Merity et al. 2018,
    arXiv:1708.02182.
    """
    return _dropped("drop_connect", kernel, rate, key, jnp.shape(kernel))


def drop_path(
    x: Float[Array, "*batch_and_space c"], *, rate: Scalar, key: Key, spatial: int = 2
) -> Float[Array, "*batch_and_space c"]:
    """x·m / (1 − rate), one m an example: stochastic depth of a residual branch.

    An example is the last 1 + `spatial` axes: 2 for images, 1 for sequences, 0 for
    rows. Use it as ``x + drop_path(branch(x), ...)``, with the rate rising from 0 at
    the first block to 0.1 to 0.5 at the last.

    >>> y = drop_path(jnp.ones((100, 3)), rate=0.5, key=jax.random.key(0), spatial=0)
    >>> bool((y[:, 0] == y[:, 1]).all()), sorted(set(y[:, 0].tolist()))
    (True, [0.0, 2.0])

    Huang et al. 2016, arXiv:1603.09382; the factor, which the paper applies at
    inference instead, as in Larsson et al. 2017, arXiv:1605.07648.
    """
    lead = _batch_of("drop_path", x, spatial)
    return _dropped("drop_path", x, rate, key, (*lead, *(1,) * (spatial + 1)))


def one_a_channel(who: str, x: Array, spatial: int) -> tuple[int, ...]:
    """The shape of what all places of a channel share."""
    return (*_batch_of(who, x, spatial), *(1,) * spatial, jnp.shape(x)[-1])


def keep(key: Key, rate: Scalar, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """(which are kept, of how many of the 65536 draws are dropped)."""
    dropped = _threshold(rate)
    return random_bits(key, shape) >> 16 >= dropped, dropped


def _dropped(who: str, x: Array, rate: Scalar, key: Key, shape: tuple) -> Array:
    """x·m / (1 − rate), with m of `shape`, laid over x."""
    _check.floating(who, x=x)
    _check.within(who, "rate", rate, 0, 1)
    x = jnp.asarray(x)
    kept, dropped = keep(key, rate, shape)
    factor = _factor(dropped, wide(x.dtype))
    y = (x.astype(factor.dtype) * factor).astype(x.dtype)
    return pick(kept, y, jnp.zeros((), y.dtype))


# Otherwise a reverse pass holds five bytes an entry: the mask laid over x, and the
# zeros of x's dtype that select's derivative has. Neither costs time to make anew.
@partial(jax.checkpoint, prevent_cse=False)
def pick(kept: Array, y: Array, other: Array) -> Array:
    """y where kept, else other; both laid over y. Its reverse pass holds `kept`."""
    kept, other = (jnp.broadcast_to(a, y.shape) for a in (kept, other))
    return jnp.where(kept, y, other)


def _batch_of(who: str, x: Array, spatial: int) -> tuple[int, ...]:
    """The sizes of the batch axes."""
    _check.within(who, "spatial", spatial, 0, jnp.inf)
    layout = f"(*batch, {spatial} spatial, channels)"
    _check.rank_at_least(who, "x", x, spatial + 1, layout)
    return jnp.shape(x)[: jnp.ndim(x) - spatial - 1]


def _shared(who: str, shape: tuple[int, ...], axes: int | tuple) -> tuple[int, ...]:
    """`shape` with 1 at these axes."""
    axes = axes if isinstance(axes, tuple) else (axes,)
    for axis in axes:
        if not -len(shape) <= axis < len(shape):
            must = f"broadcast must name axes of x, whose shape is {shape}"
            _check.fail(who, must, axis)
    ones = {axis % len(shape) for axis in axes}
    return tuple(1 if i in ones else n for i, n in enumerate(shape))


def _threshold(rate: Scalar) -> Array:
    """How many of the 65536 draws drop: all of them only at rate 1."""
    rate = jnp.asarray(rate, wide(jnp.result_type(float)))
    nearest = jnp.clip(jnp.round(rate * STEPS), 0, STEPS - 1)
    return jnp.where(rate >= 1, STEPS, nearest).astype(jnp.uint32)


def _factor(dropped: Array, dtype: DType) -> Array:
    """1 / (probability of being kept), and 0 where nothing is kept."""
    kept = STEPS - jnp.minimum(dropped, STEPS - 1).astype(dtype)
    return jnp.where(dropped == STEPS, 0, STEPS / kept).astype(dtype)

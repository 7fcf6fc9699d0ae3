"""Stretches of a spectrogram (time, features) hidden: SpecAugment."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from assay import _check
from assay.typing import Array, Key, Scalar, Shaped

LAYOUT = "(time, features)"
PAIR = "count", "limit"


def random_time_mask(
    x: Shaped[Array, "time features"],
    limit: int,
    *,
    key: Key,
    count: int = 1,
    share: Scalar = 1.0,
    value: Scalar = 0.0,
) -> Shaped[Array, "time features"]:
    """`value` in `count` stretches of 0 … limit steps, anywhere.

    A length is uniform up to `limit`, and to `share` of the steps; so is the place
    among those where it fits. Stretches may overlap.

    >>> y = random_time_mask(jnp.ones((8, 2)), 3, key=jax.random.key(0))
    >>> 0 <= int((y == 0).sum()) <= 6
    True

    Park et al. 2019, arXiv:1904.08779.
    """
    _checked("random_time_mask", x, limit=limit, count=count, share=share)
    return _masked(jnp.asarray(x), 0, (count, limit, share), key, value)


def random_frequency_mask(
    x: Shaped[Array, "time features"],
    limit: int,
    *,
    key: Key,
    count: int = 1,
    value: Scalar = 0.0,
) -> Shaped[Array, "time features"]:
    """`value` in `count` bands of 0 … limit features, anywhere.

    A width is uniform up to `limit`, its place among those where it fits. Bands may
    overlap.

    >>> y = random_frequency_mask(jnp.ones((2, 8)), 3, key=jax.random.key(0))
    >>> 0 <= int((y == 0).sum()) <= 6
    True

    Park et al. 2019, arXiv:1904.08779.
    """
    _checked("random_frequency_mask", x, limit=limit, count=count)
    return _masked(jnp.asarray(x), 1, (count, limit, 1.0), key, value)


def spec_augment(
    x: Shaped[Array, "time features"],
    *,
    key: Key,
    frequency: tuple[int, int] = (2, 27),
    time: tuple[int, int] = (2, 100),
    share: Scalar = 1.0,
    value: Scalar = 0.0,
) -> Shaped[Array, "time features"]:
    """Bands of features and stretches of time hidden: each (count, limit).

    `random_frequency_mask`, then `random_time_mask` with `share`. The defaults are the
    paper's policy LD, for 80 features; `value` is the mean of x, which is 0 when it is
    standardized. The paper's time warp, which it found to matter least, is left out.

    >>> spec_augment(jnp.ones((200, 80)), key=jax.random.key(0)).shape
    (200, 80)

    Park et al. 2019, arXiv:1904.08779.
    """
    who = "spec_augment"
    for name, pair in (("frequency", frequency), ("time", time)):
        if not isinstance(pair, Sequence) or len(pair) != 2:
            _check.fail(who, f"{name} must be a pair (count, limit)", repr(pair))
        numbers = {f"the {n} of {name}": v for n, v in zip(PAIR, pair, strict=True)}
        _checked(who, x, **numbers, share=share)
    of_frequency, of_time = jax.random.split(key)
    y = _masked(jnp.asarray(x), 1, (*frequency, 1.0), of_frequency, value)
    return _masked(y, 0, (*time, share), of_time, value)


def _checked(who: str, x: Array, *, share: Scalar = 1.0, **numbers: int) -> None:
    """A time and a feature axis, a share of 0 … 1, and whole numbers from 0 on."""
    _check.rank_at_least(who, "x", x, 2, LAYOUT)
    _check.within(who, "share", share, 0, 1)
    for name, value in numbers.items():
        if isinstance(value, float):
            _check.fail(who, f"{name} must be a whole number", value)
        _check.within(who, name, value, 0, float("inf"))


def _masked(x: Array, axis: int, how: tuple, key: Key, value: Scalar) -> Array:
    """`value` in (count, limit, share) stretches along the axis."""
    count, limit, share = how
    size = jnp.array(x.shape[axis - 2], jnp.int32)
    most = jnp.floor(jnp.asarray(share, jnp.float32) * size.astype(jnp.float32))
    most = jnp.minimum(jnp.asarray(limit, jnp.int32), most.astype(jnp.int32))
    of_length, of_place = jax.random.split(key)
    # int32: the same draws with and without x64.
    length = jax.random.randint(of_length, (count,), 0, most + 1, jnp.int32)
    start = jax.random.randint(of_place, (count,), 0, size - length + 1, jnp.int32)
    at = jnp.arange(x.shape[axis - 2], dtype=jnp.int32)[:, None]
    hidden = (at >= start[None]) & (at < (start + length)[None])
    hidden = jnp.expand_dims(hidden.any(1), 1 - axis)
    fill = jnp.broadcast_to(jnp.asarray(value, x.dtype), x.shape)
    return jnp.where(jnp.broadcast_to(hidden, x.shape), fill, x)

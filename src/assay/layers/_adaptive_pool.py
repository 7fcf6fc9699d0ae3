"""Pools that are told the size of their output instead of their window's.

Place t of m over n inputs sees ⌊t·n/m⌋ … ⌈(t + 1)·n/m⌉ − 1, as in torch: windows of
uneven sizes that share at most an input each. The rule reads the same backwards: input
j is seen by the places that would be its window if m were pooled to n.
"""

from collections.abc import Callable, Sequence
from functools import cache, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay import _check
from assay.autodiff import with_backward
from assay.layers import _precision
from assay.typing import Array, Float, Num

Sizes = int | None | Sequence[int | None]


def adaptive_avg_pool(
    x: Float[Array, "*batch_and_space c"], output_size: Sizes, *, spatial: int = 2
) -> Float[Array, "*batch_and_space_out c"]:
    """y[t] = mean of x[⌊t·n/m⌋ … ⌈(t + 1)·n/m⌉ − 1], over each spatial axis.

    `output_size` is m: a number for all axes, or one each; None keeps the axis.

    >>> adaptive_avg_pool(jnp.arange(5.0)[:, None], 2, spatial=1)[:, 0]
    Array([1., 3.], dtype=float32)

    The bins are torch.nn.functional.adaptive_avg_pool2d's, after the pyramid levels of
    He et al. 2014, Spatial pyramid pooling, arXiv:1406.4729, section 2.2.
    """
    _check.floating("adaptive_avg_pool", x=x)
    y, axes = _axes("adaptive_avg_pool", x, output_size, spatial)
    y = y.astype(_precision.wide(y.dtype))
    for axis, n, m in axes:
        sizes = np.asarray(_bins(n, m).size).reshape(-1, *(1,) * (y.ndim - 1 - axis))
        y = _sum(axis, n, m)(y)
        y = y / jnp.broadcast_to(jnp.asarray(sizes, y.dtype), y.shape)
    return y.astype(jnp.result_type(x))


def adaptive_max_pool(
    x: Num[Array, "*batch_and_space c"], output_size: Sizes, *, spatial: int = 2
) -> Num[Array, "*batch_and_space_out c"]:
    """y[t] = max of x[⌊t·n/m⌋ … ⌈(t + 1)·n/m⌉ − 1], over each spatial axis.

    `output_size` and ties as in `adaptive_avg_pool` and `max_pool`.

    >>> adaptive_max_pool(jnp.arange(5.0)[:, None], 2, spatial=1)[:, 0]
    Array([2., 4.], dtype=float32)

    He et al. 2014, Spatial pyramid pooling, arXiv:1406.4729, section 2.2.
    """
    _check.real("adaptive_max_pool", x=x)
    y, axes = _axes("adaptive_max_pool", x, output_size, spatial)
    for axis, n, m in axes:
        y = _max(axis, n, m)(y)
    return y


class _Bins(NamedTuple):
    """Which inputs each place sees: `size` of them, from `start` on."""

    start: np.ndarray
    size: np.ndarray


def _bins(n: int, m: int) -> _Bins:
    t = np.arange(m)
    start = t * n // m
    return _Bins(start, -(-(t + 1) * n // m) - start)


def _axes(who: str, x: Array, output_size: Sizes, spatial: int):
    """x, and (axis, n, m) of what changes, the last axis first."""
    layout = f"(*batch, {spatial} spatial, channels)"
    _check.rank_at_least(who, "x", x, spatial + 1, layout)
    given: list[Any] = [output_size]
    if isinstance(output_size, Sequence) and not isinstance(output_size, str):
        given = list(output_size)
    given = given * (spatial if len(given) == 1 else 1)
    shape = jnp.shape(x)
    first = len(shape) - spatial - 1
    sizes = shape[first:-1]
    if len(given) != spatial or not all(map(_is_size, given)):
        must = f"output_size must be a number >= 1, None, or {spatial} of them"
        _check.fail(who, must, repr(output_size))
    if 0 in sizes:
        _check.fail(who, "x must have at least one place", f"x.shape={shape}")
    pairs = [
        (a, n, m) for a, (n, m) in enumerate(zip(sizes, given, strict=True), first)
    ]
    return jnp.asarray(x), [
        (a, n, m) for a, n, m in reversed(pairs) if m not in (None, n)
    ]


def _is_size(m: Any) -> bool:
    """None, or a whole number of places."""
    return m is None or (isinstance(m, int | np.integer) and int(m) >= 1)


def _taps(x: Array, axis: int, n: int, m: int) -> list[tuple[Array, Array]]:
    """(what the i-th tap of every place reads, whether it has an i-th tap)."""
    start, size = _bins(n, m)
    taps = []
    for i in range(size.max()):
        tap = jnp.take(x, np.minimum(start + i, n - 1), axis, mode="clip")
        has = (i < size).reshape(-1, *(1,) * (x.ndim - 1 - axis))
        taps.append((tap, jnp.broadcast_to(has, tap.shape)))
    return taps


@cache  # one function a shape, so that eager calls compile once
def _sum(axis: int, n: int, m: int) -> Callable:
    """x -> the sums of the bins along the axis."""

    def sums(x, n, m):
        (y, _), *rest = _taps(x, axis, n, m)
        for tap, has in rest:
            y = y + jnp.where(has, tap, 0)
        return y

    return with_backward(
        lambda x: sums(x, n, m),
        lambda x: (sums(x, n, m), ()),
        lambda args, _, g: (sums(g, m, n),),
    )


@cache
def _max(axis: int, n: int, m: int) -> Callable:
    """x -> the largest of the bins along the axis, the first of equals."""
    start = _bins(n, m).start

    def pick(x):
        (best, _), *rest = _taps(x, axis, n, m)
        at = start.reshape(-1, *(1,) * (x.ndim - 1 - axis))
        first = at = jnp.broadcast_to(jnp.asarray(at, jnp.int32), best.shape)
        for i, (tap, has) in enumerate(rest, 1):
            wins = has & ((tap > best) | jnp.isnan(tap))
            best, at = jnp.where(wins, tap, best), jnp.where(wins, first + i, at)
        return best, at

    def backward(args, at, g):
        """Each input asks the places that see it whether it has won."""
        shape = args[0].shape
        mine = jax.lax.broadcasted_iota(jnp.int32, shape, axis)
        asked = zip(_taps(at, axis, m, n), _taps(g, axis, m, n), strict=True)
        won = [jnp.where(has & (w == mine), d, 0) for (w, has), (d, _) in asked]
        return (reduce(jnp.add, won),)

    return with_backward(lambda x: pick(x)[0], pick, backward)

"""Sums that do not stall: counts to 2⁶¹ in two int32 words, reals in two floats.

A float32 count stands still at 2²⁴ and an int32 one overflows at 2³¹; int64 is off by
default in JAX. What is added at once must be below 2³⁰.
"""

from typing import NamedTuple

import jax.numpy as jnp

from assay._numerics import difference, rounded
from assay.metrics._reduce import quotient
from assay.typing import Array, DType

BITS = 30


class Count(NamedTuple):
    """high · 2³⁰ + low, 0 <= low < 2³⁰; any shape."""

    high: Array  # int32
    low: Array  # int32


def no_count(*shape: int) -> Count:
    """Zeros."""
    return Count(jnp.zeros(shape, jnp.int32), jnp.zeros(shape, jnp.int32))


def plus(a: Count, b: Count) -> Count:
    """The sum of two counts."""
    low = a.low + b.low
    return Count(a.high + b.high + (low >> BITS), low & (2**BITS - 1))


def one_count(n: Array) -> Count:
    """Integers from 0 to 2³¹ − 1."""
    n = n.astype(jnp.int32)
    return Count(n >> BITS, n & (2**BITS - 1))


def number(count: Count, dtype: DType = None) -> Array:
    """A count as a float, rounded once beyond 2²⁴."""
    dtype = jnp.result_type(float) if dtype is None else dtype
    return count.high.astype(dtype) * 2.0**BITS + count.low.astype(dtype)


class Total(NamedTuple):
    """high + low, low about the rounding error of high; any shape."""

    high: Array  # float
    low: Array  # float


def no_total(*shape: int) -> Total:
    """Zeros."""
    return Total(jnp.zeros(shape), jnp.zeros(shape))


def plus_real(a: Total, b: Total) -> Total:
    """The sum of two totals; an infinity or NaN stays."""
    high, error = difference(a.high, -b.high)
    return Total(*difference(high, -(error + (a.low + b.low))))


def one_total(x: Array) -> Total:
    """A number as it is."""
    x = x.astype(jnp.result_type(float))
    return Total(x, jnp.zeros_like(x))


def real(total: Total) -> Array:
    """A total as a float."""
    return total.high + total.low


class Moments(NamedTuple):
    """Count, mean, and sums of squared distances from it, of one or several series."""

    count: Count  # ()
    mean: Total  # (series,)
    squares: Total  # (series, series), Σ (x − x̄)(y − ȳ)


def no_moments(series: int = 1) -> Moments:
    """Of nothing."""
    return Moments(no_count(), no_total(series), no_total(series, series))


def moments(x: Array, keep: Array) -> Moments:
    """Of a batch: (series, examples), and which of them take part.

    The first mean is off by its rounding, which is left in the differences. It is
    rounded where XLA sees it, or two copies of x − Σx · (1/n) are contracted otherwise.
    """
    x = x.astype(jnp.result_type(float))
    many = jnp.broadcast_to(keep, x.shape)
    count = one_count(jnp.sum(keep, dtype=jnp.int32))
    n = jnp.broadcast_to(jnp.maximum(number(count), 1), x.shape[:1])
    mean = rounded(jnp.sum(jnp.where(many, x, 0), 1) / n)
    apart = jnp.where(many, x - jnp.broadcast_to(mean[:, None], x.shape), 0)
    rest = jnp.sum(apart, 1) / n
    apart = jnp.where(many, apart - jnp.broadcast_to(rest[:, None], x.shape), 0)
    products = jnp.sum(apart[:, None, :] * apart[None, :, :], -1)
    return Moments(count, Total(*difference(mean, -rest)), one_total(products))


def plus_moments(a: Moments, b: Moments) -> Moments:
    """Of both together.

    x̄ = x̄ₐ + δ nᵦ/n and Sₓᵧ = Sₐ + Sᵦ + δₓ δᵧ nₐ nᵦ/n, δ the difference of the means.
    Chan, Golub and LeVeque 1983, doi:10.1080/00031305.1983.10483115.
    """
    n_a, n_b, count = number(a.count), number(b.count), plus(a.count, b.count)
    share = quotient(n_b, number(count))
    apart = real(plus_real(b.mean, Total(-a.mean.high, -a.mean.low)))
    moved = plus_real(a.mean, one_total(apart * share))
    mean = Total(
        *(jnp.where(n_a > 0, m, y) for m, y in zip(moved, b.mean, strict=True))
    )
    between = apart[:, None] * apart[None, :] * (n_a * share)
    squares = plus_real(plus_real(a.squares, b.squares), one_total(between))
    return Moments(count, mean, squares)

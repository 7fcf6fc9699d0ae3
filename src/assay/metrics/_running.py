"""Running numbers: sums, means, shares, moments and extremes over batches.

Each takes `of`, a function of the batch that gives one number an example: any loss.
Without it the batch is the numbers.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from assay import _check
from assay._numerics import wide
from assay.metrics._accuracy import _is_right
from assay.metrics._metric import Metric, after, measured, summed
from assay.metrics._reduce import count, quotient, total
from assay.metrics._sums import (
    Count,
    Moments,
    Total,
    moments,
    no_count,
    no_moments,
    no_total,
    number,
    one_count,
    one_total,
    plus,
    plus_moments,
    plus_real,
    real,
)
from assay.metrics._text import surprise
from assay.typing import Array, Scalar


class MeanState(NamedTuple):
    """A sum and over how many."""

    total: Total  # () float
    count: Count  # ()


class WeightedState(NamedTuple):
    """A sum of weight times number, and the sum of the weights."""

    total: Total  # () float
    weight: Total  # () float


class ShareState(NamedTuple):
    """How many are True, and of how many."""

    right: Count  # ()
    count: Count  # ()


class ExtremeState(NamedTuple):
    """The greatest of what came, or of its negative."""

    extreme: Array  # () float


class Statistics(NamedTuple):
    """What `running_moments` computes."""

    count: Array  # () float
    mean: Array  # ()
    variance: Array  # ()
    standard_error: Array  # () of the mean


def running_sum(of: Callable | None = None) -> Metric:
    """Σ of(*batch), compensated: half a million batches lose nothing.

    >>> metric = running_sum()
    >>> metric.compute(metric.update(metric.init(), jnp.array([1.0, 2.0]))).tolist()
    3.0

    Float32, CPU: within 2 ULP of Σ |x|.
    """

    def measure(*batch, where):
        x, keep = measured("running_sum", of, batch, where)
        return one_total(total(wide(x), keep))

    return summed(no_total, measure, plus_real, real)


def running_mean(of: Callable | None = None) -> Metric:
    """Σ of(*batch) / examples; NaN of none.

    >>> metric = running_mean(lambda p, t: (p - t) ** 2)
    >>> p, t = jnp.array([1.0, 2.0]), jnp.array([1.0, 4.0])
    >>> metric.compute(metric.update(metric.init(), p, t)).tolist()
    2.0

    Float32, CPU: within 2 ULP of mean |x|.
    """
    return _mean("running_mean", of)


def _mean(who: str, of: Callable | None) -> Metric:
    def measure(*batch, where):
        x, keep = measured(who, of, batch, where)
        return MeanState(one_total(total(wide(x), keep)), one_count(count(keep)))

    def merge(a, b):
        return MeanState(plus_real(a.total, b.total), plus(a.count, b.count))

    def compute(state):
        return quotient(real(state.total), number(state.count), empty=jnp.nan)

    return summed(lambda: MeanState(no_total(), no_count()), measure, merge, compute)


def running_weighted_mean(of: Callable | None = None) -> Metric:
    """Σ weight · of(*batch) / Σ weight, weights the last array; NaN without weight.

    >>> metric = running_weighted_mean()
    >>> x, weights = jnp.array([1.0, 5.0]), jnp.array([3.0, 1.0])
    >>> metric.compute(metric.update(metric.init(), x, weights)).tolist()
    2.0

    Float32, CPU: within 6 ULP of Σ |w·x| / Σ w.
    """
    who = "running_weighted_mean"

    def measure(*batch, where):
        *rest, weights = batch
        x, keep = measured(who, of, tuple(rest), where)
        _check.same_shape(who, **{"numbers measured": x, "weights": weights})
        x, weights = wide(x), wide(weights)
        sums = total(x * weights, keep & (weights != 0)), total(weights, keep)
        return WeightedState(*map(one_total, sums))

    def merge(a, b):
        return WeightedState(*(plus_real(x, y) for x, y in zip(a, b, strict=True)))

    def compute(state):
        return quotient(real(state.total), real(state.weight), empty=jnp.nan)

    return summed(
        lambda: WeightedState(no_total(), no_total()), measure, merge, compute
    )


def running_share(of: Callable | None = None) -> Metric:
    """The share of examples of which `of` is True; NaN of none.

    >>> metric = running_share(lambda p, t: p == t)
    >>> p, t = jnp.array([1, 2, 3]), jnp.array([1, 2, 4])
    >>> metric.compute(metric.update(metric.init(), p, t)).round(4).tolist()
    0.666...

    Float32, CPU: within 1 ULP.
    """
    return _share("running_share", of)


def _share(who: str, of: Callable | None) -> Metric:
    def measure(*batch, where):
        right, keep = measured(who, of, batch, where)
        counted = count(right.astype(jnp.bool_) & keep), count(keep)
        return ShareState(*map(one_count, counted))

    def merge(a, b):
        return ShareState(*(plus(x, y) for x, y in zip(a, b, strict=True)))

    def compute(state):
        return quotient(number(state.right), number(state.count), empty=jnp.nan)

    return summed(lambda: ShareState(no_count(), no_count()), measure, merge, compute)


def running_accuracy() -> Metric:
    """The share of examples whose largest logit is the label's: `accuracy`.

    >>> metric = running_accuracy()
    >>> logits, labels = jnp.array([[0.1, 0.9], [0.8, 0.2]]), jnp.array([1, 1])
    >>> metric.compute(metric.update(metric.init(), logits, labels)).tolist()
    0.5

    Float32, CPU: within 1 ULP.
    """
    who = "running_accuracy"
    return _share(who, lambda logits, labels: _is_right(who, logits, labels))


def running_perplexity() -> Metric:
    """exp of the mean of −log softmax(logits)[label]: `perplexity`.

    >>> metric = running_perplexity()
    >>> state = metric.update(metric.init(), jnp.zeros((2, 7)), jnp.array([0, 3]))
    >>> metric.compute(state).round(3).tolist()
    7.0...

    Float32, CPU: within 6 ULP of the result times max(1, its logarithm).
    """
    who = "running_perplexity"
    return after(_mean(who, lambda z, labels: surprise(who, z, labels)), jnp.exp)


def running_max(of: Callable | None = None) -> Metric:
    """The greatest of(*batch); -∞ of none.

    >>> metric = running_max()
    >>> metric.compute(metric.update(metric.init(), jnp.array([1.0, 2.0]))).tolist()
    2.0

    Float32, CPU: within 0 ULP.
    """
    return _extreme("running_max", of, 1)


def running_min(of: Callable | None = None) -> Metric:
    """The least of(*batch); ∞ of none.

    >>> metric = running_min()
    >>> metric.compute(metric.update(metric.init(), jnp.array([1.0, 2.0]))).tolist()
    1.0

    Float32, CPU: within 0 ULP.
    """
    return _extreme("running_min", of, -1)


def _extreme(who: str, of: Callable | None, sign: int) -> Metric:
    def measure(*batch, where):
        x, keep = measured(who, of, batch, where)
        most = jnp.max(jnp.where(keep, sign * wide(x), -jnp.inf), initial=-jnp.inf)
        return ExtremeState(most.astype(jnp.result_type(float)))

    def init():
        return ExtremeState(jnp.full((), -jnp.inf))

    def merge(a, b):
        return ExtremeState(jnp.maximum(a.extreme, b.extreme))

    return summed(init, measure, merge, lambda state: sign * state.extreme)


def running_moments(of: Callable | None = None, *, ddof: int = 0) -> Metric:
    """Mean, variance Σ (x − x̄)² / (n − ddof) and standard error √(Σ … / (n − 1) / n).

    Accurate for a mean that is large beside the spread. NaN where a divisor is 0.

    >>> metric = running_moments()
    >>> metric.compute(metric.update(metric.init(), jnp.array([1.0, 3.0]))).variance
    Array(1., dtype=float32)

    Welford 1962, doi:10.1080/00401706.1962.10490022; merged as Chan, Golub and LeVeque
    1983 do, doi:10.1080/00031305.1983.10483115.

    Float32, CPU: within 3 ULP of the variance, and of mean |x|.
    """
    _check.within("running_moments", "ddof", ddof, 0, float("inf"))

    def measure(*batch, where):
        x, keep = measured("running_moments", of, batch, where)
        return moments(jnp.ravel(x)[None], jnp.ravel(keep))

    def compute(state: Moments) -> Statistics:
        n, squares = number(state.count), real(state.squares)[0, 0]
        mean = jnp.where(n > 0, real(state.mean)[0], jnp.nan)
        sample = _over(squares, n - 1)
        error = jnp.sqrt(quotient(sample, n, empty=jnp.nan))
        return Statistics(n, mean, _over(squares, n - ddof), error)

    return summed(no_moments, measure, plus_moments, compute)


def _over(squares: Array, freedom: Scalar) -> Array:
    """squares / freedom, NaN where that is not above 0."""
    return quotient(squares, jnp.maximum(freedom, 0), empty=jnp.nan)

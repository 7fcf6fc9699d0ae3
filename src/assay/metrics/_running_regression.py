"""Running regression: every score of two series from the moments of both."""

from typing import NamedTuple

import jax.numpy as jnp

from assay.metrics._metric import Metric, summed
from assay.metrics._reduce import pair, quotient, spread
from assay.metrics._regression import explained_share
from assay.metrics._sums import (
    Moments,
    Total,
    moments,
    no_moments,
    no_total,
    number,
    one_total,
    plus_moments,
    plus_real,
    real,
)
from assay.typing import Array


class RegressionState(NamedTuple):
    """Moments of predictions, targets and errors, and the plain sums of the errors."""

    moments: Moments  # of (prediction, target, error)
    squares: Total  # () float, Σ error²
    sizes: Total  # () float, Σ |error|


class Regression(NamedTuple):
    """The scores of predictions against targets; NaN without examples."""

    mean_squared_error: Array
    root_mean_squared_error: Array
    mean_absolute_error: Array
    r2_score: Array
    explained_variance: Array
    pearson_correlation: Array
    concordance_correlation: Array


def running_regression() -> Metric:
    """MSE, RMSE, MAE, R², explained variance, r and ρ of (predictions, targets).

    One output, of any shape; vmap for several. Accurate for large means, as the plain
    functions of these names are. Where R² of constant targets is 0 or 1 it is so here.

    >>> metric = running_regression()
    >>> p, t = jnp.array([1.0, 3.0, 3.0]), jnp.array([1.0, 2.0, 3.0])
    >>> metric.compute(metric.update(metric.init(), p, t)).r2_score.tolist()
    0.5

    Moments merged as Chan, Golub and LeVeque 1983, doi:10.1080/00031305.1983.10483115.

    Float32, CPU: within 6 ULP of max(1, |result|).
    """

    def measure(predictions, targets, *, where):
        arrays = {"predictions": predictions, "targets": targets}
        where = spread(where, predictions)
        p, t, keep = (jnp.ravel(a) for a in pair("running_regression", where, **arrays))
        off = p - t
        sums = jnp.sum(off * off), jnp.sum(jnp.abs(off))
        joint = moments(jnp.stack([p, t, off]), keep)
        return RegressionState(joint, *map(one_total, sums))

    def merge(a, b):
        joint = plus_moments(a.moments, b.moments)
        sums = (plus_real(a.squares, b.squares), plus_real(a.sizes, b.sizes))
        return RegressionState(joint, *sums)

    def init():
        return RegressionState(no_moments(3), no_total(), no_total())

    return summed(init, measure, merge, _scores)


def _scores(state: RegressionState) -> Regression:
    """Every score from the sums."""
    n, spread = number(state.moments.count), real(state.moments.squares)
    squares, sizes = real(state.squares), real(state.sizes)
    pp, tt, ee = jnp.diagonal(spread)
    pt, apart = spread[0, 1], real(state.moments.mean)[2]
    mse = quotient(squares, n, empty=jnp.nan)
    there = n > 0
    return Regression(
        mse,
        jnp.sqrt(mse),
        quotient(sizes, n, empty=jnp.nan),
        jnp.where(there, explained_share(squares, tt), jnp.nan),
        jnp.where(there, explained_share(ee, tt), jnp.nan),
        jnp.clip(quotient(pt, jnp.sqrt(pp) * jnp.sqrt(tt), empty=jnp.nan), -1, 1),
        quotient(2 * pt, pp + tt + n * apart * apart, empty=jnp.nan),
    )

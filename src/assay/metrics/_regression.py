"""How far predictions are from numbers. ``where`` True = takes part; of nothing, NaN.

`running_mean(loss)` is the metric of any other loss.
"""

import jax.numpy as jnp

from assay import _check
from assay.metrics._reduce import centred, count, mean, pair, quotient
from assay.typing import Array, Bool, Float


def mean_squared_error(
    predictions: Float[Array, "..."],
    targets: Float[Array, "..."],
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """mean (prediction − target)².

    >>> mean_squared_error(jnp.array([1.0, 3.0]), jnp.array([1.0, 1.0])).tolist()
    2.0

    Float32, CPU: within 3 ULP.
    """
    who = "mean_squared_error"
    p, t, keep = pair(who, where, predictions=predictions, targets=targets)
    return mean(jnp.square(p - t), keep)


def root_mean_squared_error(
    predictions: Float[Array, "..."],
    targets: Float[Array, "..."],
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """√ mean (prediction − target)².

    >>> root_mean_squared_error(jnp.array([1.0, 3.0]), jnp.zeros(2)).round(3).tolist()
    2.23...

    Float32, CPU: within 2 ULP.
    """
    who = "root_mean_squared_error"
    p, t, keep = pair(who, where, predictions=predictions, targets=targets)
    return jnp.sqrt(mean(jnp.square(p - t), keep))


def mean_absolute_error(
    predictions: Float[Array, "..."],
    targets: Float[Array, "..."],
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """mean |prediction − target|.

    >>> mean_absolute_error(jnp.array([1.0, 4.0]), jnp.array([1.0, 1.0])).tolist()
    1.5

    Float32, CPU: within 4 ULP.
    """
    who = "mean_absolute_error"
    p, t, keep = pair(who, where, predictions=predictions, targets=targets)
    return mean(jnp.abs(p - t), keep)


def mean_absolute_percentage_error(
    predictions: Float[Array, "..."],
    targets: Float[Array, "..."],
    *,
    eps: float = 2.0**-52,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """mean |prediction − target| / max(|target|, eps), a share: Keras says 100 times.

    >>> p, t = jnp.array([1.0, 3.0]), jnp.array([2.0, 4.0])
    >>> mean_absolute_percentage_error(p, t).tolist()
    0.375

    Float32, CPU: within 4 ULP.
    """
    who = "mean_absolute_percentage_error"
    p, t, keep = pair(who, where, predictions=predictions, targets=targets)
    return mean(jnp.abs(p - t) / jnp.maximum(jnp.abs(t), eps), keep)


def symmetric_mean_absolute_percentage_error(
    predictions: Float[Array, "..."],
    targets: Float[Array, "..."],
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """mean 2 |prediction − target| / (|prediction| + |target|), from 0 to 2; 0/0 is 0.

    >>> p, t = jnp.array([1.0, 0.0]), jnp.array([3.0, 0.0])
    >>> symmetric_mean_absolute_percentage_error(p, t).tolist()
    0.5

    Float32, CPU: within 4 ULP.
    """
    who = "symmetric_mean_absolute_percentage_error"
    p, t, keep = pair(who, where, predictions=predictions, targets=targets)
    # Halves, so that neither sum overflows.
    off, size = jnp.abs(p / 2 - t / 2), jnp.abs(p) / 4 + jnp.abs(t) / 4
    return mean(quotient(off, size), keep)


def mean_squared_log_error(
    predictions: Float[Array, "..."],
    targets: Float[Array, "..."],
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """mean (log(1 + prediction) − log(1 + target))², for numbers above −1.

    >>> mean_squared_log_error(jnp.array([1.0, 3.0]), jnp.array([1.0, 3.0])).tolist()
    0.0

    Float32, CPU: within 5 ULP.
    """
    who = "mean_squared_log_error"
    p, t, keep = pair(who, where, predictions=predictions, targets=targets)
    # As the logarithm of a quotient above 1: the difference of two would cancel.
    low, high = jnp.where(p < t, p, t), jnp.where(p < t, t, p)
    return mean(jnp.square(jnp.log1p((high - low) / (1 + low))), keep)


def r2_score(
    predictions: Float[Array, "..."],
    targets: Float[Array, "..."],
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """1 − Σ (target − prediction)² / Σ (target − mean)², averaged over outputs.

    Where the targets are one value the score is 1 if all are right, else 0.

    >>> r2_score(jnp.array([1.0, 3.0, 3.0]), jnp.array([1.0, 2.0, 3.0])).tolist()
    0.5

    Float32, CPU: within 6 ULP of max(1, |result|).
    """
    p, t, keep = _by_output("r2_score", predictions, targets, where)
    return _explained(t - p, t, keep)


def explained_variance(
    predictions: Float[Array, "..."],
    targets: Float[Array, "..."],
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, ""]:
    """1 − Var(target − prediction) / Var(target), averaged over outputs.

    `r2_score` that forgives a constant offset; as there where the targets are constant.

    >>> p, t = jnp.array([2.0, 3.0, 4.0]), jnp.array([1.0, 2.0, 3.0])
    >>> explained_variance(p, t).tolist()
    1.0

    Float32, CPU: within 6 ULP of max(1, |result|).
    """
    p, t, keep = _by_output("explained_variance", predictions, targets, where)
    return _explained(centred(t - p, keep, 0), t, keep)


def _by_output(who, predictions, targets, where) -> tuple[Array, Array, Array]:
    """(examples, *outputs) of both and of the mask."""
    _check.rank_at_least(who, "targets", targets, 1, "(examples, *outputs)")
    return pair(who, where, predictions=predictions, targets=targets)


def _explained(errors: Array, t: Array, keep: Array) -> Array:
    """The mean over outputs of 1 − Σ error² / Σ (t − mean)²."""
    left = jnp.sum(jnp.square(errors), 0)
    spread = jnp.sum(jnp.square(centred(t, keep, 0)), 0)
    score = explained_share(left, spread)
    return jnp.mean(jnp.where(count(keep, 0) > 0, score, jnp.nan))


def explained_share(left: Array, spread: Array) -> Array:
    """1 − left / spread; where nothing was spread, 1 if nothing is left, else 0."""
    flat = (left == 0).astype(left.dtype)
    share = 1 - left / jnp.where(spread > 0, spread, 1)
    return jnp.where(spread == 0, flat, share)


def mean_cosine_similarity(
    predictions: Float[Array, "*batch features"],
    targets: Float[Array, "*batch features"],
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, ""]:
    """mean p·t / (‖p‖ ‖t‖) over examples; 0 for a vector of zeros.

    >>> p, t = jnp.array([[3.0, 4.0], [0.0, 0.0]]), jnp.array([[4.0, 3.0], [1.0, 0.0]])
    >>> mean_cosine_similarity(p, t).round(4).tolist()
    0.47...

    Float32, CPU: within 4 ULP of 1.
    """
    who = "mean_cosine_similarity"
    p, t, _ = pair(who, None, predictions=predictions, targets=targets)
    _check.rank_at_least(who, "targets", t, 1, "(*batch, features)")
    p, t = _unit(p), _unit(t)
    each = jnp.sum(p * t, -1)
    keep = jnp.ones(each.shape, jnp.bool_) if where is None else jnp.asarray(where)
    _check.same_shape(who, **{"targets' examples": each, "where": keep})
    return mean(each, keep)


def _unit(x: Array) -> Array:
    """x / ‖x‖ over the last axis, 0 for zeros; scaled, so that no square overflows."""
    size = jnp.max(jnp.abs(x), -1, keepdims=True, initial=0)
    x = quotient(x, jnp.broadcast_to(size, x.shape))
    square = jnp.sum(jnp.square(x), -1, keepdims=True)
    norm = jnp.sqrt(jnp.where(square == 0, 1, square))
    return x / jnp.broadcast_to(norm, x.shape)

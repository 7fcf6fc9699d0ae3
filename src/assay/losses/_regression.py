"""Losses of real numbers."""

import math
from typing import Any

import jax.numpy as jnp

from assay import _check, _numerics
from assay.losses._pair import _pair
from assay.typing import Array, Axis, Float, Num, Scalar


def _error(who: str, predictions: Any, targets: Any) -> Array:
    targets = jnp.zeros_like(predictions) if targets is None else targets
    p, t = _pair(who, predictions=predictions, targets=targets)
    return p - t


def squared_error(
    predictions: Float[Array, "*shape"], targets: Num[Array, "*shape"] | None = None
) -> Float[Array, "*shape"]:
    """(prediction − target)², with targets 0 if not given.

    >>> squared_error(jnp.array([1.0, 2.0]), jnp.array([0.5, 4.0])).tolist()
    [0.25, 4.0]

    Float32, CPU: within 2 ULP; derivatives 0.5.
    """
    e = _error("squared_error", predictions, targets)
    return _numerics.narrow(e * e, predictions)


@_numerics.derivative(lambda e: e)
def _half_square(e: Array) -> Array:
    return e * (e / 2)


def l2_loss(
    predictions: Float[Array, "*shape"], targets: Num[Array, "*shape"] | None = None
) -> Float[Array, "*shape"]:
    """½ (prediction − target)², with targets 0 if not given.

    >>> l2_loss(jnp.array([1.0, 2.0]), jnp.array([0.5, 4.0])).tolist()
    [0.125, 2.0]

    Bishop 2006, Pattern Recognition and Machine Learning, has the ½.

    Float32, CPU: within 2 ULP; derivatives 0.5.
    """
    e = _error("l2_loss", predictions, targets)
    return _numerics.narrow(_half_square(e), predictions)


def absolute_error(
    predictions: Float[Array, "*shape"], targets: Num[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """|prediction − target|. The derivative at 0 is 0.

    >>> absolute_error(jnp.array([1.0, 2.0]), jnp.array([0.5, 4.0])).tolist()
    [0.5, 2.0]

    Float32, CPU: within 0.5 ULP; derivatives 0.
    """
    e = _error("absolute_error", predictions, targets)
    return _numerics.narrow(_numerics.magnitude(e), predictions)


def _bent(e: Array, delta: Array) -> Array:
    return jnp.clip(e, -delta, delta)


@_numerics.derivatives(
    _bent, lambda e, delta: jnp.abs(e) - jnp.minimum(jnp.abs(e), delta)
)
def _huber(e: Array, delta: Array) -> Array:
    """½ b² + delta (|e| − b), b = min(|e|, delta); its own derivative would cancel."""
    size = jnp.abs(e)
    bent = jnp.minimum(size, delta)
    return bent * (bent / 2) + delta * (size - bent)


def huber_loss(
    predictions: Float[Array, "*shape"],
    targets: Num[Array, "*shape"] | None = None,
    *,
    delta: Scalar = 1.0,
) -> Float[Array, "*shape"]:
    """e²/2 where |e| ≤ delta, else delta (|e| − delta/2); e = prediction − target.

    >>> huber_loss(jnp.array([0.5, 3.0]), jnp.array([0.0, 0.0])).tolist()
    [0.125, 2.5]

    Huber 1964, doi:10.1214/aoms/1177703732.

    Float32, CPU: within 2 ULP; derivatives 0.5.
    """
    e = _error("huber_loss", predictions, targets)
    delta = jnp.broadcast_to(jnp.asarray(delta, e.dtype), e.shape)
    return _numerics.narrow(_huber(e, delta), predictions)


def _share(e: Array, beta: Array) -> Array:
    return jnp.clip(e / beta, -1, 1)


@_numerics.derivatives(_share, lambda e, beta: -(_share(e, beta) ** 2) / 2)
def _smooth_l1(e: Array, beta: Array) -> Array:
    size = jnp.abs(e)
    bent = jnp.minimum(size, beta)
    return bent * (bent / beta) / 2 + (size - bent)


def smooth_l1_loss(
    predictions: Float[Array, "*shape"],
    targets: Num[Array, "*shape"],
    *,
    beta: Scalar = 1.0,
) -> Float[Array, "*shape"]:
    """e²/(2 beta) where |e| < beta, else |e| − beta/2; e = prediction − target.

    `huber_loss` divided by its delta, and the absolute error at beta 0.

    >>> smooth_l1_loss(jnp.array([0.5, 3.0]), jnp.array([0.0, 0.0])).tolist()
    [0.125, 2.5]

    Girshick 2015, arXiv:1504.08083.

    Float32, CPU: within 2 ULP; derivatives 0.5.
    """
    e = _error("smooth_l1_loss", predictions, targets)
    _check.within("smooth_l1_loss", "beta", beta, 0, math.inf)
    beta = jnp.broadcast_to(jnp.asarray(beta, e.dtype), e.shape)
    smooth = _smooth_l1(e, jnp.where(beta == 0, 1, beta))
    y = jnp.where(beta == 0, _numerics.magnitude(e), smooth)
    return _numerics.narrow(y, predictions)


def absolute_percentage_error(
    predictions: Float[Array, "*shape"],
    targets: Num[Array, "*shape"],
    *,
    eps: Scalar = 1e-7,
) -> Float[Array, "*shape"]:
    """100 |prediction − target| / max(|target|, eps), in percent as Keras has it.

    >>> absolute_percentage_error(jnp.array([1.5, 3.0]), jnp.array([1.0, 4.0])).tolist()
    [50.0, 25.0]

    Float32, CPU: within 3 ULP; derivatives 1.
    """
    e = _error("absolute_percentage_error", predictions, targets)
    target = jnp.asarray(targets).astype(e.dtype)
    size = jnp.maximum(jnp.abs(target), jnp.asarray(eps, e.dtype))
    return _numerics.narrow(_numerics.magnitude(e) / size * 100, predictions)


def quantile_loss(
    predictions: Float[Array, "*shape"],
    targets: Num[Array, "*shape"],
    *,
    quantile: Scalar = 0.5,
) -> Float[Array, "*shape"]:
    """q max(0, e) + (1 − q) max(0, −e); e = target − prediction. The pinball.

    The expected loss is least at the q-quantile of the targets. The derivative at 0 is
    0, which lies between the two slopes.

    >>> low, high = jnp.array([1.0, 2.0]), jnp.array([2.0, 1.0])
    >>> quantile_loss(low, high, quantile=0.75).tolist()
    [0.75, 0.25]

    Koenker and Bassett 1978, doi:10.2307/1913643.

    Float32, CPU: within 2 ULP; derivatives 0.5.
    """
    e = -_error("quantile_loss", predictions, targets)
    _check.within("quantile_loss", "quantile", quantile, 0, 1)
    shares = jnp.asarray(quantile, e.dtype), jnp.asarray(1 - quantile, e.dtype)
    slope = jnp.where(e > 0, shares[0], shares[1]) * jnp.sign(e)
    return _numerics.narrow(slope * e, predictions)


@_numerics.derivatives(lambda p, t: 1 / (1 + p), lambda p, t: -1 / (1 + t))
def _log_error(p: Array, t: Array) -> Array:
    """log((1 + p)/(1 + t)), of one quotient above 1: two logarithms would cancel."""
    low, high = jnp.where(p < t, p, t), jnp.where(p < t, t, p)
    q = (high - low) / (1 + low)
    near = _numerics.log1p_of_share(jnp.minimum(q, 1))
    return jnp.sign(p - t) * jnp.where(q < 1, near, jnp.log(1 + q))


def squared_log_error(
    predictions: Float[Array, "*shape"], targets: Num[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """(log(1 + prediction) − log(1 + target))².

    >>> squared_log_error(jnp.array([1.0]), jnp.array([0.0])).tolist()
    [0.480...]

    Float32, CPU: within 8 ULP; derivatives 5.
    """
    p, t = _pair("squared_log_error", predictions=predictions, targets=targets)
    e = _log_error(p, t)
    return _numerics.narrow(e * e, predictions)


def half_sum_of_squares(
    predictions: Float[Array, "*shape"],
    targets: Num[Array, "*shape"],
    *,
    axis: Axis = -1,
) -> Float[Array, "*batch"]:
    """½ Σ (target − prediction)² over `axis`: the E of backpropagation by hand.

    >>> half_sum_of_squares(jnp.array([1.0, 2.0]), jnp.array([0.0, 4.0])).tolist()
    2.5

    Rumelhart, Hinton and Williams 1986, doi:10.1038/323533a0.

    Float32, CPU: within 3 ULP.
    """
    e = _error("half_sum_of_squares", predictions, targets)
    return _numerics.narrow(jnp.sum(_half_square(e), axis), predictions)

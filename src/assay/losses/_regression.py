"""Losses of real numbers."""

from typing import Any

import jax.numpy as jnp

from assay import _numerics
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
    """
    e = _error("squared_error", predictions, targets)
    return _numerics.narrow(e * e, predictions)


def l2_loss(
    predictions: Float[Array, "*shape"], targets: Num[Array, "*shape"] | None = None
) -> Float[Array, "*shape"]:
    """½ (prediction − target)², with targets 0 if not given.

    >>> l2_loss(jnp.array([1.0, 2.0]), jnp.array([0.5, 4.0])).tolist()
    [0.125, 2.0]

    Bishop 2006, Pattern Recognition and Machine Learning, has the ½.
    """
    e = _error("l2_loss", predictions, targets)
    return _numerics.narrow(e * e / 2, predictions)


def absolute_error(
    predictions: Float[Array, "*shape"], targets: Num[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """|prediction − target|. The derivative at 0 is 0.

    >>> absolute_error(jnp.array([1.0, 2.0]), jnp.array([0.5, 4.0])).tolist()
    [0.5, 2.0]
    """
    e = _error("absolute_error", predictions, targets)
    return _numerics.narrow(_numerics.magnitude(e), predictions)


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
    """
    size = jnp.abs(_error("huber_loss", predictions, targets))
    delta = jnp.asarray(delta, size.dtype)
    bent = jnp.minimum(size, delta)
    return _numerics.narrow(bent * bent / 2 + delta * (size - bent), predictions)


def squared_log_error(
    predictions: Float[Array, "*shape"], targets: Num[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """(log(1 + prediction) − log(1 + target))².

    >>> squared_log_error(jnp.array([1.0]), jnp.array([0.0])).tolist()
    [0.480...]
    """
    p, t = _pair("squared_log_error", predictions=predictions, targets=targets)
    # As the logarithm of a quotient above 1: the difference of two would cancel.
    low, high = jnp.where(p < t, p, t), jnp.where(p < t, t, p)
    e = jnp.log1p((high - low) / (1 + low))
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
    """
    e = _error("half_sum_of_squares", predictions, targets)
    return _numerics.narrow(jnp.sum(e * e, axis) / 2, predictions)

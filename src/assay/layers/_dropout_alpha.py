"""Dropout that keeps the mean and the variance of what it is given: for `selu`."""

import jax.numpy as jnp

from assay import _check
from assay.layers._dropout import STEPS, keep, one_a_channel, pick
from assay.layers._precision import wide
from assay.typing import Array, DType, Float, Key, Scalar

LOW = 1.7580993408473766  # λα of selu, which is −LOW at −∞


def alpha_dropout(
    x: Float[Array, "..."], *, rate: Scalar, key: Key
) -> Float[Array, "..."]:
    """a (x if kept, else −λα) + b: of mean 0 and variance 1 if x is.

    a = 1 / √(q (1 + p (λα)²)) and b = a p λα, with p the rate and q = 1 − p; −λα is
    what `selu` gives at −∞. The rate is rounded to 1/65536, as in `dropout`, and a and
    b are of the rounded one. At rate 1 all is 0.

    >>> import jax
    >>> x = jax.random.normal(jax.random.key(0), (100000,))
    >>> y = alpha_dropout(x, rate=0.5, key=jax.random.key(1))
    >>> abs(float(y.mean())) < 0.02, abs(float(y.std()) - 1) < 0.02
    (True, True)

    Klambauer et al. 2017, arXiv:1706.02515.
    """
    return _dropped("alpha_dropout", x, rate, key, jnp.shape(x))


def feature_alpha_dropout(
    x: Float[Array, "*batch_and_space c"], *, rate: Scalar, key: Key, spatial: int = 2
) -> Float[Array, "*batch_and_space c"]:
    """`alpha_dropout` of whole channels: all `spatial` places of one share their fate.

    >>> import jax
    >>> y = feature_alpha_dropout(jnp.zeros((4, 4, 9)), rate=0.5, key=jax.random.key(0))
    >>> bool((y == y[:1, :1]).all()), len(set(y.ravel().tolist()))
    (True, 2)

    As torch's function of that name.
    """
    shape = one_a_channel("feature_alpha_dropout", x, spatial)
    return _dropped("feature_alpha_dropout", x, rate, key, shape)


def _dropped(who: str, x: Array, rate: Scalar, key: Key, shape: tuple) -> Array:
    _check.floating(who, x=x)
    _check.within(who, "rate", rate, 0, 1)
    x = jnp.asarray(x)
    kept, dropped = keep(key, rate, shape)
    a, shift, low = _constants(dropped, wide(x.dtype))
    y = (a * (x.astype(a.dtype) + shift)).astype(x.dtype)
    return pick(kept, y, low.astype(x.dtype))


def _constants(dropped: Array, dtype: DType) -> tuple[Array, Array, Array]:
    """a, b / a, and what a dropped entry becomes, a (−λα) + b."""
    p = dropped.astype(dtype) / STEPS
    q = 1 - p
    spread = 1 + LOW**2 * p
    a = 1 / jnp.sqrt(jnp.where(q > 0, q, 1) * spread)
    return a, LOW * p, -LOW * jnp.sqrt(q / spread)

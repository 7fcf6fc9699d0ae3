"""Gaussian noise, multiplied and added."""

import jax.numpy as jnp

from assay import _check
from assay._numerics import random_normal
from assay.layers._dropout import pick
from assay.layers._precision import wide
from assay.typing import Array, Float, Key, Scalar


def gaussian_dropout(
    x: Float[Array, "..."], *, rate: Scalar, key: Key
) -> Float[Array, "..."]:
    """x (1 + σ n) with n from N(0, 1) and σ = √(rate / (1 − rate)): E[y] = x.

    σ is that of `dropout` at the same rate, so the variance is the same; nothing is
    dropped. A traced rate has its derivative. At rate 1, where σ is infinite, y is 0,
    as it is in `dropout`.

    >>> import jax
    >>> y = gaussian_dropout(jnp.ones(100000), rate=0.2, key=jax.random.key(0))
    >>> abs(float(y.mean()) - 1) < 0.01, abs(float(y.std()) - 0.5) < 0.01
    (True, True)

    Srivastava et al. 2014, section 10, jmlr.org/papers/v15/srivastava14a.html.
    """
    _check.floating("gaussian_dropout", x=x)
    _check.within("gaussian_dropout", "rate", rate, 0, 1)
    x = jnp.asarray(x)
    p = jnp.asarray(rate, wide(x.dtype))
    deviation = jnp.sqrt(p / jnp.where(p < 1, 1 - p, 1))
    y = (x.astype(p.dtype) * (1 + deviation * _normal(key, x))).astype(x.dtype)
    return pick(p < 1, y, jnp.zeros((), y.dtype))


def gaussian_noise(
    x: Float[Array, "..."], *, stddev: Scalar, key: Key
) -> Float[Array, "..."]:
    """x + stddev · n with n from N(0, 1), a draw for each entry.

    >>> import jax
    >>> y = gaussian_noise(jnp.ones(100000), stddev=0.5, key=jax.random.key(0))
    >>> abs(float(y.mean()) - 1) < 0.01, abs(float(y.std()) - 0.5) < 0.01
    (True, True)

    Bishop 1995, Training with noise is equivalent to Tikhonov regularization,
    doi:10.1162/neco.1995.7.1.108.
    """
    _check.floating("gaussian_noise", x=x)
    _check.within("gaussian_noise", "stddev", stddev, 0, jnp.inf)
    x = jnp.asarray(x)
    noise = _normal(key, x)
    noise = jnp.asarray(stddev, noise.dtype) * noise
    return (x.astype(noise.dtype) + noise).astype(x.dtype)


def _normal(key: Key, x: Array) -> Array:
    """N(0, 1) in the dtype to compute in, from the same draws whatever that is."""
    noise = random_normal(key, x.shape)
    return noise.astype(wide(x.dtype))

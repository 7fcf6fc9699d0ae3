"""Noise: JAX's numbers, which must be those of a normal distribution."""

import jax
import numpy as np
import scipy.stats

from assay.verify.mirrors._given import Draw, given, mark, static

a_key = Draw(lambda _: np.array([0, 3], np.uint32), differentiable=False)


def _normal(key, x):
    return np.asarray(jax.random.normal(key, np.shape(x), np.float32), np.float64)


def _is_normal(z):
    """Kolmogorov and Smirnov at 3e-6: what a fixed key does not fail by chance."""
    return scipy.stats.kstest(z.ravel(), "norm").statistic < 2.6 / np.sqrt(z.size)


@mark(property=True, source="x (1 + σ n), Kolmogorov-Smirnov", ulp=3, rows=True)
@given(x=(40, 51), rate=static(0.3), key=a_key)
@given(x=(41, 50), rate=static(0.8), key=a_key)
@given(x=(7, 3), rate=static(0.0), key=a_key)
@given(x=(7, 3), rate=static(1.0), key=a_key)
def gaussian_dropout(ours, x, rate, key):
    y = np.asarray(ours(x, rate=rate, key=key), np.float64)
    x = np.asarray(x, np.float64)
    if rate in (0.0, 1.0):
        return (y, np.array(True)), (x * (1 - rate), np.array(True))
    sigma = np.sqrt(np.float64(np.float32(rate)) / (1 - np.float64(np.float32(rate))))
    seen = _is_normal((y / x - 1) / sigma)
    return (y, np.array(seen)), (x * (1 + sigma * _normal(key, x)), np.array(True))


@mark(property=True, source="x + σ n, Kolmogorov-Smirnov", ulp=2, rows=True)
@given(x=(40, 51), stddev=static(0.5), key=a_key)
@given(x=(7, 3), stddev=static(0.0), key=a_key)
def gaussian_noise(ours, x, stddev, key):
    y = np.asarray(ours(x, stddev=stddev, key=key), np.float64)
    x = np.asarray(x, np.float64)
    seen = _is_normal((y - x) / stddev) if stddev else True
    return (y, np.array(seen)), (x + stddev * _normal(key, x), np.array(True))

"""Maps of rows, in NumPy's extended precision where that has more to say."""

import jax
import numpy as np

from assay.verify.mirrors._given import Draw, booleans, given, mark, normal, static
from assay.verify.mirrors.activations._rows import log_shares

_KEY = Draw(lambda _: np.array([0, 3], np.uint32), differentiable=False)


@mark(rows=True)
@given(x=normal(4, 7))
@given(x=normal(3, 5, shift=300.0, scale=1.0), axis=static(0))
@given(x=normal(2, 3, 4), axis=static((0, 2)), epsilon=static(0.5))
@given(x=normal(6, 5), where=booleans(6, 5), algorithm=static("stable"))
@given(x=normal(3, 4), mean=normal(3, 1), variance=static(np.float32(2.0)))
def standardize(
    x, axis=-1, mean=None, variance=None, epsilon=1e-5, where=None, algorithm="fast"
):
    x = np.asarray(x, np.longdouble)
    kept = np.broadcast_to(True if where is None else where, x.shape)
    mean = np.mean(x, axis, keepdims=True, where=kept) if mean is None else mean
    if variance is None:
        variance = np.mean((x - mean) ** 2, axis, keepdims=True, where=kept)
    return ((x - mean) / np.sqrt(variance + epsilon)).astype(np.float64)


def _tiny(*shape):
    """Far below the steps of the differences."""
    return normal(*shape, scale=1e-30)._replace(differentiable=False)


def _kept(x, where):
    x = np.asarray(x, np.longdouble)
    return x if where is None else np.where(where, x, 0)


def _size(x, p, axis):
    """‖x‖ₚ with its axes kept, relative to the largest entry."""
    top = np.maximum(np.abs(x).max(axis, keepdims=True), 1e-300)
    if p == np.inf:
        return top
    return top * np.sum((np.abs(x) / top) ** p, axis, keepdims=True) ** (1 / p)


@given(x=normal(4, 7))
@given(x=_tiny(3, 5), p=static(1.0), axis=static(0))
@given(x=normal(2, 3, 4, scale=1e30), p=static(3.0), axis=static((0, 2)))
@given(x=normal(5, 3), p=static(np.inf), keepdims=static(True))
@given(x=normal(5, 3, 2), axis=static(None))
@given(x=normal(6, 5), where=booleans(6, 5))
def norm(x, p=2.0, axis=-1, keepdims=False, where=None):
    size = _size(_kept(x, where), p, axis).astype(np.float64)
    return size if keepdims else np.squeeze(size, axis)


@mark(source="torch's formula in NumPy")
@given(x=normal(4, 7))
@given(x=normal(3, 5, scale=1e10), p=static(1.0), axis=static(0))
@given(x=normal(2, 3, 4), p=static(3.0), axis=static((0, 2)))
@given(x=normal(5, 3), p=static(np.inf), eps=static(2.0))
@given(x=normal(6, 5), where=booleans(6, 5))
def normalize(x, p=2.0, axis=-1, eps=1e-12, where=None):
    x = _kept(x, where)
    return (x / np.maximum(_size(x, p, axis), eps)).astype(np.float64)


@given(x=normal(4, 7))
@given(x=normal(3, 5, scale=30.0), axis=static(0))
@given(x=normal(2, 3, 4), axis=static((0, 2)))
@given(x=normal(6, 5, scale=3.0), where=booleans(6, 5))
def softmin(x, axis=-1, where=None):
    return np.exp(log_shares(-np.asarray(x), axis, where))


def _simplex(x, axis, where, power):
    """max(x − τ, 0)^power with the sum 1, where τ is found by bisection."""
    x = np.asarray(x, np.longdouble)
    x = x if where is None else np.where(where, x, -np.inf)
    x = x - x.max(axis, keepdims=True)
    low = np.full_like(x.max(axis, keepdims=True), -1)
    high = np.zeros_like(low)
    for _ in range(70):
        middle = (low + high) / 2
        sums = (np.maximum(x - middle, 0) ** power).sum(axis, keepdims=True)
        low, high = np.where(sums > 1, middle, low), np.where(sums > 1, high, middle)
    return (np.maximum(x - low, 0) ** power).astype(np.float64)


@mark(rows=True, source="bisection in NumPy")
@given(x=normal(4, 7))
@given(x=normal(5, 3, scale=0.1), axis=static(0))
@given(x=normal(6, 5), where=booleans(6, 5))
@given(x=Draw(lambda rng: 1e8 + 8 * rng.integers(-2, 3, (3, 5)), False))
def sparsemax(x, axis=-1, where=None):
    return _simplex(x, axis, where, 1)


@mark(rows=True, source="bisection in NumPy")
@given(x=normal(4, 7))
@given(x=normal(5, 3, scale=0.1), axis=static(0))
@given(x=normal(6, 5), where=booleans(6, 5))
@given(x=Draw(lambda rng: 1e8 + 8 * rng.integers(-2, 3, (3, 5)), False))
def entmax15(x, axis=-1, where=None):
    return _simplex(np.asarray(x) / 2, axis, where, 2)


def _noisy(x, temperature, key):
    noise = jax.random.gumbel(jax.random.wrap_key_data(key), np.shape(x), np.float32)
    return (np.asarray(x, np.float64) + np.asarray(noise, np.float64)) / temperature


_SAMPLES = (
    given(x=normal(4, 7), key=_KEY),
    given(x=normal(5, 3), temperature=static(0.5), axis=static(0), key=_KEY),
    given(x=normal(6, 5), where=booleans(6, 5), key=_KEY),
)


def _drawn(mirror):
    for case in reversed(_SAMPLES):
        mirror = case(mirror)
    return mark(property=True, source="jax.random, SciPy", rows=True)(mirror)


@_drawn
def gumbel_softmax(ours, x, temperature=1.0, axis=-1, where=None, key=None):
    """softmax of the same noise."""
    got = ours(x, temperature=temperature, axis=axis, where=where, key=key)
    shares = np.exp(log_shares(_noisy(x, temperature, key), axis, where))
    return (got,), (shares,)


@_drawn
def hard_gumbel_softmax(ours, x, temperature=1.0, axis=-1, where=None, key=None):
    """One-hot where the softmax of the same noise is largest."""
    got = ours(x, temperature=temperature, axis=axis, where=where, key=key)
    shares = np.exp(log_shares(_noisy(x, temperature, key), axis, where))
    return (got,), ((shares == shares.max(axis, keepdims=True)).astype(np.float64),)

"""softmax and its family, in extended precision."""

import numpy as np
from scipy import special

from assay.verify.mirrors._given import Draw, booleans, given, mark, normal, static


def log_shares(x, axis, where=None):
    """x − log Σ eˣ in extended precision, without the sum's largest term."""
    x = np.asarray(x, np.longdouble)
    x = x if where is None else np.where(where, x, -np.inf)
    top = x.max(axis, keepdims=True)
    d = x - np.where(np.isfinite(top), top, 0)
    rest = np.where(x == top, 0, np.exp(d)).sum(axis, keepdims=True)
    ties = (x == top).sum(axis, keepdims=True) - 1
    return (d - np.log1p(rest + ties)).astype(np.float64)


_ROWS = [
    given(x=normal(4, 7)),
    given(x=normal(3, 5, scale=30.0), axis=static(0)),
    given(x=normal(2, 3, 4, scale=1e-4), axis=static((0, 2))),
    given(x=normal(2, 3, 4), axis=static(None)),
    given(x=Draw(lambda rng: 1e8 + 8 * rng.integers(-2, 3, (3, 5)), False)),
]


def _several(cases):
    def add(mirror):
        for case in reversed(cases):
            mirror = case(mirror)
        return mirror

    return add


@mark(ulp=8)
@_several(_ROWS)
@given(x=normal(6, 5, scale=3.0), where=booleans(6, 5))
def softmax(x, axis=-1, where=None):
    return np.exp(log_shares(x, axis, where))


@_several(_ROWS)
def log_softmax(x, axis=-1, where=None):
    return log_shares(x, axis, where)


def _log_sum(x, axis, b, where):
    where = np.broadcast_to(True if where is None else where, x.shape)
    b = np.where(where, 1 if b is None else b, 0).astype(np.longdouble)
    return special.logsumexp(np.where(where, x, -np.inf), axis, b, return_sign=True)


def _sums(mirror):
    """The cases of a logarithm of a sum, away from where its parts cancel."""
    mirror = given(x=normal(6, 5, scale=3.0), where=booleans(6, 5))(mirror)
    mirror = given(x=normal(2, 3, 4, scale=30.0), axis=static((0, 2)))(mirror)
    return given(x=normal(4, 7, shift=1.0), axis=static(-1))(mirror)


def _called_a(mirror):
    mirror.cases = [
        {("a" if n == "x" else n): v for n, v in c.items()} for c in mirror.cases
    ]
    return mirror


@mark(source="SciPy")
@_called_a
@_sums
@given(x=normal(3, 4), b=Draw(lambda rng: rng.uniform(0.5, 2, (3, 4))), axis=static(0))
@given(x=normal(3, 4), axis=static(1), keepdims=static(True))
@given(
    x=normal(2, 5), b=normal(2, 5, shift=-4.0), axis=static(1), return_sign=static(True)
)
def logsumexp(a, axis=None, b=None, keepdims=False, return_sign=False, where=None):
    y, sign = (z.astype(np.float64) for z in _log_sum(a, axis, b, where))
    if keepdims:
        y, sign = np.expand_dims(y, axis), np.expand_dims(sign, axis)
    return (y, sign) if return_sign else y


@mark(source="SciPy")
@_sums
def logmeanexp(x, axis=None, where=None, keepdims=False):
    n = np.broadcast_to(True if where is None else where, x.shape).sum(axis)
    return _log_sum(x, axis, None, where)[0].astype(np.float64) - np.log(n)

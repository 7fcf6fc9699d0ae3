"""softmax and its family, in extended precision."""

import numpy as np

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

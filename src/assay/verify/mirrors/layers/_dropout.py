"""Dropout has no second source of its draws: what must hold of them instead."""

import numpy as np

from assay.verify.mirrors._given import Draw, given, mark, static

a_key = Draw(lambda _: np.array([0, 3], np.uint32), differentiable=False)


def _dropped_or_scaled(y, x, rate, together=()):
    """Every entry is dropped or scaled, with all of its `together` axes; as many are
    dropped as the rate says (5 σ)."""
    y, x = np.asarray(y, np.float64), np.asarray(x, np.float64)
    dropped = (y == 0).all(together, keepdims=True)
    off = abs(dropped.mean() - rate) <= 5 * np.sqrt(rate * (1 - rate) / dropped.size)
    scaled = np.where(dropped, 0, x / max(1 - rate, 1e-9))
    return (y, np.array(off)), (scaled, np.array(True))


@mark(property=True, source="y = 0 or x/(1 - rate)", ulp=1)
@given(x=(40, 50), rate=static(0.25), key=a_key)
@given(x=(7, 3), rate=static(0.0), key=a_key)
@given(x=(7, 3), rate=static(1.0), key=a_key)
@given(x=(5, 4, 301), rate=static(0.75), key=a_key, broadcast=static(-2))
@given(x=(5, 4, 301), rate=static(0.25), key=a_key, broadcast=static((0, -2)))
def dropout(ours, x, rate, key, broadcast=()):
    y = ours(x, rate=rate, key=key, broadcast=broadcast)
    return _dropped_or_scaled(y, x, rate, broadcast)


@mark(property=True, source="every channel is 0 or x/(1 - rate)", ulp=1)
@given(x=(9, 3, 5, 50), rate=static(0.25), key=a_key)
@given(x=(9, 5, 51), rate=static(0.5), key=a_key, spatial=static(1))
@given(x=(2, 3, 4, 5, 49), rate=static(0.75), key=a_key, spatial=static(3))
@given(x=(3, 5, 7), rate=static(1.0), key=a_key)
def spatial_dropout(ours, x, rate, key, spatial=2):
    y = ours(x, rate=rate, key=key, spatial=spatial)
    return _dropped_or_scaled(y, x, rate, tuple(range(-1 - spatial, -1)))


@mark(property=True, source="every weight is 0 or w/(1 - rate)", ulp=1)
@given(kernel=(30, 41), rate=static(0.25), key=a_key)
@given(kernel=(3, 5), rate=static(0.0), key=a_key)
def drop_connect(ours, kernel, rate, key):
    return _dropped_or_scaled(ours(kernel, rate=rate, key=key), kernel, rate)


@mark(property=True, source="every example is 0 or x/(1 - rate)", ulp=1)
@given(x=(301, 3, 1, 2), rate=static(0.25), key=a_key)
@given(x=(20, 15, 4), rate=static(0.5), key=a_key, spatial=static(0))
@given(x=(301, 2, 3), rate=static(0.75), key=a_key, spatial=static(1))
@given(x=(3, 5, 7), rate=static(1.0), key=a_key)
def drop_path(ours, x, rate, key, spatial=2):
    y = ours(x, rate=rate, key=key, spatial=spatial)
    return _dropped_or_scaled(y, x, rate, tuple(range(-1 - spatial, 0)))


def _alpha(y, x, rate, together=()):
    """a z + b with z = x or −λα, and as many dropped as the rate says (5 σ)."""
    y, x = np.asarray(y, np.float64), np.asarray(x, np.longdouble)
    low, q = -1.7580993408473766, 1 - rate
    a = (q + low**2 * q * rate) ** -0.5 if q else 0.0
    b = -a * rate * low
    dropped = (np.abs(y - (a * low + b)) < 1e-5).all(together, keepdims=True)
    off = abs(dropped.mean() - rate) <= 5 * np.sqrt(rate * q / dropped.size)
    true = a * np.where(dropped, low, x) + b
    return (y, np.array(off)), (true, np.array(True))


@mark(property=True, source="a z + b, z = x or -λα", ulp=3, rows=True)
@given(x=(40, 51), rate=static(0.25), key=a_key)
@given(x=(41, 50), rate=static(0.75), key=a_key)
@given(x=(7, 3), rate=static(0.0), key=a_key)
@given(x=(7, 3), rate=static(1.0), key=a_key)
def alpha_dropout(ours, x, rate, key):
    return _alpha(ours(x, rate=rate, key=key), x, rate)


@mark(property=True, source="a z + b, z = x or -λα, by channels", ulp=3, rows=True)
@given(x=(9, 3, 5, 50), rate=static(0.25), key=a_key)
@given(x=(9, 5, 51), rate=static(0.5), key=a_key, spatial=static(1))
@given(x=(3, 5, 7), rate=static(1.0), key=a_key)
def feature_alpha_dropout(ours, x, rate, key, spatial=2):
    y = ours(x, rate=rate, key=key, spatial=spatial)
    return _alpha(y, x, rate, tuple(range(-1 - spatial, -1)))

"""Dropout has no second source of its draws: what must hold of them instead."""

import numpy as np

from assay.verify.mirrors._given import Draw, given, mark, static

a_key = Draw(lambda _: np.array([0, 3], np.uint32), differentiable=False)


@mark(property=True, source="y = 0 or x/(1 - rate)", ulp=1)
@given(x=(40, 50), rate=static(0.25), key=a_key)
@given(x=(7, 3), rate=static(0.0), key=a_key)
@given(x=(7, 3), rate=static(1.0), key=a_key)
def dropout(ours, x, rate, key):
    """Every entry is dropped or scaled; as many are dropped as the rate says (5 σ)."""
    y = np.asarray(ours(x, rate=rate, key=key), np.float64)
    x = np.asarray(x, np.float64)
    dropped = (y == 0).mean()
    off = abs(dropped - rate) <= 5 * np.sqrt(rate * (1 - rate) / y.size)
    scaled = np.where(y == 0, 0, x / max(1 - rate, 1e-9))
    return (y, np.array(off)), (scaled, np.array(True))

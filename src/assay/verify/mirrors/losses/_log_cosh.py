"""log_cosh by NumPy."""

import numpy as np

from assay.verify.mirrors._given import Draw, given, mark, normal

_SMALL = Draw(lambda rng: rng.normal(size=40) * 10.0 ** rng.uniform(-18, 0, 40), False)


@mark(source="NumPy", ulp=4)
@given(predictions=normal(4, 3), targets=normal(4, 3))
@given(predictions=normal(7, scale=100.0))
@given(predictions=_SMALL)
@given(predictions=Draw(lambda _: np.array([0.0, 1e38, -3e38, 700.0]), False))
def log_cosh(predictions, targets=0.0):
    size = np.abs(predictions - targets)
    near = np.log1p(
        np.expm1(np.minimum(size, 1)) ** 2 / (2 * np.exp(np.minimum(size, 1)))
    )
    return np.where(size < 1, near, size - np.log(2) + np.log1p(np.exp(-2 * size)))

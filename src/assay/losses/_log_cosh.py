"""log_cosh: a square near 0, a magnitude far away."""

import math

import jax.numpy as jnp

from assay import _numerics
from assay._numerics import compiled, derivative
from assay.activations import tanh
from assay.losses._regression import _error
from assay.typing import Array, Float, Num

# log cosh x / x² by powers of x² ≤ 1; scripts/activation_polynomials.py.
_NEAR = (
    0.499999999723,
    -0.0833332977609,
    0.0222214644894,
    -0.00673979948172,
    0.00216129189807,
    -0.000679409912203,
    0.000176198626718,
    -2.56173030983e-05,
)


@derivative(tanh)
def _log_cosh(x):
    size = jnp.abs(x)
    rest = _numerics.log1p_of_share(_numerics.decay(-2 * size))
    if _numerics.is_double(x):
        m = _numerics.decay_less_1(-size)
        near = jnp.log1p(m * m / (2 * (1 + m)))
    else:
        near = x * x * _numerics.polynomial(x * x, _NEAR)
    return jnp.where(size < 1, near, (size - math.log(2)) + rest)


@compiled
def _of_error(e):
    return _log_cosh(e)


def log_cosh(
    predictions: Float[Array, "*shape"], targets: Num[Array, "*shape"] | None = None
) -> Float[Array, "*shape"]:
    """log cosh(prediction − target), with targets 0 if not given.

    >>> log_cosh(jnp.array([0.0, 1.0])).tolist()
    [0.0, 0.4337...]

    Chen et al. 2019, https://openreview.net/pdf?id=rkglvsC9Ym.

    Float32, CPU: within 3 ULP; derivatives 3 and 5.
    """
    e = _error("log_cosh", predictions, targets)
    return _numerics.narrow(_of_error(e), predictions)

"""Self-supervision without negatives: two views agree, and features do not repeat."""

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations import relu
from assay.typing import Array, Float, Scalar


def _views(who: str, x: Array, y: Array) -> tuple[Array, Array]:
    _check.same_shape(who, x=x, y=y)
    _check.floating(who, x=x, y=y)
    if jnp.ndim(x) != 2:
        _check.fail(who, "x and y must be (n, d)", f"x.shape={jnp.shape(x)}")
    a, b = _numerics.widest(x, y)
    return a, b


def _product(a: Array, b: Array) -> Array:
    return jnp.matmul(a.T, b, precision=jax.lax.Precision.HIGHEST)


def _off_diagonal(squares: Array) -> Array:
    """Σ of the entries beside the diagonal."""
    return jnp.sum(jnp.where(jnp.eye(squares.shape[0], dtype=bool), 0, squares))


def _standard(x: Array) -> Array:
    """Each feature − its mean, divided by its deviation; 0 where it is constant."""
    d = x - jnp.mean(x, 0, keepdims=True)
    variance = jnp.mean(d * d, 0, keepdims=True)
    constant = variance == 0
    return jnp.where(constant, 0, d / jnp.sqrt(jnp.where(constant, 1, variance)))


def barlow_twins_loss(
    x: Float[Array, "n d"], y: Float[Array, "n d"], *, weight: Scalar = 5e-3
) -> Float[Array, ""]:
    """Σᵢ (1 − cᵢᵢ)² + weight Σᵢ≠ⱼ cᵢⱼ², c the correlation of features over the batch.

    One number for two views of a batch.

    >>> x = jnp.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    >>> barlow_twins_loss(x, x).item(), barlow_twins_loss(x, -x).item()
    (0.0, 8.0)

    Zbontar et al. 2021, arXiv:2103.03230.

    Float32, CPU: within 3 ULP.
    """
    a, b = _views("barlow_twins_loss", x, y)
    c = _product(_standard(a), _standard(b)) / max(a.shape[0], 1)
    agreement = jnp.sum((1 - jnp.diagonal(c)) ** 2)
    repeated = jnp.asarray(weight, c.dtype) * _off_diagonal(c * c)
    return _numerics.narrow(agreement + repeated, x)


def _spread(x: Array, eps: float) -> tuple[Array, Array]:
    """(mean of max(0, 1 − deviation), Σ of squared covariances / d) of the features."""
    n, d = x.shape
    x = x - jnp.mean(x, 0, keepdims=True)
    covariance = _product(x, x) / max(n - 1, 1)
    deviation = jnp.sqrt(jnp.diagonal(covariance) + eps)
    short = jnp.sum(relu(1 - deviation)) / max(d, 1)
    return short, _off_diagonal(covariance * covariance) / max(d, 1)


def vicreg_loss(
    x: Float[Array, "n d"],
    y: Float[Array, "n d"],
    *,
    weights: tuple[float, float, float] = (25.0, 25.0, 1.0),
    eps: float = 1e-4,
) -> Float[Array, ""]:
    """a · mean (x − y)² + b · (v(x) + v(y)) / 2 + c · (w(x) + w(y)), weights (a, b, c).

    v is the mean over features of max(0, 1 − √(variance + eps)), w the sum of squared
    covariances of different features / d. One number for two views of a batch.

    >>> x = jnp.array([[2.0, 2.0], [-2.0, 2.0], [2.0, -2.0], [-2.0, -2.0]])
    >>> vicreg_loss(x, x + 2).item()
    100.0

    Bardes, Ponce and LeCun 2022, arXiv:2105.04906.

    Float32, CPU: within 3 ULP.
    """
    a, b = _views("vicreg_loss", x, y)
    apart = jnp.sum((a - b) ** 2) / max(a.size, 1)
    (short_a, same_a), (short_b, same_b) = _spread(a, eps), _spread(b, eps)
    invariance, variance, covariance = weights
    total = invariance * apart + variance * (short_a + short_b) / 2
    return _numerics.narrow(total + covariance * (same_a + same_b), x)

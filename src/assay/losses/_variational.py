"""What a variational autoencoder adds to the reconstruction: Gaussian KL."""

import jax.numpy as jnp

from assay import _check, _numerics
from assay.losses._mask import _mask
from assay.typing import Array, Axis, Bool, Float

# 1/2!, 1/3!, … 1/10!: on |x| ≤ 0.7 the next term is below 2⁻²⁶ of the sum.
_TERMS = tuple(1.0 / f for f in (2, 6, 24, 120, 720, 5040, 40320, 362880, 3628800))


@_numerics.derivative(lambda x: jnp.expm1(x))
def _bent_exp(x: Array) -> Array:
    """eˣ − 1 − x ≥ 0, by its series near 0; the derivative there is 0."""
    near = jnp.abs(x) < 0.7
    series = _numerics.polynomial(jnp.where(near, x, 0), _series(x))
    return jnp.where(near, x * x * series, jnp.expm1(x) - x)


def _series(x):
    """Enough terms for float32, and for float64."""
    terms, f = list(_TERMS), 3628800.0
    for k in range(11, 20 if _numerics.is_double(x) else 11):
        f *= k
        terms.append(1 / f)
    return terms


def gaussian_kl(
    mean: Float[Array, "*shape"],
    log_variance: Float[Array, "*shape"],
    prior_mean: Float[Array, "*shape"] | None = None,
    prior_log_variance: Float[Array, "*shape"] | None = None,
    *,
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """½ Σ ((μ − μ')² / σ'² + σ² / σ'² − 1 − log σ² / σ'²): KL(N(μ, σ²) ‖ N(μ', σ'²)).

    The prior is N(0, 1) if not given. A β-VAE's loss, for β = 1 minus the ELBO, is
    ``reconstruction + beta * gaussian_kl(mean, log_variance)``.

    >>> gaussian_kl(jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])).item()
    0.5
    >>> gaussian_kl(jnp.zeros(1), jnp.array([1e-4])).item()
    2.5...e-09

    Kingma and Welling 2014, arXiv:1312.6114.

    Float32, CPU: within 4 ULP.
    """
    given = {"prior_mean": prior_mean, "prior_log_variance": prior_log_variance}
    priors = {n: jnp.zeros_like(mean) if p is None else p for n, p in given.items()}
    arrays = {"mean": mean, "log_variance": log_variance, **priors}
    _check.same_shape("gaussian_kl", **arrays)
    _check.floating("gaussian_kl", **arrays)
    m, v, m0, v0 = _numerics.widest(*arrays.values())
    if where is not None:
        inside = _mask(where, m, axis)
        m, v, m0, v0 = (jnp.where(inside, x, 0) for x in (m, v, m0, v0))
    shift = (m - m0) * jnp.exp(-v0 / 2)
    kl = jnp.sum(shift * shift + _bent_exp(v - v0), axis) / 2
    return _numerics.narrow(kl, mean)

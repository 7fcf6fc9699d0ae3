"""Normalized weights: kernels (*window, inputs, outputs), outputs last."""

import jax
import jax.numpy as jnp

from assay import _check
from assay.activations import normalize
from assay.layers._precision import wide
from assay.layers._statistics import Over, affine, standardized
from assay.typing import Array, Float, Scalar

LAYOUT = "(*window, inputs, outputs)"


def weight_norm(
    kernel: Float[Array, "*window i o"], scale: Float[Array, " o"]
) -> Float[Array, "*window i o"]:
    """scale · kernel / ‖kernel‖₂, the norm over all axes but the last.

    So the length of each output's weights is learned apart from their direction. An
    output whose weights are 0 keeps them, with finite gradients. To begin where the
    kernel is, start from scale = ‖kernel‖.

    >>> weight_norm(jnp.array([[3.0], [4.0]]), jnp.array([10.0])).round(2).ravel()
    Array([6., 8.], dtype=float32)

    Salimans and Kingma 2016, arXiv:1602.07868.
    """
    kernel = _checked("weight_norm", kernel)
    z = normalize(
        kernel.astype(wide(kernel.dtype)), axis=_all_but_last(kernel), eps=0.0
    )
    return affine("weight_norm", z, scale, None).astype(kernel.dtype)


def weight_standardize(
    kernel: Float[Array, "*window i o"],
    scale: Float[Array, " o"] | None = None,
    *,
    eps: Scalar = 1e-10,
) -> Float[Array, "*window i o"]:
    """(kernel − mean) / √(var + eps) · scale, over all axes but the last.

    The standardized convolution is `conv(x, weight_standardize(kernel), bias)`, for
    any kind of conv. The eps is BiT's: weights are small, their variance smaller. The
    scaled form of Brock et al. (arXiv:2101.08692) has scale = gain / √(window · i).

    >>> weight_standardize(jnp.array([[0.01], [0.03]])).round(2).ravel().tolist()
    [-1.0, 1.0]

    Qiao et al. 2019, arXiv:1903.10520; Kolesnikov et al. 2019, arXiv:1912.11370.
    """
    kernel = _checked("weight_standardize", kernel)
    z, _ = standardized(kernel, Over(_all_but_last(kernel)), eps)
    return affine("weight_standardize", z, scale, None).astype(kernel.dtype)


def spectral_norm(
    kernel: Float[Array, "*window i o"], u: Float[Array, " o"], *, steps: int = 1
) -> tuple[Float[Array, "*window i o"], Float[Array, " o"]]:
    """kernel / σ, with σ = vᵀ W u about the largest singular value of W; and u.

    W is the kernel as a matrix with the outputs for columns. `steps` times v = W u / ‖W
    u‖ and u = Wᵀ v / ‖Wᵀ v‖, through which no derivative passes; with 0 steps, as in
    inference, u stays. Start from a random u and hand it on; the kernel 0 stays 0.

    >>> w = jnp.array([[3.0, 0.0], [0.0, 1.0]])
    >>> y, u = spectral_norm(w, jnp.array([0.6, 0.8]), steps=20)
    >>> print(y.round(3).tolist(), u.round(3).tolist())
    [[1.0, 0.0], [0.0, 0.333...]] [1.0, 0.0]

    Miyato et al. 2018, arXiv:1802.05957.
    """
    kernel = _checked("spectral_norm", kernel)
    if jnp.shape(u) != kernel.shape[-1:]:
        must = f"u must have one number per output, shape {kernel.shape[-1:]}"
        _check.fail("spectral_norm", must, f"u.shape={jnp.shape(u)}")
    if not isinstance(steps, int) or steps < 0:
        _check.fail(
            "spectral_norm", "steps must be a whole number of at least 0", steps
        )
    z = _near_1(kernel.astype(wide(kernel.dtype)))
    w = z.reshape(-1, kernel.shape[-1])
    u, dtype = jnp.asarray(u), jnp.result_type(u)
    u, v = _singular(jax.lax.stop_gradient(w), u.astype(w.dtype), steps)
    sigma = jnp.vdot(v, _times(w, u))
    y = z / jnp.where(sigma == 0, 1, sigma)
    return y.astype(kernel.dtype), u.astype(dtype)


def _singular(w: Array, u: Array, steps: int) -> tuple[Array, Array]:
    """The vectors (u, v) of the largest singular value, after so many steps."""

    def step(_, pair):
        v = _unit(_times(w, pair[0]))
        return _unit(_times(w.T, v)), v

    u = jax.lax.stop_gradient(u)
    if steps == 0:
        return u, _unit(_times(w, u))
    # The first step outside: after it u varies over the devices that w varies over.
    return jax.lax.fori_loop(1, steps, step, step(0, (u, None)))


def _unit(vector: Array) -> Array:
    return normalize(vector, eps=0.0)


def _times(w: Array, u: Array) -> Array:
    return jnp.matmul(w, u, precision="highest")


def _near_1(w: Array) -> Array:
    """w times the power of two that makes its largest entry about 1, but for 0."""
    facts = jnp.finfo(w.dtype)
    top = jax.lax.stop_gradient(jnp.max(jnp.abs(w), initial=0))
    size = jax.lax.reduce_precision(top / 4, facts.nexp, 0)
    return w / jnp.maximum(size, 2.0 ** (facts.minexp + 26))


def _checked(who: str, kernel: Array) -> Array:
    _check.floating(who, kernel=kernel)
    _check.rank_at_least(who, "kernel", kernel, 2, LAYOUT)
    return jnp.asarray(kernel)


def _all_but_last(kernel: Array) -> tuple[int, ...]:
    return tuple(range(kernel.ndim - 1))

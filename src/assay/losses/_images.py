"""Images: structural similarity, peak signal-to-noise ratio, total variation.

Layout (*batch, height, width, channels); one number per image.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from assay import _check, _numerics
from assay.autodiff import with_backward
from assay.losses._pair import _pair
from assay.typing import Array, Float, Scalar

_LAYOUT = "(*batch, height, width, channels)"


def _images(who: str, predictions: Any, targets: Any) -> tuple[Array, Array]:
    x, y = _pair(who, predictions=predictions, targets=targets)
    _check.rank_at_least(who, "predictions", x, 3, _LAYOUT)
    return x, y


def _window(size: int, sigma: float) -> tuple[float, ...]:
    """Gaussian weights that sum to one."""
    at = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(at**2) / (2 * sigma**2))
    return tuple((weights / weights.sum()).tolist())


def _shifts(x, weights, step, axis):
    """(weight, `x` from 0, step, 2 step … on along `axis`), as long as all have it."""
    n = x.shape[axis] - (len(weights) - 1) * step
    starts = [k * step for k in range(len(weights))]
    parts = [jax.lax.slice_in_dim(x, k, k + n, axis=axis) for k in starts]
    return list(zip(weights, parts, strict=True))


def _sum(terms):
    """Σ, written out; the barrier keeps XLA from doing it anew at every use."""
    return jax.lax.optimization_barrier(functools.reduce(jnp.add, terms))


def _slide(x, weights, step, axis):
    """(m, Σₖ wₖ (xₖ − m)²), m = Σₖ wₖ xₖ, of every window along one axis."""
    shifts = _shifts(x, weights, step, axis)
    mean = _sum(w * part for w, part in shifts)
    return mean, _sum(w * jnp.square(part - mean) for w, part in shifts)


def _slide_back(x, mean, cotangents, weights, step, axis):
    """Σₖ wₖ (ct m + 2 ct s · (x − m))₋ₖ: the spread does not depend on its centre."""
    pads = [(0, 0)] * x.ndim
    pads[axis] = ((len(weights) - 1) * step,) * 2
    padded = (jnp.pad(a, pads) for a in (mean, *cotangents))
    shifts = (_shifts(a, weights, step, axis) for a in padded)
    terms = zip(*shifts, strict=True)  # the window is symmetric
    return _sum(
        w * (ct_m + 2 * ct_s * (x - m)) for (w, m), (_, ct_m), (_, ct_s) in terms
    )


@functools.lru_cache
def _sliding(weights: tuple[float, ...], step: int, axis: int) -> Callable:
    """`_slide` with a backward pass of slices: XLA's own sums padded arrays slowly."""

    def plain(x):
        return _slide(x, weights, step, axis)

    def forward(x):
        y = plain(x)
        return y, y[0]

    def backward(args, mean, cotangents):
        return (_slide_back(args[0], mean, cotangents, weights, step, axis),)

    return with_backward(plain, forward, backward)


def _moments(x, weights):
    """Mean and variance in each window of (*batch, height, width, channels).

    By the law of total variance, axis by axis: E x² − (E x)² would lose the digits that
    a flat region has.
    """
    *_, width, channels = x.shape
    rows = x.reshape(*x.shape[:-2], width * channels)  # a long axis is a fast one
    across, within = _sliding(weights, channels, -1)(rows)
    down = _sliding(weights, 1, -2)
    mean, between = down(across)
    return mean, down(within)[0] + between


def _differences(who, predictions, targets, max_val, window, sigma):
    """(1 − luminance, 1 − contrast · structure) of every window, none of them < 0."""
    x, y = _images(who, predictions, targets)
    if isinstance(max_val, (int, float)) and not max_val > 0:
        _check.fail(who, "max_val must be positive", max_val)
    if min(x.shape[-3:-1]) < window:
        must = f"height and width must be at least the window, {window}"
        _check.fail(who, must, f"predictions.shape={x.shape}")
    limit, weights = jnp.asarray(max_val, x.dtype), _window(window, sigma)
    (mx, my, md), (vx, vy, vd) = _moments(jnp.stack([x, y, x - y]), weights)
    light = md * md / (mx * mx + my * my + (0.01 * limit) ** 2)
    return light, vd / (vx + vy + (0.03 * limit) ** 2)


def ssim(
    predictions: Float[Array, "*batch h w c"],
    targets: Float[Array, "*batch h w c"],
    *,
    max_val: Scalar = 1.0,
    window: int = 11,
    sigma: float = 1.5,
) -> Float[Array, "*batch"]:
    """Mean of (2μν + C₁)(2σ_xy + C₂) / ((μ² + ν² + C₁)(σ_x² + σ_y² + C₂)) over windows.

    Means and (co)variances are Gaussian-weighted, C₁ = (0.01 · max_val)² and
    C₂ = (0.03 · max_val)²; only windows that fit into the image count, of each channel.
    `max_val` is the range of the numbers: 255 for bytes.

    >>> x = jnp.linspace(0.0, 1.0, 12 * 12).reshape(12, 12, 1)
    >>> ssim(x, x).item(), ssim(x, 1 - x).item()
    (1.0, -0.93...)

    Wang et al. 2004, doi:10.1109/TIP.2003.819861.

    Float32, CPU: within 4 ULP of 1.
    """
    parts = _differences("ssim", predictions, targets, max_val, window, sigma)
    y = jnp.mean((1 - parts[0]) * (1 - parts[1]), (-2, -1))
    return _numerics.narrow(y, predictions)


def ssim_loss(
    predictions: Float[Array, "*batch h w c"],
    targets: Float[Array, "*batch h w c"],
    *,
    max_val: Scalar = 1.0,
    window: int = 11,
    sigma: float = 1.5,
) -> Float[Array, "*batch"]:
    """1 − `ssim`, with the digits that the subtraction would lose.

    >>> x = jnp.linspace(0.0, 1.0, 12 * 12).reshape(12, 12, 1)
    >>> ssim_loss(x, x).item(), ssim_loss(x, x + 1e-4).item()
    (0.0, 2.0...e-08)

    Wang et al. 2004, doi:10.1109/TIP.2003.819861.

    Float32, CPU: within 4 ULP.
    """
    a, b = _differences("ssim_loss", predictions, targets, max_val, window, sigma)
    # 1 − (1 − a)(1 − b)
    y = jnp.mean(a * (1 - b) + b, (-2, -1))
    return _numerics.narrow(y, predictions)


def psnr(
    predictions: Float[Array, "*batch h w c"],
    targets: Float[Array, "*batch h w c"],
    *,
    max_val: Scalar = 1.0,
) -> Float[Array, "*batch"]:
    """10 log₁₀(max_val² / mean (prediction − target)²), in decibel.

    ∞ with gradient 0 where both are equal.

    >>> x = jnp.zeros((2, 2, 1))
    >>> psnr(x, x + 0.1).item(), psnr(x, x).item()
    (20.0, inf)

    Float32, CPU: within 4 ULP of max(|result|, 10).
    """
    x, y = _images("psnr", predictions, targets)
    e = (x - y) / jnp.asarray(max_val, x.dtype)
    error = jnp.mean(e * e, (-3, -2, -1))
    same = error == 0
    level = -10 / math.log(10) * jnp.log(jnp.where(same, 1, error))
    return _numerics.narrow(jnp.where(same, jnp.inf, level), predictions)


def total_variation(images: Float[Array, "*batch h w c"]) -> Float[Array, "*batch"]:
    """Σ |right neighbour − pixel| + Σ |lower neighbour − pixel|. |0|' is 0.

    >>> total_variation(jnp.array([[[0.0], [1.0]], [[0.0], [3.0]]])).item()
    6.0

    Rudin, Osher and Fatemi 1992, doi:10.1016/0167-2789(92)90242-F, anisotropic.

    Float32, CPU: within 2 ULP.
    """
    _check.floating("total_variation", images=images)
    _check.rank_at_least("total_variation", "images", images, 3, _LAYOUT)
    x = _numerics.wide(images)
    steps = (_numerics.magnitude(jnp.diff(x, axis=axis)) for axis in (-3, -2))
    total = functools.reduce(jnp.add, (jnp.sum(s, (-3, -2, -1)) for s in steps))
    return _numerics.narrow(total, images)

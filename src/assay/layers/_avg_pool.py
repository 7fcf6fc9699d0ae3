"""Means, sums and norms of windows, in 1-d, 2-d and 3-d as the window says."""

import numpy as np
from jax import lax

from assay import _check, _geometry
from assay.autodiff import safe_pow
from assay.layers import _pool_forms, _pool_window, _precision
from assay.typing import Array, Float, Num, Scalar


def avg_pool(
    x: Float[Array, "*batch_and_space c"],
    window: _pool_window.Window,
    *,
    strides: _geometry.PerAxis | None = None,
    padding: _geometry.Padding = "VALID",
    count_include_pad: bool = True,
    ceil_mode: bool = False,
) -> Float[Array, "*batch_and_space_out c"]:
    """y[t] = meanₖ x[s·t + k], over the padding's zeros too unless told not to.

    `ceil_mode` adds a window where some input is left over; what it sees beyond the
    padding never counts, as in torch. For a divisor of your own (torch's
    `divisor_override`) or dilation, divide what `sum_pool` gives.

    >>> import jax.numpy as jnp
    >>> avg_pool(jnp.array([[1.0], [3.0], [2.0], [0.0]]), (2,))[:, 0]
    Array([2., 1.], dtype=float32)
    >>> avg_pool(jnp.ones((3, 1)), (2,), padding="SAME", count_include_pad=False)[:, 0]
    Array([1., 1.], dtype=float32)

    LeCun et al. 1998, Gradient-based learning, doi:10.1109/5.726791: subsampling.
    """
    _check.floating("avg_pool", x=x)
    steps = _pool_window.Steps(strides, padding, ceil_mode=ceil_mode)
    pool = _pool_window.prepare("avg_pool", x, window, steps)
    dtype = pool.x.dtype
    mean = _pool_forms.means(pool.w, _counts(pool, count_include_pad))
    y = mean(pool.x.astype(_precision.wide(dtype)))
    return pool.unflattened(y.astype(dtype))


def sum_pool(
    x: Num[Array, "*batch_and_space c"],
    window: _pool_window.Window,
    *,
    strides: _geometry.PerAxis | None = None,
    padding: _geometry.Padding = "VALID",
    dilation: _geometry.PerAxis = 1,
    ceil_mode: bool = False,
) -> Num[Array, "*batch_and_space_out c"]:
    """y[t] = Σₖ x[s·t + d·k].

    A mean with a mask is ``sum_pool(x * mask, window) / sum_pool(mask, window)``.

    >>> import jax.numpy as jnp
    >>> sum_pool(jnp.array([[1.0], [3.0], [2.0], [0.0]]), (2,))[:, 0]
    Array([4., 2.], dtype=float32)

    LeCun et al. 1998, doi:10.1109/5.726791, section II.B, without the coefficient.
    """
    steps = _pool_window.Steps(strides, padding, dilation, ceil_mode)
    pool = _pool_window.prepare("sum_pool", x, window, steps)
    y = _pool_forms.means(pool.w)(pool.x.astype(_precision.wide(pool.x.dtype)))
    return pool.unflattened(y.astype(pool.x.dtype))


def lp_pool(
    x: Float[Array, "*batch_and_space c"],
    window: _pool_window.Window,
    *,
    p: Scalar = 2.0,
    strides: _geometry.PerAxis | None = None,
    padding: _geometry.Padding = "VALID",
    ceil_mode: bool = False,
) -> Float[Array, "*batch_and_space_out c"]:
    """y[t] = (Σₖ x[s·t + k]ᵖ)^(1/p), 0 where that is no real number.

    There, and at a window of zeros, the gradient is 0. A window that `ceil_mode` cuts
    short counts as if it were full of its own mean, as in torch.

    >>> import jax.numpy as jnp
    >>> lp_pool(jnp.array([[3.0], [4.0], [0.0], [0.0]]), (2,))[:, 0]
    Array([5., 0.], dtype=float32)

    Gulcehre et al. 2014, Learned-norm pooling, arXiv:1311.1780.
    """
    _check.floating("lp_pool", x=x)
    if isinstance(p, int | float) and not 0 < p < np.inf:
        _check.fail("lp_pool", "p must be positive and finite", p)
    steps = _pool_window.Steps(strides, padding, ceil_mode=ceil_mode)
    pool = _pool_window.prepare("lp_pool", x, window, steps)
    dtype = pool.x.dtype
    powers = _power(pool.x.astype(_precision.wide(dtype)), p)
    if ceil_mode:
        total = _pool_forms.means(pool.w, _counts(pool, True))(powers) * pool.w.taps()
    else:
        total = _pool_forms.means(pool.w)(powers)
    return pool.unflattened(safe_pow(total, 1 / p).astype(dtype))


def _power(x: Array, p: Scalar) -> Array:
    """xᵖ: a whole p takes negative numbers too, and is faster."""
    if isinstance(p, int | float) and p == int(p):
        return lax.integer_pow(x, int(p))
    return safe_pow(x, p)


def _counts(pool: _pool_window.Pool, padding_too: bool) -> _pool_forms.Counts:
    """What the windows divide by: the factors of each axis, or one number."""
    spatial, w = pool.x.shape[1:-1], pool.w
    if padding_too:  # that which was given, not what `ceil_mode` added
        more = [w[1] - p[1] for w, p in zip(w.pads, pool.pads, strict=True)]
        w = w._replace(pads=tuple((0, m) for m in more))
        spatial = [n + sum(p) for n, p in zip(spatial, pool.pads, strict=True)]
    seen = [s.sum(1) for s in _pool_window.sees(spatial, w)]
    if all((s == k).all() for s, k in zip(seen, w.size, strict=True)):
        return w.taps()
    return tuple(tuple(s.tolist()) for s in seen)

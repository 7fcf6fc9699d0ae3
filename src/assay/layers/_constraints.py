"""Constraints: weights in, the nearest weights that are allowed out.

Apply them to a kernel after each step of the optimizer, or as the last of its chain,
``optim.stateless_with_tree_map(lambda g, p: max_norm(p + g) - p)``, `masked` to the
kernels. Others of their kind: `unit_norm` with the axis named, and
`optim.keep_params_nonnegative`.
"""

import jax.numpy as jnp

from assay import _check
from assay.activations import norm, normalize
from assay.layers._precision import wide
from assay.layers._statistics import named_axes
from assay.typing import Array, Axis, Float, Scalar


def max_norm(
    kernel: Float[Array, "..."], *, limit: Scalar = 2.0, axis: Axis = -2
) -> Float[Array, "..."]:
    """w · min(1, limit / ‖w‖₂) over `axis`: no longer than the limit.

    By default w is what one unit of `dense` reads, a column of the kernel (i, o); of a
    2-d convolution that is axis=(-4, -3, -2). The limit's default is Keras's; together
    with dropout the paper takes 3 or 4. Rows of any finite size are brought to it.

    >>> max_norm(jnp.array([[3.0, 0.5], [4.0, 0.0]]), limit=1.0).round(3).tolist()
    [[0.6..., 0.5], [0.8..., 0.0]]

    Srebro et al. 2004, Maximum-margin matrix factorization; Srivastava et al. 2014,
    section 5.1, jmlr.org/papers/v15/srivastava14a.html.
    """
    return _between("max_norm", kernel, None, limit, axis)


def min_max_norm(
    kernel: Float[Array, "..."],
    *,
    low: Scalar = 0.0,
    high: Scalar = 1.0,
    axis: Axis = -2,
) -> Float[Array, "..."]:
    """w · clip(‖w‖₂, low, high) / ‖w‖₂ over `axis`; w = 0 stays 0.

    The defaults of `low` and `high` are Keras's; the axis is that of `max_norm`.

    >>> kernel = jnp.array([[3.0, 0.25, 0.0], [4.0, 0.0, 0.0]])
    >>> min_max_norm(kernel, low=0.5).round(3).tolist()
    [[0.6..., 0.5, 0.0], [0.8..., 0.0, 0.0]]

    Keras `MinMaxNorm`, with its rate of 1.
    """
    _check.within("min_max_norm", "low", low, 0, jnp.inf)
    return _between("min_max_norm", kernel, low, high, axis)


def _between(
    who: str, kernel: Array, low: Scalar | None, high: Scalar, axis: Axis
) -> Array:
    """The same direction, the length brought to the nearer end."""
    _check.floating(who, kernel=kernel)
    least = low if isinstance(low, (int, float)) else 0
    _check.within(who, "limit" if low is None else "high", high, least, jnp.inf)
    kernel = jnp.asarray(kernel)
    axes = named_axes(who, axis, kernel.ndim)
    w = kernel.astype(wide(kernel.dtype))
    # Not w · (limit / length): the length of a row of 3e38 is infinite.
    length, way = norm(w, axis=axes, keepdims=True), normalize(w, axis=axes, eps=0)
    high = jnp.asarray(high, w.dtype)
    y = jnp.where(length > high, high * way, w)
    if low is not None:
        low = jnp.asarray(low, w.dtype)
        y = jnp.where(length < low, low * way, y)
    return y.astype(kernel.dtype)

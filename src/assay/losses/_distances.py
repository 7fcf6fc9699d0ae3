"""Angles and distances between vectors, smooth enough where they meet or vanish."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from assay import _check, _numerics
from assay.activations import norm, normalize
from assay.losses._mask import _mask
from assay.losses._pair import _pair
from assay.typing import Array, Axis, Bool, Float, Scalar


def _degree(who: str, name: str, p: Any) -> float:
    """`p` as a Python number of at least 1: it chooses the formula."""
    if not isinstance(p, (int, float, np.number)) or not p >= 1:
        _check.fail(who, f"{name} must be a Python number of at least 1", p)
    return float(p)


def _length(x: Array, p: float, axis: Axis) -> Array:
    """The norm; of the largest |x| each has its share of the derivative."""
    if p == math.inf:
        return jnp.max(_numerics.magnitude(x), axis, initial=0)
    return norm(x, p=p, axis=axis)


def _vectors(who: str, where: Any, axis: Axis, **arrays: Any) -> tuple[Array, ...]:
    """Both arrays in one floating dtype, 0 where `where` is False."""
    _check.floating(who, **arrays)
    pair = _pair(who, **arrays)
    if where is None:
        return pair
    part = _mask(where, pair[0], axis)
    return tuple(jnp.where(part, x, 0) for x in pair)


def cosine_similarity(
    predictions: Float[Array, "*shape"],
    targets: Float[Array, "*shape"],
    *,
    epsilon: Scalar = 0.0,
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """Σ (p / max(‖p‖, epsilon)) (t / max(‖t‖, epsilon)) over `axis`.

    0 with derivatives 0 beside a vector of zeros, if epsilon is 0. Norms neither
    overflow nor underflow. Optax holds ‖·‖² above epsilon, not ‖·‖.

    >>> x, y = jnp.array([[3.0, 4.0], [0.0, 0.0]]), jnp.array([[4.0, 3.0], [1.0, 0.0]])
    >>> cosine_similarity(x, y).tolist()
    [0.96..., 0.0]

    Float32, CPU: within 3 ULP of 1.
    """
    arrays = {"predictions": predictions, "targets": targets}
    p, t = _vectors("cosine_similarity", where, axis, **arrays)
    p, t = (normalize(x, axis=axis, eps=epsilon) for x in (p, t))
    return _numerics.narrow(jnp.sum(p * t, axis), predictions)


def _lack(x: Array, epsilon: Scalar, axis: Axis) -> Array:
    """1 − ‖x / max(‖x‖, epsilon)‖²: exactly 0 for a norm of at least epsilon."""
    size, eps = norm(x, axis=axis), jnp.asarray(epsilon, x.dtype)
    zero = (size == 0).astype(x.dtype)
    share = jnp.where(size < eps, size / jnp.where(eps == 0, 1, eps), 1 - zero)
    return 1 - share * share


def cosine_distance(
    predictions: Float[Array, "*shape"],
    targets: Float[Array, "*shape"],
    *,
    epsilon: Scalar = 0.0,
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """1 − cosine_similarity(p, t), as ½ ‖p/‖p‖ − t/‖t‖‖², which is never below 0.

    1 with derivatives 0 beside a vector of zeros, if epsilon is 0.

    >>> x, y = jnp.array([[3.0, 4.0], [1.0, 0.0]]), jnp.array([[3.0, 4.0], [1.0, 1e-4]])
    >>> cosine_distance(x, y).tolist()
    [0.0, 4.99...e-09]

    Float32, CPU: within 6 ULP of 1.
    """
    arrays = {"predictions": predictions, "targets": targets}
    p, t = _vectors("cosine_distance", where, axis, **arrays)
    lack = _lack(p, epsilon, axis) + _lack(t, epsilon, axis)
    p, t = (normalize(x, axis=axis, eps=epsilon) for x in (p, t))
    apart = p - t
    return _numerics.narrow((jnp.sum(apart * apart, axis) + lack) / 2, predictions)


def pairwise_distance(
    x: Float[Array, "*shape"],
    y: Float[Array, "*shape"],
    *,
    p: float | int = 2.0,
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """(Σ |x − y|^p)^(1/p) over `axis`; at p = ∞ the greatest |x − y|.

    The derivatives at equal points are 0, so there is no eps; PyTorch's is
    `pairwise_distance(x + 1e-6, y)`. The squares do not overflow.

    >>> x, y = jnp.array([[3.0, 0.0], [1e30, 0.0]]), jnp.array([[0.0, 4.0], [0.0, 0.0]])
    >>> pairwise_distance(x, y).tolist()
    [5.0, 1...e+30]

    Float32, CPU: within 3 ULP.
    """
    p = _degree("pairwise_distance", "p", p)
    a, b = _vectors("pairwise_distance", where, axis, x=x, y=y)
    return _numerics.narrow(_length(a - b, p, axis), x)


def cdist(
    x: Float[Array, "*batch n d"],
    y: Float[Array, "*batch m d"],
    *,
    p: float | int = 2.0,
) -> Float[Array, "*batch n m"]:
    """‖xᵢ − yⱼ‖ₚ for every row of x and of y, from the differences.

    PyTorch expands the square of more than 25 rows, which cancels where rows are close.

    >>> cdist(jnp.zeros((1, 2)), jnp.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[5.0, 0.0]]

    Float32, CPU: within 3 ULP.
    """
    p = _degree("cdist", "p", p)
    _check.floating("cdist", x=x, y=y)
    _check.rank_at_least("cdist", "x", x, 2, "(..., n, d)")
    n, m = jnp.shape(x), jnp.shape(y)
    if (n[:-2], n[-1]) != (m[:-2], m[-1]):
        must = "x and y must have one shape but for their number of rows"
        _check.fail("cdist", must, f"x.shape={n} and y.shape={m}")
    a, b = _numerics.widest(jnp.asarray(x), jnp.asarray(y))
    gaps = jnp.expand_dims(a, -2) - jnp.expand_dims(b, -3)
    return _numerics.narrow(_length(gaps, p, -1), x)


def pdist(x: Float[Array, "n d"], *, p: float | int = 2.0) -> Float[Array, " pairs"]:
    """‖xᵢ − xⱼ‖ₚ for i < j, in the order of the pairs (0, 1), (0, 2), …

    >>> pdist(jnp.array([[0.0, 0.0], [3.0, 4.0], [0.0, 4.0]])).tolist()
    [5.0, 4.0, 3.0]

    Float32, CPU: within 3 ULP.
    """
    p = _degree("pdist", "p", p)
    _check.floating("pdist", x=x)
    if jnp.ndim(x) != 2:
        _check.fail("pdist", "x must have two axes (n, d)", f"x.shape={jnp.shape(x)}")
    a = _numerics.wide(x)
    i, j = np.triu_indices(a.shape[0], 1)
    return _numerics.narrow(_length(a[i] - a[j], p, -1), x)

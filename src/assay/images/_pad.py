"""More pixels around an image or between its pixels, or fewer."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import lax

from assay import _check, _geometry
from assay.typing import Array, Scalar, Shaped

Around = int | Sequence[tuple[int, int]]

# The name in NumPy, and how many pixels of n each mode can take from one side.
MODES = {
    "constant": ("constant", lambda n: None),
    "reflect": ("reflect", lambda n: n - 1),
    "symmetric": ("symmetric", lambda n: n),
    "replicate": ("edge", lambda n: None if n else 0),
    "circular": ("wrap", lambda n: n),
}


def pad(
    x: Shaped[Array, "*batch_and_space c"],
    padding: Around,
    *,
    mode: str = "constant",
    value: Scalar = 0,
    spatial: int = 2,
) -> Shaped[Array, "*batch_and_space_out c"]:
    """y[i + low] = x[i], and around it what `mode` says.

    `padding` is a pair (low, high) for each spatial axis, or one number for both sides
    of each of `spatial` axes. To the left and right of a b c stand with "constant"
    v v and v v, "reflect" c b and b a, "symmetric" b a and c b, "replicate" a a and
    c c, "circular" b c and a b.

    >>> pad(jnp.arange(3)[:, None], ((2, 1),), mode="reflect").ravel()
    Array([2, 1, 0, 1, 2, 1], dtype=int32)
    """
    _check.choice("pad", "mode", mode, MODES)
    pairs, rest = _pairs("pad", "padding", x, padding, spatial)
    name, most = MODES[mode]
    for n, pair in zip(jnp.shape(x)[-len(pairs) - 1 : -1], pairs, strict=True):
        limit = most(n)
        if limit is not None and max(pair) > limit:
            must = f"padding must be at most {limit} of {n} pixels for mode {mode!r}"
            _check.fail("pad", must, pair)
    x = jnp.asarray(x)
    if mode == "constant":
        config = [(low, high, 0) for low, high in (*rest, *pairs, (0, 0))]
        return lax.pad(x, jnp.asarray(value, x.dtype), config)
    return jnp.pad(x, (*rest, *pairs, (0, 0)), name)


def crop(
    x: Shaped[Array, "*batch_and_space c"], cropping: Around, *, spatial: int = 2
) -> Shaped[Array, "*batch_and_space_out c"]:
    """y[i] = x[i + low]: `cropping` pixels fewer on each side, as `pad` adds them.

    >>> crop(jnp.arange(5)[:, None], ((2, 1),)).ravel()
    Array([2, 3], dtype=int32)
    """
    pairs, _ = _pairs("crop", "cropping", x, cropping, spatial)
    sizes = jnp.shape(x)[-len(pairs) - 1 : -1]
    if any(low + high > n for n, (low, high) in zip(sizes, pairs, strict=True)):
        _check.fail("crop", f"cropping must fit into the sizes {sizes}", pairs)
    kept = [slice(lo, n - hi) for n, (lo, hi) in zip(sizes, pairs, strict=True)]
    return jnp.asarray(x)[(..., *kept, slice(None))]


def insert_zeros(
    x: Shaped[Array, "*batch_and_space c"],
    factors: int | Sequence[int],
    *,
    spatial: int = 2,
) -> Shaped[Array, "*batch_and_space_out c"]:
    """y[f·i] = x[i], and zeros between: (n − 1)·f + 1 places of n.

    `factors` is a number for each spatial axis, or one for each of `spatial` axes. A
    convolution of y is fractionally strided: Flax's input_dilation, lax's lhs_dilation.
    `layers.conv_transpose` does both at once.

    >>> insert_zeros(jnp.array([[1], [2], [3]]), (3,)).ravel()
    Array([1, 0, 0, 2, 0, 0, 3], dtype=int32)

    Dumoulin and Visin 2016, A guide to convolution arithmetic, arXiv:1603.07285.
    """
    d = spatial if isinstance(factors, int | np.integer) else len(factors)
    factors = _geometry.per_axis("insert_zeros", "factors", factors, d)
    layout = f"(*batch, {d} spatial, channels)"
    _check.rank_at_least("insert_zeros", "x", x, d + 1, layout)
    x = jnp.asarray(x)
    steps = [0] * (x.ndim - d - 1) + [f - 1 for f in factors] + [0]
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, s) for s in steps])


def center_crop(
    x: Shaped[Array, "*batch_and_space c"], size: Sequence[int]
) -> Shaped[Array, "*batch_and_size c"]:
    """y[i] = x[i + ⌊(n − size) / 2⌋]: the middle, of `size` (h, w) pixels.

    >>> center_crop(jnp.arange(6)[:, None], (3,)).ravel()
    Array([1, 2, 3], dtype=int32)
    """
    d, shape = len(size), jnp.shape(x)
    layout = f"(*batch, {d} spatial, channels)"
    _check.rank_at_least("center_crop", "x", x, d + 1, layout)
    sizes = shape[-d - 1 : -1]
    if not d or any(not 0 <= m <= n for n, m in zip(sizes, size, strict=True)):
        must = f"size must fit into the sizes {sizes}"
        _check.fail("center_crop", must, tuple(size), "Use pad first.")
    gaps = [n - m for n, m in zip(sizes, size, strict=True)]
    return crop(x, [(gap // 2, gap - gap // 2) for gap in gaps])


def _pairs(who: str, name: str, x, around: Around, spatial: int):
    """((low, high), …) of the spatial axes, and zeros for the axes before them."""
    lone = isinstance(around, int | np.integer)
    try:
        pairs = [(around, around)] * spatial if lone else [*around]
        pairs = [(int(low), int(high)) for low, high in pairs]
    except (TypeError, ValueError):
        pairs = []
    if not pairs or min(map(min, pairs)) < 0:
        must = f"{name} must be a number >= 0, or such a pair for each spatial axis"
        _check.fail(who, must, repr(around))
    layout = f"(*batch, {len(pairs)} spatial, channels)"
    _check.rank_at_least(who, "x", x, len(pairs) + 1, layout)
    return pairs, [(0, 0)] * (jnp.ndim(x) - len(pairs) - 1)

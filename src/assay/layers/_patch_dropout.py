"""Dropout of tokens that makes the sequence shorter."""

from math import floor

import jax.numpy as jnp

from assay import _check
from assay._numerics import random_bits
from assay.typing import Array, Float, Key


def patch_dropout(
    x: Float[Array, "*batch tokens c"], *, rate: float | int, key: Key, prefix: int = 0
) -> Float[Array, "*batch kept c"]:
    """A random (1 − rate)·n of the n tokens, in their order; at least one.

    Every example has its own. The first `prefix` tokens, such as a class token, stay
    and do not count. Positions must have been embedded before. Nothing is scaled, and
    at inference it is not called. The rate is a Python number: it sets the shape.

    >>> import jax
    >>> x = jnp.arange(6.0)[:, None]
    >>> patch_dropout(x, rate=0.5, key=jax.random.key(0), prefix=2)[:, 0].tolist()
    [0.0, 1.0, 4.0, 5.0]

    Liu et al. 2022, PatchDropout, arXiv:2208.07220.
    """
    who = "patch_dropout"
    _check.within(who, "rate", rate, 0, 1)
    _check.rank_at_least(who, "x", x, 2, "(*batch, tokens, channels)")
    *lead, n, _ = jnp.shape(x)
    _check.within(who, "prefix", prefix, 0, n)
    kept = max(min(1, n - prefix), floor((n - prefix) * (1 - rate) + 0.5))
    draws = random_bits(key, (*lead, n - prefix))
    chosen = jnp.sort(jnp.argsort(draws, axis=-1)[..., :kept], axis=-1)
    x = jnp.asarray(x)
    rest = jnp.take_along_axis(x[..., prefix:, :], chosen[..., None], axis=-2)
    return jnp.concatenate([x[..., :prefix, :], rest], axis=-2)

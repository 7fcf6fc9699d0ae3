"""Images as sequences of tokens."""

import math

import jax.numpy as jnp

from assay import _check
from assay.layers._dense import dense
from assay.typing import Array, Float


def patch_embedding(
    x: Float[Array, "*batch_and_space c"],
    kernel: Float[Array, "..."],
    bias: Float[Array, " d"] | None = None,
) -> Float[Array, "*batch tokens d"]:
    """Each patch · kernel + bias, row by row: a convolution that does not overlap.

    kernel (*patch, c, d): its rank says how many axes are space, and its sizes must
    divide those of x.

    >>> patch_embedding(jnp.ones((4, 6, 3)), jnp.ones((2, 2, 3, 5))).shape
    (6, 5)

    Dosovitskiy et al. 2020, arXiv:2010.11929.
    """
    who, sizes = "patch_embedding", jnp.shape(kernel)
    if len(sizes) < 3:
        _check.fail(who, "kernel must be (*patch, channels, features)", sizes)
    *patch, channels, _ = sizes
    _check.rank_at_least(who, "x", x, len(patch) + 1, "(*batch, *space, channels)")
    x = jnp.asarray(x)
    batch, space = x.shape[: -len(patch) - 1], x.shape[-len(patch) - 1 : -1]
    divides = all(s % p == 0 for s, p in zip(space, patch, strict=True))
    if x.shape[-1] != channels or not divides:
        must = (
            f"x must have {channels} channels and patches {tuple(patch)} must divide it"
        )
        _check.fail(who, must, f"x.shape={x.shape}", "Crop or pad it.")
    counts = [s // p for s, p in zip(space, patch, strict=True)]
    split = [n for pair in zip(counts, patch, strict=True) for n in pair]
    x = jnp.reshape(x, (*batch, *split, channels))
    first = len(batch)
    grid = [first + 2 * i for i in range(len(patch))]
    order = [*range(first), *grid, *(g + 1 for g in grid), x.ndim - 1]
    size = math.prod(patch) * channels
    tokens = jnp.reshape(jnp.transpose(x, order), (*batch, math.prod(counts), size))
    return dense(tokens, jnp.reshape(kernel, (size, sizes[-1])), bias)


def prepend_tokens(
    x: Float[Array, "*batch t d"], tokens: Float[Array, "n d"]
) -> Float[Array, "*batch n+t d"]:
    """The learned tokens before those of x: a class token, registers.

    >>> prepend_tokens(jnp.zeros((1, 2)), jnp.ones((1, 2))).tolist()
    [[1.0, 1.0], [0.0, 0.0]]

    Devlin et al. 2018; registers: Darcet et al. 2023, arXiv:2309.16588.
    """
    who = "prepend_tokens"
    _check.rank_at_least(who, "x", x, 2, "(*batch, time, features)")
    x = jnp.asarray(x)
    if jnp.ndim(tokens) != 2 or jnp.shape(tokens)[1] != x.shape[-1]:
        must = "tokens must be (count, features) with the features of x"
        _check.fail(who, must, f"{jnp.shape(tokens)} and x.shape={x.shape}")
    tokens = jnp.asarray(tokens, x.dtype)
    tokens = jnp.broadcast_to(tokens, (*x.shape[:-2], *tokens.shape))
    return jnp.concatenate([tokens, x], axis=-2)

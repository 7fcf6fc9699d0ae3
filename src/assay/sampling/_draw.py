"""One token from logits: the likeliest, or one by chance."""

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.typing import Array, Float, Int, Key


def greedy(logits: Float[Array, "*batch vocab"]) -> Int[Array, "*batch"]:
    """argmax logits, the first of those that are equal.

    >>> greedy(jnp.array([[0.0, 2.0, 2.0], [3.0, -jnp.inf, 0.0]])).tolist()
    [1, 0]
    """
    vocabulary("greedy", logits)
    return jnp.argmax(logits, -1).astype(jnp.int32)


def categorical(
    logits: Float[Array, "*batch vocab"], *, key: Key
) -> Int[Array, "*batch"]:
    """argmax (logits + g) of Gumbel noise g: token i by probability softmax(logits)ᵢ.

    What is -inf is never drawn, unless all is; then it is token 0. The noise has the
    high resolution of jax.random.gumbel: its low one never draws what is rarer than
    some 1e-7, and a large vocabulary has many of those.

    >>> logits = jnp.log(jnp.array([0.0, 0.25, 0.75]))
    >>> draws = jax.vmap(lambda k: categorical(logits, key=k))(
    ...     jax.random.split(jax.random.key(0), 1000))
    >>> jnp.bincount(draws, length=3).tolist()
    [0, 2..., 7...]

    Maddison et al. 2014, arXiv:1411.0030.
    """
    vocabulary("categorical", logits)
    logits = _numerics.wide(logits)
    # In float32 always: a key means one token, whatever the dtype.
    noise = jax.random.gumbel(key, logits.shape, jnp.float32, mode="high")
    return greedy(logits + noise.astype(logits.dtype))


def vocabulary(who: str, logits: Array) -> None:
    """Floating numbers over a last axis with something in it."""
    _check.rank_at_least(who, "logits", logits, 1, "(*batch, vocabulary)")
    _check.floating(who, logits=logits)
    if jnp.shape(logits)[-1] == 0:
        _check.fail(who, "logits must have at least one token", "none")

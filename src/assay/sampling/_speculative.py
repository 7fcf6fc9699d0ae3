"""A large model's tokens, drafted by a small one."""

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations import softmax
from assay.sampling._draw import categorical, vocabulary
from assay.typing import Array, Float, Int, Key


def speculative(
    logits: Float[Array, "*batch n_1 vocab"],
    drafted: Float[Array, "*batch n vocab"],
    tokens: Int[Array, "*batch n"],
    *,
    key: Key,
) -> tuple[Int[Array, "*batch n_1"], Int[Array, "*batch"]]:
    """(tokens, how many of them): each draft x with probability min(1, p(x)/q(x)).

    `tokens` were drawn one by one from softmax(`drafted`) = q; p = softmax(`logits`)
    is what the large model says at the same places and one further, in one pass. The
    first that is refused is drawn anew from max(0, p − q), and if none is, one more
    from p: what comes is distributed as the large model's own tokens, exactly. At least
    one counts; behind the last that counts it is repeated.

    >>> sure = 99 * jnp.eye(3)[jnp.array([1, 2, 0])]
    >>> draft = jnp.zeros((2, 3))
    >>> got, count = speculative(sure, draft, jnp.array([1, 0]), key=jax.random.key(0))
    >>> got.tolist(), int(count)
    ([1, 2, 2], 2)

    Leviathan et al. 2022, arXiv:2211.17192; Chen et al. 2023, arXiv:2302.01318.
    """
    _fits(logits, drafted, tokens)
    tokens = jnp.asarray(tokens)
    p = softmax(_numerics.wide(logits), axis=-1)
    q = softmax(_numerics.wide(drafted), axis=-1).astype(p.dtype)
    coins, noise = jax.random.split(key)
    u = jax.random.uniform(coins, tokens.shape, jnp.float32).astype(p.dtype)
    good = u * _at(q, tokens) < _at(p[..., :-1, :], tokens)
    count = jnp.cumprod(good, -1, dtype=jnp.int32).sum(-1, dtype=jnp.int32)
    rest = jnp.maximum(p - jnp.concatenate([q, jnp.zeros_like(p[..., :1, :])], -2), 0)
    rest = jnp.take_along_axis(rest, count[..., None, None], -2)[..., 0, :]
    new = categorical(jnp.log(rest), key=noise).astype(tokens.dtype)[..., None]
    padded = jnp.concatenate([tokens, new], -1)
    place = jax.lax.broadcasted_iota(jnp.int32, padded.shape, padded.ndim - 1)
    return jnp.where(place < count[..., None], padded, new), count + 1


def _at(chance: Array, tokens: Array) -> Array:
    return jnp.take_along_axis(chance, tokens[..., None], -1)[..., 0]


def _fits(logits: Array, drafted: Array, tokens: Array) -> None:
    vocabulary("speculative", logits)
    vocabulary("speculative", drafted)
    _check.integer("speculative", tokens=tokens)
    _check.rank_at_least("speculative", "drafted", drafted, 2, "(*batch, n, vocab)")
    *batch, n, size = jnp.shape(drafted)
    wanted = (*batch, n + 1, size), (*batch, n)
    if (jnp.shape(logits), jnp.shape(tokens)) != wanted:
        must = f"logits and tokens must have shapes {wanted[0]} and {wanted[1]}"
        got = f"{jnp.shape(logits)} and {jnp.shape(tokens)}"
        _check.fail("speculative", must, got, "One row of logits more than drafts.")

"""Sequences of different lengths in one array: their last steps, and each reversed.

`recurrent` and `bidirectional` need neither: with a mask the last carry is that of each
sequence's own end, and in reverse the padding is stepped over first.
"""

import jax.numpy as jnp

from assay import _check
from assay.typing import Array, Float, Int, Shaped


def last_step(
    x: Float[Array, "*batch time c"], lengths: Int[Array, "*batch"]
) -> Float[Array, "*batch c"]:
    """x at step length − 1 of each sequence, and 0 where the length is 0.

    >>> last_step(jnp.array([[[1.0], [2.0]], [[3.0], [4.0]]]), jnp.array([2, 1]))
    Array([[2.],
           [3.]], dtype=float32)

    Keras's `return_sequences=False`, torch's `pad_packed_sequence` and a `gather`.
    """
    x, lengths = _fitting("last_step", x, lengths)
    if not x.shape[-2]:
        return jnp.zeros_like(x, shape=(*x.shape[:-2], x.shape[-1]))
    at = jnp.clip(lengths - 1, 0, x.shape[-2] - 1)
    y = jnp.take_along_axis(x, at[..., None, None], axis=-2)[..., 0, :]
    some = jnp.broadcast_to(lengths[..., None] > 0, y.shape)
    return jnp.where(some, y, jnp.zeros_like(y))


def reverse_sequences(
    x: Shaped[Array, "*batch time c"], lengths: Int[Array, "*batch"]
) -> Shaped[Array, "*batch time c"]:
    """y[t] = x[length − 1 − t] for t < length; the padding stays where it is.

    >>> x = jnp.array([[1.0], [2.0], [0.0]])
    >>> reverse_sequences(x, jnp.array(2))[:, 0].tolist()
    [2.0, 1.0, 0.0]

    `tf.reverse_sequence`; Flax's `flip_sequences`.
    """
    x, lengths = _fitting("reverse_sequences", x, lengths)
    t = jnp.arange(x.shape[-2], dtype=jnp.int32)
    t = jnp.broadcast_to(t, x.shape[:-1])
    lengths = jnp.broadcast_to(lengths[..., None], t.shape)
    at = jnp.where(t < lengths, lengths - 1 - t, t)
    return jnp.take_along_axis(x, at[..., None], axis=-2)


def _fitting(who: str, x: Array, lengths: Array) -> tuple[Array, Array]:
    """One length a sequence."""
    _check.rank_at_least(who, "x", x, 2, "(*batch, time, features)")
    _check.integer(who, lengths=lengths)
    if jnp.shape(lengths) != jnp.shape(x)[:-2]:
        must = f"lengths must have the batch axes of x, {jnp.shape(x)[:-2]}"
        _check.fail(who, must, f"lengths.shape={jnp.shape(lengths)}")
    return jnp.asarray(x), jnp.asarray(lengths, jnp.int32)

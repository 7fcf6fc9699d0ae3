"""Logits that remember: what has been said is made less likely, or more."""

import jax.numpy as jnp

from assay import _check, _numerics
from assay.sampling._draw import vocabulary
from assay.typing import Array, Bool, Float, Int, Scalar


def count_tokens(
    tokens: Int[Array, "*batch time"],
    size: int,
    *,
    mask: Bool[Array, "*batch time"] | None = None,
) -> Int[Array, "*batch vocab"]:
    """How often each of `size` tokens is among `tokens` (where `mask` is True).

    >>> count_tokens(jnp.array([[0, 2, 2]]), 3).tolist()
    [[1, 0, 2]]
    """
    _check.rank_at_least("count_tokens", "tokens", tokens, 1, "(*batch, time)")
    _check.integer("count_tokens", tokens=tokens)
    tokens = jnp.asarray(tokens)
    add = jnp.ones(tokens.shape, jnp.int32)
    if mask is not None:
        _check.same_shape("count_tokens", tokens=tokens, mask=mask)
        add = jnp.asarray(mask).astype(jnp.int32)
    places = jnp.arange(size, dtype=tokens.dtype)
    shape = (*tokens.shape, size)
    same = jnp.broadcast_to(tokens[..., None], shape) == jnp.broadcast_to(places, shape)
    return jnp.where(same, jnp.broadcast_to(add[..., None], shape), 0).sum(-2)


def repetition_penalty(
    logits: Float[Array, "*batch vocab"],
    counts: Int[Array, "*batch vocab"],
    *,
    penalty: Scalar,
) -> Float[Array, "*batch vocab"]:
    """logits / penalty where positive, logits · penalty where not, if the count is > 0.

    >>> logits, counts = jnp.array([2.0, -2.0, 2.0]), jnp.array([1, 3, 0])
    >>> repetition_penalty(logits, counts, penalty=2.0).tolist()
    [1.0, -4.0, 2.0]

    Keskar et al. 2019, arXiv:1909.05858, with transformers' rule for negative logits,
    which the paper's quotient would make likelier.
    """
    _counted("repetition_penalty", logits, counts)
    if isinstance(penalty, int | float) and not penalty > 0:
        _check.fail("repetition_penalty", "penalty must be positive", penalty)
    x = _numerics.wide(logits)
    factor = jnp.asarray(penalty, x.dtype)
    changed = jnp.where(x > 0, x / factor, x * factor)
    return jnp.where(counts > 0, changed, x).astype(jnp.result_type(logits))


def presence_penalty(
    logits: Float[Array, "*batch vocab"],
    counts: Int[Array, "*batch vocab"],
    *,
    penalty: Scalar,
) -> Float[Array, "*batch vocab"]:
    """logits − penalty · [count > 0].

    >>> logits, counts = jnp.array([2.0, -2.0, 2.0]), jnp.array([1, 3, 0])
    >>> presence_penalty(logits, counts, penalty=0.5).tolist()
    [1.5, -2.5, 2.0]

    OpenAI's API, presence_penalty.
    """
    _counted("presence_penalty", logits, counts)
    return _less(logits, jnp.minimum(counts, 1), penalty)


def frequency_penalty(
    logits: Float[Array, "*batch vocab"],
    counts: Int[Array, "*batch vocab"],
    *,
    penalty: Scalar,
) -> Float[Array, "*batch vocab"]:
    """logits − penalty · count.

    >>> logits, counts = jnp.array([2.0, -2.0, 2.0]), jnp.array([1, 3, 0])
    >>> frequency_penalty(logits, counts, penalty=0.5).tolist()
    [1.5, -3.5, 2.0]

    OpenAI's API, frequency_penalty.
    """
    _counted("frequency_penalty", logits, counts)
    return _less(logits, counts, penalty)


def logit_bias(
    logits: Float[Array, "*batch vocab"], bias: Float[Array, " vocab"]
) -> Float[Array, "*batch vocab"]:
    """logits + bias, one number a token; -inf takes the token out.

    >>> logit_bias(jnp.array([[1.0, 2.0]]), jnp.array([0.5, -jnp.inf])).tolist()
    [[1.5, -inf]]
    """
    vocabulary("logit_bias", logits)
    size = jnp.shape(logits)[-1]
    if jnp.shape(bias) != (size,):
        must = f"bias must have a number for each of {size} tokens"
        _check.fail("logit_bias", must, f"bias.shape={jnp.shape(bias)}")
    x, b = _numerics.wide(logits), _numerics.wide(bias)
    y = x + jnp.broadcast_to(b.astype(x.dtype), x.shape)
    return y.astype(jnp.result_type(logits))


def _counted(who: str, logits: Array, counts: Array) -> None:
    vocabulary(who, logits)
    _check.same_shape(who, logits=logits, counts=counts)
    _check.integer(who, counts=counts)


def _less(logits: Array, counts: Array, penalty: Scalar) -> Array:
    x = _numerics.wide(logits)
    y = x - jnp.asarray(penalty, x.dtype) * jnp.asarray(counts).astype(x.dtype)
    return y.astype(jnp.result_type(logits))

"""What may be drawn: logits -> logits, -inf where a token is taken out."""

from typing import Any

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations import log_softmax, softmax
from assay.sampling._draw import greedy, vocabulary
from assay.typing import Array, Bool, Float, Int, Scalar

COLD = 1e-30  # below it logits / temperature overflows


def temperature(
    logits: Float[Array, "*batch vocab"], *, temperature: Scalar
) -> Float[Array, "*batch vocab"]:
    """logits / temperature: below 1 surer, above 1 more even; at 0 the `greedy` token.

    At 0 (below 1e-30, where a quotient would overflow) only the first of the largest
    logits is left.

    >>> temperature(jnp.array([1.0, 3.0]), temperature=0.5).tolist()
    [2.0, 6.0]
    >>> temperature(jnp.array([1.0, 3.0, 3.0]), temperature=0.0).tolist()
    [-inf, 3.0, -inf]
    """
    vocabulary("temperature", logits)
    _check.within("temperature", "temperature", temperature, 0, float("inf"))
    x = _numerics.wide(logits)
    t = jnp.asarray(temperature, x.dtype)
    cold = t < COLD
    # The branch that is not taken divides too: by 1, so that its slope is finite.
    warm = x / jnp.where(cold, jnp.ones_like(t), t)
    best = one_hot(greedy(x), x)
    y = jnp.where(cold, jnp.where(best, x, -jnp.inf), warm)
    return y.astype(jnp.result_type(logits))


def top_k(
    logits: Float[Array, "*batch vocab"], *, k: int | Int[Array, ""]
) -> Float[Array, "*batch vocab"]:
    """The k largest logits, exactly k of them; of equal ones the first.

    k from the size of the vocabulary on leaves all as they are; k may be traced.

    >>> top_k(jnp.array([1.0, 3.0, 2.0, 2.0]), k=2).tolist()
    [-inf, 3.0, 2.0, -inf]

    Fan et al. 2018, arXiv:1805.04833.
    """
    vocabulary("top_k", logits)
    if isinstance(k, int) and k < 1:
        _check.fail("top_k", "k must be at least 1", k)
    count = jnp.broadcast_to(jnp.asarray(k, jnp.int32), jnp.shape(logits)[:-1])
    return _largest(logits, logits, count)


def top_p(
    logits: Float[Array, "*batch vocab"], *, p: Scalar
) -> Float[Array, "*batch vocab"]:
    """The fewest likeliest tokens that have probability p together, at least one.

    Of equal ones the first; p = 1 leaves all as they are, exactly.

    >>> logits = jnp.log(jnp.array([0.2, 0.5, 0.3]))
    >>> jnp.isfinite(top_p(logits, p=0.7)).tolist()
    [False, True, True]
    >>> jnp.isfinite(top_p(logits, p=0.0)).tolist()
    [False, True, False]

    Nucleus sampling: Holtzman et al. 2019, arXiv:1904.09751. A token is in if those
    before it have less than p, as in transformers' TopPLogitsWarper.
    """
    vocabulary("top_p", logits)
    _check.within("top_p", "p", p, 0, 1)
    x = _numerics.wide(jax.lax.stop_gradient(logits))
    chance = softmax(x, axis=-1)
    falling = jax.lax.sort(-chance, dimension=-1)
    return _largest(logits, chance, _enough(-falling, p))


def typical_p(
    logits: Float[Array, "*batch vocab"], *, p: Scalar
) -> Float[Array, "*batch vocab"]:
    """Tokens of the most typical surprise, with probability p together, at least one.

    Those whose -log probability is next to the entropy; of equal ones the first. p = 1
    leaves all as they are.

    >>> logits = jnp.log(jnp.array([0.75, 0.125, 0.125]))
    >>> jnp.isfinite(typical_p(logits, p=0.5)).tolist()
    [True, False, False]

    Meister et al. 2022, arXiv:2202.00666.
    """
    vocabulary("typical_p", logits)
    _check.within("typical_p", "p", p, 0, 1)
    logp = log_softmax(_numerics.wide(jax.lax.stop_gradient(logits)), axis=-1)
    chance = jnp.exp(logp)
    surprise = jnp.where(chance > 0, -logp, jnp.inf)
    information = jnp.where(chance > 0, chance * surprise, 0.0)
    apart = jnp.abs(surprise - information.sum(-1, keepdims=True))
    _, ordered = jax.lax.sort((apart, chance), num_keys=1, is_stable=True)
    return _largest(logits, -apart, _enough(ordered, p))


def min_p(
    logits: Float[Array, "*batch vocab"], *, p: Scalar
) -> Float[Array, "*batch vocab"]:
    """Tokens that are at least p times as likely as the likeliest.

    p = 0 leaves all as they are, p = 1 the likeliest, all of them if they are equal.

    >>> logits = jnp.log(jnp.array([0.5, 0.1, 0.4]))
    >>> jnp.isfinite(min_p(logits, p=0.5)).tolist()
    [True, False, True]

    Nguyen et al. 2024, arXiv:2407.01082.
    """
    vocabulary("min_p", logits)
    _check.within("min_p", "p", p, 0, 1)
    x = _numerics.wide(logits)
    limit = x.max(-1, keepdims=True) + jnp.log(jnp.asarray(p, x.dtype))
    return _kept(logits, (x >= limit) | jnp.isnan(x))


def allow(
    logits: Float[Array, "*batch vocab"], mask: Bool[Array, "*batch vocab"]
) -> Float[Array, "*batch vocab"]:
    """logits where `mask` is True, else -inf: what a grammar allows next.

    >>> allow(jnp.array([1.0, 2.0]), jnp.array([True, False])).tolist()
    [1.0, -inf]
    """
    vocabulary("allow", logits)
    _check.same_shape("allow", logits=logits, mask=mask)
    if jnp.result_type(mask) != jnp.bool_:
        must = "mask must be boolean, True = may be drawn"
        _check.fail("allow", must, jnp.result_type(mask), kind=TypeError)
    return _kept(logits, mask)


def forbid(
    logits: Float[Array, "*batch vocab"], tokens: Int[Array, " n"]
) -> Float[Array, "*batch vocab"]:
    """-inf at `tokens`, in every row.

    >>> forbid(jnp.array([[1.0, 2.0, 3.0]]), jnp.array([0, 2])).tolist()
    [[-inf, 2.0, -inf]]
    """
    vocabulary("forbid", logits)
    _check.integer("forbid", tokens=tokens)
    size = jnp.shape(logits)[-1]
    _check.indices("forbid", "tokens", tokens, size)
    out = jnp.zeros(size, bool).at[jnp.asarray(tokens)].set(True)
    return _kept(logits, jnp.broadcast_to(~out, jnp.shape(logits)))


def _enough(chance: Array, p: Any) -> Array:
    """How many of these, in their order, have probability p together; at least one."""
    p = jnp.asarray(p, chance.dtype)
    total = jnp.cumsum(chance, -1)
    before = jnp.concatenate([jnp.zeros_like(total[..., :1]), total[..., :-1]], -1)
    count = (before < p).sum(-1, dtype=jnp.int32)
    # Sums may round to 1 before the last: p = 1 means all of them.
    return jnp.where(p < 1, jnp.maximum(count, 1), chance.shape[-1])


def _largest(logits: Array, by: Array, count: Array) -> Array:
    """The `count` logits where `by` is largest, of equal ones the first."""
    by = _numerics.wide(jax.lax.stop_gradient(by))
    size = by.shape[-1]
    last = jnp.clip(count, 1, size)[..., None] - 1
    falling = -jax.lax.sort(-by, dimension=-1)
    limit = jnp.take_along_axis(falling, last, -1)
    above, equal = by > limit, by == limit
    room = last + 1 - above.sum(-1, keepdims=True, dtype=jnp.int32)
    first = equal & (jnp.cumsum(equal, -1, dtype=jnp.int32) <= room)
    return _kept(logits, above | first | (last + 1 == size) | jnp.isnan(by))


def _kept(logits: Array, mask: Array) -> Array:
    logits = jnp.asarray(logits)
    return jnp.where(mask, logits, jnp.full_like(logits, -jnp.inf))


def one_hot(token: Array, x: Array) -> Array:
    """True at `token`, over the axes of x."""
    place = jax.lax.broadcasted_iota(jnp.int32, x.shape, x.ndim - 1)
    return place == token[..., None]

"""One token after the other: a scan over a step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.sampling import _filters
from assay.sampling._draw import categorical
from assay.typing import Array, Int, Key, PyTree, Scalar


class Ending(NamedTuple):
    """When a sequence ends: after so many tokens, or earlier with the token `eos`."""

    length: int
    eos: int | None = None
    pad: int = 0  # stands behind the end


class Generated(NamedTuple):
    """What `generate` returns; go on with `carry` and the last of `tokens`."""

    tokens: Int[Array, "*batch length"]
    lengths: Int[Array, "*batch"]  # with the eos
    carry: PyTree


def generate(
    step: Callable[[Any, Array], tuple[Any, Array]],
    carry: PyTree,
    first: Int[Array, "*batch"],
    ending: Ending,
    *,
    choose: Callable[..., Array] = categorical,
    key: Key,
) -> Generated:
    """carry, logits = step(carry, token); token = choose(logits): so many times.

    `first` is the token before the first that is generated, `choose(logits, *, key)`
    what `sampler` makes or any function like it. Token t is drawn with
    ``fold_in(key, t)``, so that fewer tokens are the beginning of more.

    >>> def step(carry, token):          # after 0 comes 1, after 1 comes 2, ...
    ...     return carry, 99 * jnp.eye(5)[token + 1]
    >>> made = generate(step, None, jnp.array([0, 2]), Ending(3, eos=4, pad=-1),
    ...                 key=jax.random.key(0))
    >>> made.tokens.tolist(), made.lengths.tolist()
    ([[1, 2, 3], [3, 4, -1]], [3, 2])
    """
    _check.integer("generate", first=first)
    check_ending("generate", ending)
    first = jnp.asarray(first)
    pad = jnp.full_like(first, ending.pad)
    eos = None if ending.eos is None else jnp.full_like(first, ending.eos)

    def body(state: tuple, t: Array) -> tuple[tuple, tuple]:
        carry, token, ended = state
        carry, logits = step(carry, token)
        token = choose(logits, key=jax.random.fold_in(key, t)).astype(first.dtype)
        token = jnp.where(ended, pad, token)
        counts = ~ended
        if eos is not None:
            ended = ended | (token == eos)
        return (carry, token, ended), (token, counts)

    # zeros_like, not zeros: inside shard_map it must vary as `first` does.
    start = carry, first, jnp.zeros_like(first, bool)
    state, made = jax.lax.scan(body, start, jnp.arange(ending.length, dtype=jnp.int32))
    tokens, counts = (jnp.moveaxis(y, 0, -1) for y in made)
    return Generated(tokens, counts.sum(-1, dtype=jnp.int32), state[0])


def sampler(
    *,
    temperature: Scalar = 1.0,
    top_k: int | None = None,
    top_p: Scalar = 1.0,
    min_p: Scalar = 0.0,
) -> Callable[..., Array]:
    """(logits, *, key) -> token: temperature, top_k, top_p, min_p, then `categorical`.

    In this order, as transformers has it. `temperature=0` is `greedy`.

    >>> choose = sampler(temperature=0.0)
    >>> int(choose(jnp.array([1.0, 3.0, 2.0]), key=jax.random.key(0)))
    1
    """

    def choose(logits: Array, *, key: Key) -> Array:
        logits = _filters.temperature(logits, temperature=temperature)
        if top_k is not None:
            logits = _filters.top_k(logits, k=top_k)
        logits = _filters.top_p(logits, p=top_p)
        return categorical(_filters.min_p(logits, p=min_p), key=key)

    return choose


def counting(
    step: Callable[[Any, Array], tuple[Any, Array]],
    change: Callable[[Array, Array], Array],
) -> Callable[[Any, Array], tuple[Any, Array]]:
    """A step whose logits are change(logits, counts) of the tokens that it was given.

    Its carry is (carry of `step`, counts (*batch, vocabulary)): zeros, or the
    `count_tokens` of a prompt without its last token.

    >>> from functools import partial
    >>> from assay.sampling import presence_penalty
    >>> step = lambda carry, token: (carry, jnp.zeros(3))
    >>> penal = counting(step, partial(presence_penalty, penalty=1.0))
    >>> (_, counts), logits = penal((None, jnp.zeros(3, jnp.int32)), jnp.array(2))
    >>> logits.tolist(), counts.tolist()
    ([0.0, 0.0, -1.0], [0, 0, 1])
    """

    def counted(state: tuple, token: Array) -> tuple[tuple, Array]:
        carry, counts = state
        carry, logits = step(carry, token)
        counts = counts + _filters.one_hot(token, counts).astype(counts.dtype)
        return (carry, counts), change(logits, counts)

    return counted


def check_ending(who: str, ending: Ending) -> None:
    """A length is needed before anything is compiled."""
    if not isinstance(ending, Ending):
        must = "ending must be an Ending(length, eos, pad)"
        _check.fail(who, must, type(ending).__name__, kind=TypeError)
    if ending.length < 0:
        _check.fail(who, "the length must be 0 or more", ending.length)

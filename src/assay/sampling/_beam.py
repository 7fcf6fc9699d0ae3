"""The likeliest sequences, as far as a few of them are followed at a time."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations import log_softmax
from assay.sampling._draw import vocabulary
from assay.sampling._generate import Ending, check_ending
from assay.typing import Array, Float, Int, PyTree, Scalar


class Beams(NamedTuple):
    """The best sequences, the best first; a score of -inf is no sequence."""

    tokens: Int[Array, "beams length"]
    lengths: Int[Array, " beams"]  # with the eos
    scores: Float[Array, " beams"]  # Σ log p / length^length_penalty


class _Search(NamedTuple):
    """What a step of the search changes."""

    carry: PyTree  # of each beam
    token: Array  # (beams,) the newest
    live: Array  # (beams,) Σ log p
    tokens: Array  # (beams, length)
    done: Beams


def beam_search(
    step: Callable[[Any, Array], tuple[Any, Array]],
    carry: PyTree,
    first: Int[Array, ""],
    ending: Ending,
    *,
    beams: int,
    length_penalty: Scalar = 0.0,
) -> Beams:
    """The sequences of greatest Σ log p(token) / length^length_penalty, near enough.

    `step` is of one sequence, `first` one token; it is mapped over the beams, and
    ``vmap`` of the search maps it over sequences. The `beams` best that have no `eos`
    yet are followed, the `beams` best that have are kept, and those at the end that
    have none stand beside them. With beams enough it is exhaustive.

    >>> rows = jnp.log(jnp.array([[0.6, 0.4], [0.5, 0.5], [0.1, 0.9]]))
    >>> step = lambda _, token: (token, rows[token])           # a Markov chain
    >>> found = beam_search(step, jnp.array(0), jnp.array(0), Ending(2), beams=2)
    >>> found.tokens.tolist(), jnp.exp(found.scores).tolist()
    ([[0, 0], [0, 1]], [0.3..., 0.2...])

    Graves 2012, arXiv:1211.3711; the penalty as transformers has it. Two lists, of
    what goes on and what is done: Wu et al. 2016, arXiv:1609.08144.
    """
    _check.integer("beam_search", first=first)
    check_ending("beam_search", ending)
    _check.within("beam_search", "beams", beams, 1, float("inf"))
    first = jnp.asarray(first)
    if first.ndim:
        todo = "Map over sequences with jax.vmap."
        _check.fail("beam_search", "first must be one token", first.shape, todo)
    each = jax.vmap(step)
    search = _begin(each, carry, first, ending, beams)

    def body(search: _Search, t: Array) -> tuple[_Search, None]:
        return _advance(each, search, t, ending, length_penalty), None

    steps = jnp.arange(ending.length, dtype=jnp.int32)
    search, _ = jax.lax.scan(body, search, steps)
    length = jnp.full_like(search.done.lengths, ending.length)
    scores = _score(search.live, ending.length, length_penalty)
    return _best(search.done, Beams(search.tokens, length, scores))


def _begin(
    each: Callable, carry: PyTree, first: Array, ending: Ending, beams: int
) -> _Search:
    """One beam that is alive, the others impossible."""
    copies = lambda x: jnp.broadcast_to(x, (beams, *jnp.shape(x)))  # noqa: E731
    carry = jax.tree.map(copies, carry)
    token = copies(first)
    logits = jax.eval_shape(each, carry, token)[1]
    vocabulary("beam_search", logits)
    dtype = jnp.promote_types(logits.dtype, jnp.float32)
    none = jnp.full_like(token, -jnp.inf, dtype)
    tokens = jnp.full_like(token, ending.pad, shape=(beams, ending.length))
    done = Beams(tokens, jnp.zeros_like(token, jnp.int32), none)
    live = jnp.where(jnp.arange(beams) == 0, jnp.zeros_like(none), none)
    return _Search(carry, token, live, tokens, done)


def _advance(
    each: Callable, search: _Search, t: Array, ending: Ending, penalty: Scalar
) -> _Search:
    """Every beam by every token; the best go on, the best that end are kept."""
    carry, logits = each(search.carry, search.token)
    logp = log_softmax(_numerics.wide(logits), axis=-1)
    beams, size = logp.shape
    total = jnp.broadcast_to(search.live[:, None], logp.shape) + logp
    done = search.done
    if ending.eos is not None:
        ended = _put(search.tokens, jnp.full_like(search.token, ending.eos), t)
        scores = _score(total[:, ending.eos], t + 1, penalty)
        lengths = jnp.broadcast_to(t + 1, done.lengths.shape)
        done = _best(done, Beams(ended, lengths, scores))
        total = total.at[:, ending.eos].set(-jnp.inf)
    flat = total.reshape(-1)
    live, places = jax.lax.top_k(flat, min(beams, flat.size))
    parent, token = places // size, (places % size).astype(search.token.dtype)
    carry = jax.tree.map(lambda x: x[parent], carry)
    return _Search(carry, token, live, _put(search.tokens[parent], token, t), done)


def _put(tokens: Array, token: Array, t: Array) -> Array:
    """`token` at place t of every beam."""
    return jax.lax.dynamic_update_slice_in_dim(tokens, token[:, None], t, 1)


def _score(logp: Array, length: Any, penalty: Scalar) -> Array:
    """Σ log p / length^penalty."""
    length = jnp.asarray(length, logp.dtype)
    return logp / length ** jnp.asarray(penalty, logp.dtype)


def _best(a: Beams, b: Beams) -> Beams:
    """As many of both as there are in one, the best first."""
    both = jax.tree.map(lambda x, y: jnp.concatenate([x, y]), a, b)
    _, places = jax.lax.top_k(both.scores, a.scores.shape[0])
    return jax.tree.map(lambda x: x[places], both)

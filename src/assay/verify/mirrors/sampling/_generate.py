"""Generation as a loop in Python; beam search as the list of all sequences."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np

from assay.sampling import Beams, Ending, Generated
from assay.verify.mirrors._given import Draw, given, integers, mark, normal, static

_a_key = Draw(lambda _: np.array([0, 3], np.uint32), differentiable=False)
HIGHER = {"property": True, "higher_order": True, "rows": True}


def _choose(logits, key):
    """By the key and the logits, and by no function of the room."""
    return jnp.argmax(logits + jax.random.uniform(key, logits.shape), -1)


def _cell(table):
    """The logits after a token, and after how many."""
    return lambda carry, token: (carry + 1, table[token] * jnp.cos(1.0 * carry))


@mark(**HIGHER, source="a loop")
@given(table=normal(5, 5), first=integers(3, high=5), key=_a_key)
def generate(ours, table, first, key):
    step, ending = _cell(table), Ending(6, eos=1, pad=7)
    made = ours(step, jnp.zeros(()), first, ending, choose=_choose, key=key)
    rows, lengths = [[], [], []], [6, 6, 6]
    carry, token = jnp.zeros(()), first
    for t in range(6):
        carry, logits = step(carry, token)
        token = np.asarray(_choose(logits, jax.random.fold_in(key, t)), np.int32)
        for i, row in enumerate(rows):
            row.append(7 if 1 in row else int(token[i]))
        token = np.asarray([row[-1] for row in rows], np.int32)
    lengths = [row.index(1) + 1 if 1 in row else 6 for row in rows]
    expected = np.array(rows, np.int32), np.array(lengths, np.int32)
    return made, Generated(*expected, np.float32(6))


@mark(**HIGHER, source="transformers' order of filters, by hand")
@given(logits=static(None), key=_a_key)
def sampler(ours, logits, key):
    """Only what all filters leave is drawn, and all of it."""
    del logits
    logits = jnp.log(jnp.array([0.4, 0.3, 0.2, 0.06, 0.04]))
    cases = [
        ({}, {0, 1, 2, 3, 4}),
        ({"temperature": 0.0}, {0}),
        ({"top_k": 4, "top_p": 0.92}, {0, 1, 2}),  # 0.9/0.96 of the four is enough
        ({"top_p": 0.92}, {0, 1, 2, 3}),
        ({"min_p": 0.45}, {0, 1, 2}),
        ({"temperature": 0.5, "min_p": 0.45}, {0, 1}),  # 0.16, 0.09, 0.04
    ]
    keys, got = jax.random.split(key, 400), []
    for options, _ in cases:
        draw = functools.partial(ours(**options), logits)
        tokens = jax.vmap(lambda k, draw=draw: draw(key=k))(keys)
        got.append(np.isin(np.arange(5), np.asarray(tokens)))
    return np.array(got), np.array([np.isin(range(5), list(s)) for _, s in cases])


@mark(**HIGHER, source="a loop")
@given(table=normal(5, 5), tokens=integers(4, 3, high=5))
def counting(ours, table, tokens):
    step = ours(
        _cell(table), lambda logits, counts: logits * (1.0 + counts.astype(float))
    )
    state = jnp.zeros(()), jnp.zeros((3, 5), jnp.int32)
    got, expected, counts = [], [], np.zeros((3, 5), np.int32)
    for t, token in enumerate(np.asarray(tokens)):
        state, logits = step(state, jnp.asarray(token))
        counts[range(3), token] += 1
        got.append(logits)
        expected.append(np.asarray(table)[token] * np.cos(np.float32(t)) * (counts + 1))
    return (got, state[1]), (expected, counts)


@mark(**HIGHER, source="all sequences")
@given(table=normal(4, 4), penalty=static(0.0), eos=static(None), beams=static(64))
@given(table=normal(4, 4), penalty=static(0.0), eos=static(2), beams=static(40))
@given(table=normal(4, 4), penalty=static(1.5), eos=static(2), beams=static(40))
@given(table=normal(4, 4), penalty=static(-0.5), eos=static(0), beams=static(40))
def beam_search(ours, table, penalty, eos, beams):
    step, ending = _cell(table), Ending(3, eos=eos, pad=9)
    first = jnp.zeros((), jnp.int32)
    got = ours(step, jnp.zeros(()), first, ending, beams=beams, length_penalty=penalty)
    every = {}
    for path in itertools.product(range(4), repeat=3):
        end = path.index(eos) + 1 if eos in path else 3
        every[path[:end]] = _logp(table, path[:end]) / end**penalty
    best = sorted(every, key=lambda path: -every[path])[:8]
    tokens = [[*path, *(9,) * (3 - len(path))] for path in best]
    lengths = [len(path) for path in best]
    expected = Beams(*(np.array(a, np.int32) for a in (tokens, lengths)), None)
    scores = np.array([every[path] for path in best])
    first_8 = jax.tree.map(lambda x: x[:8], got)
    return first_8, expected._replace(scores=scores)


def _logp(table, path):
    total, last = 0.0, 0
    for t, token in enumerate(path):
        logits = np.asarray(table, np.float64)[last] * np.cos(t)
        total += logits[token] - np.log(np.exp(logits).sum())
        last = token
    return total

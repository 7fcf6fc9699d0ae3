"""Filters as their papers tell them: a list of tokens, the likeliest first.

What transformers' logits processors compute, for one row, in Python.
"""

import math

import numpy as np

from assay.verify.mirrors._given import Draw, booleans, given, mark, normal, static


def _tied(*shape):
    """Logits of which many are equal, and some are out already."""

    def make(rng):
        x = rng.integers(-2, 3, shape) / 2.0
        x[..., 1] = -np.inf
        return x

    return Draw(make)


def _rows(logits, chosen):
    """-inf but where `chosen(row)` lists the tokens."""
    logits = np.asarray(logits)
    y = np.full_like(logits, -np.inf)
    for place in np.ndindex(logits.shape[:-1]):
        for token in chosen([float(v) for v in logits[place]]):
            y[(*place, token)] = logits[(*place, token)]
    return y


def _falling(values):
    """Places of the values from the largest on, of equal ones the first."""
    return sorted(range(len(values)), key=lambda i: (-values[i], i))


def _chances(row):
    total = math.fsum(math.exp(v) for v in row)
    return [math.exp(v) / total for v in row]


def _until(order, chances, p):
    """The tokens in this order until they have p together, at least one."""
    kept, mass = [], 0.0
    for token in order:
        if kept and mass >= p and p < 1:
            break
        kept.append(token)
        mass += chances[token]
    return kept


@mark(source="argmax at 0", gradient=False, ulp=1)
@given(logits=(3, 2, 5), temperature=static(0.7))
@given(logits=(3, 5), temperature=static(1.0))
@given(logits=_tied(7, 5), temperature=static(0.0))
@given(logits=_tied(7, 5), temperature=normal(scale=0.1, shift=2.0))
def temperature(logits, temperature):
    logits = np.asarray(logits)
    if temperature == 0:
        return _rows(logits, lambda row: _falling(row)[:1])
    return logits / temperature


@mark(source="sorted", gradient=False, ulp=0)
@given(logits=(3, 2, 7), k=static(3))
@given(logits=_tied(11, 7), k=static(4))
@given(logits=_tied(5, 7), k=static(1))
@given(logits=_tied(5, 7), k=static(7))
@given(logits=(5, 7), k=static(100))
@given(logits=_tied(5, 7), k=Draw(lambda _: np.array(3)))
def top_k(logits, k):
    return _rows(logits, lambda row: _falling(row)[: int(k)])


@mark(source="sorted, one by one", gradient=False, ulp=0)
@given(logits=normal(5, 3, 9, scale=2.0), p=static(0.6))
@given(logits=normal(30, 9, scale=2.0), p=static(0.9))
@given(logits=_tied(30, 9), p=static(0.55))
@given(logits=_tied(5, 9), p=static(1.0))
@given(logits=_tied(5, 9), p=static(0.0))
@given(logits=normal(8, 9), p=normal(scale=0.01, shift=0.8))
def top_p(logits, p):
    def chosen(row):
        return _until(_falling(row), _chances(row), float(p))

    return _rows(logits, chosen)


@mark(source="sorted, one by one", gradient=False, ulp=0)
@given(logits=normal(5, 3, 9, scale=2.0), p=static(0.6))
@given(logits=normal(30, 9, scale=2.0), p=static(0.9))
@given(logits=normal(5, 9), p=static(1.0))
@given(logits=normal(5, 9), p=static(0.0))
@given(logits=normal(8, 9), p=normal(scale=0.01, shift=0.3))
def typical_p(logits, p):
    def chosen(row):
        chances = _chances(row)
        entropy = -math.fsum(c * math.log(c) for c in chances)
        apart = [abs(-math.log(c) - entropy) for c in chances]
        order = sorted(range(len(row)), key=lambda i: (apart[i], i))
        return _until(order, chances, float(p))

    return _rows(logits, chosen)


@mark(source="one by one", gradient=False, ulp=0)
@given(logits=normal(5, 3, 9, scale=2.0), p=static(0.1))
@given(logits=_tied(5, 9), p=static(1.0))
@given(logits=_tied(5, 9), p=static(0.0))
@given(logits=normal(8, 9), p=normal(scale=0.01, shift=0.3))
def min_p(logits, p):
    def chosen(row):
        chances = _chances(row)
        return [i for i, c in enumerate(chances) if c >= p * max(chances)]

    return _rows(logits, chosen)


@mark(source="one by one", gradient=False, ulp=0)
@given(logits=(4, 3, 5), mask=booleans(4, 3, 5))
def allow(logits, mask):
    return np.where(mask, logits, -np.inf)


@mark(source="one by one", gradient=False, ulp=0)
@given(logits=(4, 3, 5), tokens=Draw(lambda _: np.array([3, 0, 3])))
def forbid(logits, tokens):
    return _rows(logits, lambda row: set(range(len(row))) - set(np.asarray(tokens)))

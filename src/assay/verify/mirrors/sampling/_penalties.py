"""Penalties, token by token."""

import collections

import numpy as np

from assay.verify.mirrors._given import (
    Draw,
    booleans,
    given,
    integers,
    mark,
    normal,
    static,
)

_counts = integers(4, 3, 5, high=3)
_some = Draw(lambda _: np.array(1.25))


def _each(logits, counts, rule):
    pairs = zip(np.ravel(logits), np.ravel(counts), strict=True)
    return np.reshape([rule(x, n) for x, n in pairs], np.shape(logits))


@mark(source="collections.Counter", gradient=False)
@given(tokens=integers(2, 3, 7, high=5), size=static(5))
@given(tokens=integers(2, 7, high=5), size=static(5), mask=booleans(2, 7))
def count_tokens(tokens, size, mask=None):
    mask = np.ones(np.shape(tokens), bool) if mask is None else np.asarray(mask)
    y = np.zeros((*np.shape(tokens)[:-1], size), np.int32)
    for place in np.ndindex(y.shape[:-1]):
        told = np.asarray(tokens)[place][mask[place]].tolist()
        for token, count in collections.Counter(told).items():
            y[(*place, token)] = count
    return y


@mark(source="transformers' rule", ulp=1)
@given(logits=(4, 3, 5), counts=_counts, penalty=static(1.25))
@given(logits=(4, 3, 5), counts=_counts, penalty=normal(scale=0.1, shift=1.5))
def repetition_penalty(logits, counts, penalty):
    def rule(x, n):
        return x if n == 0 else x * penalty if x < 0 else x / penalty

    return _each(logits, counts, rule)


@mark(source="OpenAI's formula", ulp=4)
@given(logits=(4, 3, 5), counts=_counts, penalty=static(0.5))
@given(logits=(4, 3, 5), counts=_counts, penalty=_some)
def presence_penalty(logits, counts, penalty):
    return _each(logits, counts, lambda x, n: x - penalty * (n > 0))


@mark(source="OpenAI's formula", ulp=4)
@given(logits=(4, 3, 5), counts=_counts, penalty=static(0.5))
@given(logits=(4, 3, 5), counts=_counts, penalty=_some)
def frequency_penalty(logits, counts, penalty):
    return _each(logits, counts, lambda x, n: x - penalty * n)


@mark(source="a sum", ulp=1)
@given(logits=(4, 3, 5), bias=(5,))
def logit_bias(logits, bias):
    return np.stack([np.asarray(logits)[..., i] + b for i, b in enumerate(bias)], -1)

"""Texts by plain loops over lists of tokens, as the papers have them."""

from collections import Counter

import numpy as np
from scipy import special

from assay.verify.mirrors._given import booleans, given, integers, mark, static

in_python = mark(source="loop in Python", gradient=False)


def texts(**more):
    """The cases: one pair of texts, and a batch with masks; few words, many repeats."""

    def decorate(mirror):
        some = {name: static(value) for name, value in more.items()}
        batch = {
            "predictions": integers(5, 9, high=3),
            "targets": integers(5, 7, high=3),
        }
        masks = {"predictions_mask": booleans(5, 9), "targets_mask": booleans(5, 7)}
        mirror = given(**batch, **masks, **some)(mirror)
        one = {"predictions": integers(6, high=4), "targets": integers(8, high=4)}
        return given(**one, **some)(mirror)

    return decorate


def lists(ids, mask):
    """One list of tokens a text, only those that are there."""
    mask = np.ones_like(ids, bool) if mask is None else mask
    rows = zip(
        ids.reshape(-1, ids.shape[-1]), mask.reshape(-1, ids.shape[-1]), strict=True
    )
    return [row[there].tolist() for row, there in rows]


def _each(score, predictions, targets, predictions_mask, targets_mask):
    """score(tokens, tokens) of every pair, in the shape of the batch."""
    p, t = lists(predictions, predictions_mask), lists(targets, targets_mask)
    values = np.array([score(a, b) for a, b in zip(p, t, strict=True)], float)
    return values.reshape((*predictions.shape[:-1], *values.shape[1:]))


def edits(p, t):
    """Wagner and Fischer's table."""
    table = np.zeros((len(p) + 1, len(t) + 1), int)
    table[:, 0], table[0] = np.arange(len(p) + 1), np.arange(len(t) + 1)
    for i, a in enumerate(p, 1):
        for j, b in enumerate(t, 1):
            beside = table[i - 1, j] + 1, table[i, j - 1] + 1
            table[i, j] = min(*beside, table[i - 1, j - 1] + (a != b))
    return table[-1, -1]


@texts()
@in_python
def edit_distance(predictions, targets, predictions_mask=None, targets_mask=None):
    return _each(edits, predictions, targets, predictions_mask, targets_mask)


@texts()
@in_python
def word_error_rate(predictions, targets, predictions_mask=None, targets_mask=None):
    wrong = _each(edits, predictions, targets, predictions_mask, targets_mask)
    return wrong.sum() / sum(map(len, lists(targets, targets_mask)))


def _common(p, t):
    """The longest common subsequence."""
    table = np.zeros((len(p) + 1, len(t) + 1), int)
    for i, a in enumerate(p, 1):
        for j, b in enumerate(t, 1):
            longer = table[i - 1, j - 1] + 1
            either = max(table[i - 1, j], table[i, j - 1])
            table[i, j] = longer if a == b else either
    return table[-1, -1]


def _overlap(shared, p, t):
    precision, recall = shared / p if p else 0, shared / t if t else 0
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0


@texts()
@in_python
def rouge_l(predictions, targets, predictions_mask=None, targets_mask=None):
    def score(p, t):
        return _overlap(_common(p, t), len(p), len(t))

    three = _each(score, predictions, targets, predictions_mask, targets_mask)
    return tuple(np.moveaxis(three, -1, 0))


def grams(tokens, n):
    """How often each n-gram is in the text."""
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


@texts()
@texts(n=1)
@texts(n=3)
@in_python
def rouge_n(predictions, targets, n=2, predictions_mask=None, targets_mask=None):
    def score(p, t):
        p, t = grams(p, n), grams(t, n)
        return _overlap((p & t).total(), p.total(), t.total())

    three = _each(score, predictions, targets, predictions_mask, targets_mask)
    return tuple(np.moveaxis(three, -1, 0))


@given(logits=(4, 7, 5), labels=integers(4, 7, high=5))
@given(logits=(4, 7, 5), labels=integers(4, 7, high=5), where=booleans(4, 7))
@mark(source="SciPy")
def perplexity(logits, labels, where=None):
    shares = special.log_softmax(np.asarray(logits), -1)
    costs = -np.take_along_axis(shares, np.asarray(labels)[..., None], -1)[..., 0]
    return np.exp(np.mean(costs if where is None else costs[np.asarray(where)]))

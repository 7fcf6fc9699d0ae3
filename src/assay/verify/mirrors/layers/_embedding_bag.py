"""Bags of rows, one id at a time."""

import numpy as np

from assay.verify.mirrors._given import booleans, given, integers, mark, static


@given(ids=integers(2, 5, high=7), table=(7, 3), padding=static(2))
@mark(gradient=False, why="one row has no gradient, on purpose")
def padded_embedding(ids, table, padding):
    return np.stack([table[i] for i in np.ravel(ids)]).reshape(*ids.shape, -1)


def _bags(ids, table, mask, f):
    y = np.zeros((*ids.shape[:-1], table.shape[1]))
    for at in np.ndindex(*ids.shape[:-1]):
        kept = [n for n in range(ids.shape[-1]) if mask is None or mask[(*at, n)]]
        if kept:
            y[at] = f(at, kept, np.stack([table[ids[(*at, n)]] for n in kept]))
    return y


@given(ids=integers(2, 5, high=7), table=(7, 3))
@given(ids=integers(2, 5, high=7), table=(7, 3), weights=(2, 5), mask=booleans(2, 5))
def embedding_bag(ids, table, weights=None, mask=None):
    def total(at, kept, rows):
        share = [1.0 if weights is None else weights[(*at, n)] for n in kept]
        return sum(w * row for w, row in zip(share, rows, strict=True))

    return _bags(ids, table, mask, total)


@given(ids=integers(2, 5, high=7), table=(7, 3))
@given(ids=integers(2, 5, high=7), table=(7, 3), mask=booleans(2, 5))
def embedding_bag_mean(ids, table, mask=None):
    return _bags(ids, table, mask, lambda at, kept, rows: sum(rows) / len(kept))


@given(ids=integers(2, 5, high=7), table=(7, 3))
@given(ids=integers(2, 5, high=7), table=(7, 3), mask=booleans(2, 5))
def embedding_bag_max(ids, table, mask=None):
    return _bags(ids, table, mask, lambda at, kept, rows: np.max(rows, axis=0))


@given(x=(2, 5, 3), table=(7, 3))
def attend(x, table):
    return np.stack([(x * row).sum(-1) for row in table], axis=-1)


@mark(gradient=False)
@given(ids=integers(2, 5, high=7), size=static(7))
@given(ids=integers(2, 5, high=7), size=static(7), mask=booleans(2, 5))
def multi_hot(ids, size, mask=None):
    y = np.zeros((*ids.shape[:-1], size))
    for at in np.ndindex(*ids.shape):
        if mask is None or mask[at]:
            y[(*at[:-1], ids[at])] = 1
    return y

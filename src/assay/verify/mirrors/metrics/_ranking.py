"""Rankings query by query: scikit-learn where it has them, else loops in Python."""

import numpy as np
from sklearn import metrics as peer

from assay.verify.mirrors._given import booleans, given, integers, mark, normal, static
from assay.verify.mirrors.metrics._accuracy import kept

from_sklearn = mark(source="sklearn.metrics", gradient=False)
in_python = mark(source="loop in Python", gradient=False)


def queries(high=2, **more):
    """The cases: all items, the first k, a mask."""

    def decorate(mirror):
        kinds = {"scores": normal(5, 8), "labels": integers(5, 8, high=high)}
        mirror = given(**kinds, k=static(3), where=booleans(5, 8))(mirror)
        mirror = given(**kinds, k=static(3))(mirror)
        return mirror if "k" in more else given(**kinds)(mirror)

    return decorate


def _each(score, scores, labels, k, where):
    """score(labels by falling score, k) of each query."""
    masks = [None] * len(scores) if where is None else where
    rows = [kept(m, s, y) for s, y, m in zip(scores, labels, masks, strict=True)]
    return np.array([score(y[np.argsort(-s)], k or len(y)) for s, y in rows])


@queries()
@in_python
def reciprocal_rank(scores, labels, k=None, where=None):
    def first(ranked, k):
        return next((1 / (i + 1) for i, y in enumerate(ranked[:k]) if y), 0.0)

    return _each(first, scores, labels, k, where)


@queries(k=3)
@in_python
def hit_at_k(scores, labels, k, where=None):
    return _each(lambda y, k: float(any(y[:k])), scores, labels, k, where)


@queries(k=3)
@in_python
def precision_at_k(scores, labels, k, where=None):
    return _each(lambda y, k: sum(y[:k]) / k, scores, labels, k, where)


@queries(k=3)
@in_python
def recall_at_k(scores, labels, k, where=None):
    return _each(
        lambda y, k: sum(y[:k]) / sum(y) if any(y) else 0.0, scores, labels, k, where
    )


@queries()
@in_python
def average_precision_at_k(scores, labels, k=None, where=None):
    def area(y, k):
        at = [sum(y[: i + 1]) / (i + 1) for i in range(min(k, len(y))) if y[i]]
        return sum(at) / min(sum(y), k) if any(y) else 0.0

    return _each(area, scores, labels, k, where)


@queries(high=4)
@from_sklearn
def ndcg(scores, labels, k=None, where=None):
    masks = [None] * len(scores) if where is None else where
    rows = [kept(m, s, y) for s, y, m in zip(scores, labels, masks, strict=True)]
    # One document is no ranking to scikit-learn: a last one without relevance is free.
    low = [(np.append(s, s.min() - 1), np.append(y, 0)) for s, y in rows]
    return np.array([peer.ndcg_score([y], [s], k=k) for s, y in low])

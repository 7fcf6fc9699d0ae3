"""Ranking losses: Optax, and loops over pairs."""

import jax.numpy as jnp
import numpy as np
import optax

from assay.verify.mirrors._given import (
    booleans,
    given,
    integers,
    mark,
    normal,
    positive,
    static,
)


@mark(source="Optax")
@given(logits=normal(4, 3), labels=positive(4, 3))
@given(logits=normal(6, 5), labels=integers(6, 5, high=3), where=booleans(6, 5))
@given(
    logits=normal(4, 3),
    labels=positive(4, 3),
    weights=positive(4, 3),
    reduce_fn=static(None),
)
def ranking_softmax_loss(logits, labels, where=None, weights=None, **reduction):
    given = {"where": where, "weights": weights, **reduction}
    given = {n: a if a is None else jnp.asarray(a) for n, a in given.items()}
    return optax.losses.ranking_softmax_loss(logits, jnp.asarray(labels), **given)


def _lists(mirror):
    """Scores and relevances, all items or some."""
    case = {"scores": normal(3, 5), "labels": integers(3, 5, high=4)}
    mirror = given(**case, where=booleans(3, 5))(mirror)
    mirror = given(scores=normal(3, 4, scale=30.0), labels=positive(3, 4))(mirror)
    return given(scores=normal(2, 4), labels=integers(2, 4, high=3))(mirror)


def _each(f, scores, labels, where):
    """f of every list's items that count."""
    where = np.ones(scores.shape, bool) if where is None else where
    rows = zip(scores, labels, where, strict=True)
    return np.array([f(s[w], y[w]) for s, y, w in rows])


@_lists
def list_mle_loss(scores, labels, where=None):
    def one(s, y):
        s = s[np.argsort(-y, kind="stable")]
        return sum(np.logaddexp.reduce(s[i:] - s[i]) for i in range(len(s)))

    return _each(one, scores, labels, where)


def _over_pairs(cost):
    def one(s, y):
        above = y[:, None] > y[None, :]
        return cost(s[:, None] - s[None, :])[above].sum()

    return one


@_lists
def pairwise_logistic_loss(scores, labels, where=None):
    one = _over_pairs(lambda gap: np.logaddexp(0, -gap))
    return _each(one, scores, labels, where)


@_lists
def pairwise_hinge_loss(scores, labels, where=None):
    one = _over_pairs(lambda gap: np.maximum(0, 1 - gap))
    return _each(one, scores, labels, where)


@mark(rows=True, ulp=8, why="1 − a quotient, in ULP of a small rest")
@_lists
def approx_ndcg_loss(scores, labels, temperature=0.1, where=None):
    def one(s, y):
        gains, places = 2.0**y - 1, np.arange(1, len(y) + 1)
        best = (np.sort(gains)[::-1] / np.log2(1 + places)).sum()
        wins = 1 / (1 + np.exp((s[:, None] - s[None, :]) / temperature))
        ranks = 0.5 + wins.sum(1)
        return 1 - (gains / np.log2(1 + ranks)).sum() / best if best else 0.0

    return _each(one, scores, labels, where)

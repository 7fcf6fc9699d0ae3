"""Several labels an example, by scikit-learn."""

import numpy as np
from sklearn import metrics as peer

from assay.verify.mirrors._given import Draw, booleans, given, integers, mark
from assay.verify.mirrors.metrics._accuracy import kept

from_sklearn = mark(source="sklearn.metrics", gradient=False)
tied = Draw(lambda rng: rng.uniform(0, 1, (9, 5)).round(1), differentiable=False)


def examples(mirror):
    """The cases: different scores, equal ones, a mask, all labels and none."""
    extremes = Draw(lambda rng: np.eye(4, 5, dtype=int) > 2, differentiable=False)
    mirror = given(scores=(4, 5), labels=extremes)(mirror)
    kinds = {"scores": tied, "labels": integers(9, 5, high=2)}
    mirror = given(**kinds, where=booleans(9))(mirror)
    return given(scores=(7, 5), labels=integers(7, 5, high=2))(given(**kinds)(mirror))


def _by(score, scores, labels, where):
    scores, labels = kept(where, scores, labels)
    return score(labels.astype(int), scores)


@examples
@from_sklearn
def coverage_error(scores, labels, where=None):
    return _by(peer.coverage_error, scores, labels, where)


@examples
@from_sklearn
def label_ranking_average_precision(scores, labels, where=None):
    score = peer.label_ranking_average_precision_score
    return _by(score, scores, labels, where)


@examples
@from_sklearn
def label_ranking_loss(scores, labels, where=None):
    return _by(peer.label_ranking_loss, scores, labels, where)

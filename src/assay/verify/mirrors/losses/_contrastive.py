"""Contrastive losses, angular margins and redundancy, with loops over examples."""

import numpy as np

from assay.verify.mirrors._given import given, integers, mark, normal, positive, static


def _cosines(x, y):
    x, y = (np.asarray(a, np.longdouble) for a in (x, y))
    x, y = (a / np.sqrt((a * a).sum(-1, keepdims=True)) for a in (x, y))
    return x @ y.T


def _log_sum(x):
    top = x.max(-1, keepdims=True)
    return (top + np.log(np.exp(x - top).sum(-1, keepdims=True)))[..., 0]


@mark(source="NumPy, longdouble", rows=True, why="cosines near 0 over the temperature")
@given(embeddings=normal(5, 3), labels=integers(5, high=2))
@given(embeddings=normal(6, 4), labels=integers(6, high=3), temperature=static(0.5))
@given(embeddings=normal(4, 3), labels=integers(4, high=1))
def ntxent(embeddings, labels, temperature=0.07):
    s, costs = _cosines(embeddings, embeddings) / temperature, []
    for i in range(len(labels)):
        rivals = s[i][labels != labels[i]]
        for j in range(len(labels)):
            if i != j and labels[i] == labels[j]:
                costs.append(np.log1p(np.exp(rivals - s[i, j]).sum()))
    return np.asarray(np.mean(costs or [0.0]), np.float64)


def _both(mirror):
    mirror = given(x=normal(4, 3, scale=9.0), y=normal(4, 3))(mirror)
    return given(x=normal(5, 3), y=normal(5, 3))(mirror)


def _own(s):
    return _log_sum(s - np.diag(s)[:, None])


@mark(source="NumPy, longdouble", rows=True, why="cosines near 0 over the temperature")
@_both
@given(x=normal(3, 2), y=normal(3, 2), temperature=static(1.0))
def info_nce(x, y, temperature=0.07):
    return _own(_cosines(x, y) / temperature).astype(np.float64)


@mark(source="NumPy, longdouble", rows=True, why="cosines near 0 over the temperature")
@_both
@given(x=normal(3, 2), y=normal(3, 2), temperature=static(1.0))
def clip_loss(x, y, temperature=0.07):
    s = _cosines(x, y) / temperature
    return ((_own(s) + _own(s.T)) / 2).astype(np.float64)


@mark(source="NumPy, longdouble", rows=True, why="cosines near 0 times the scale")
@_both
@given(x=normal(3, 2), y=normal(3, 2), scale=static(1.0), bias=static(0.5))
def siglip_loss(x, y, scale=10.0, bias=-10.0):
    z = 2 * np.eye(len(x)) - 1
    return np.log1p(np.exp(-z * (scale * _cosines(x, y) + bias))).sum(-1).astype(float)


@mark(source="NumPy, longdouble", rows=True, why="cosines near 0 over the temperature")
@given(embeddings=normal(5, 3), labels=integers(5, high=2))
@given(embeddings=normal(6, 4), labels=integers(6, high=9), temperature=static(0.5))
def supervised_contrastive_loss(embeddings, labels, temperature=0.1):
    s, costs = _cosines(embeddings, embeddings) / temperature, []
    for i in range(len(labels)):
        others = np.arange(len(labels)) != i
        shared = others & (labels == labels[i])
        cost = (_log_sum(s[i][others]) - s[i])[shared]
        costs.append(cost.mean() if shared.any() else 0.0)
    return np.asarray(costs, np.float64)


def _angles(*shape):
    return positive(*shape, low=-0.9, high=0.9)


def _classified(c, labels, turned, scale):
    own = np.arange(c.shape[-1]) == labels[..., None]
    logits = scale * np.where(own, turned, c).astype(np.longdouble)
    at_own = np.where(own, logits, 0).sum(-1, keepdims=True)
    return _log_sum(logits - at_own).astype(np.float64)


def _classes(mirror):
    case = {"cosines": _angles(4, 3), "labels": integers(4, high=3)}
    mirror = given(**case, margin=static(0.25), scale=static(4.0))(mirror)
    return given(cosines=_angles(5, 4), labels=integers(5, high=4))(mirror)


@mark(source="NumPy", rows=True, why="cosines times 64")
@_classes
def arcface_loss(cosines, labels, margin=0.5, scale=64.0):
    return _classified(cosines, labels, np.cos(np.arccos(cosines) + margin), scale)


@mark(source="NumPy", rows=True, why="cosines times 64")
@_classes
def cosface_loss(cosines, labels, margin=0.35, scale=64.0):
    return _classified(cosines, labels, cosines - margin, scale)


@mark(source="numpy.corrcoef", rows=True, why="sums over the batch")
@given(x=normal(5, 3), y=normal(5, 3))
@given(x=normal(6, 2), y=normal(6, 2, shift=3.0), weight=static(0.5))
def barlow_twins_loss(x, y, weight=5e-3):
    d = x.shape[1]
    c = np.corrcoef(x, y, rowvar=False)[:d, d:]
    beside = ~np.eye(d, dtype=bool)
    return ((1 - np.diag(c)) ** 2).sum() + weight * (c[beside] ** 2).sum()


@mark(source="numpy.cov", rows=True, why="sums over the batch")
@given(x=normal(5, 3), y=normal(5, 3))
@given(x=normal(6, 2, scale=0.1), y=normal(6, 2), weights=static((1.0, 2.0, 3.0)))
def vicreg_loss(x, y, weights=(25.0, 25.0, 1.0), eps=1e-4):
    total, d = weights[0] * ((x - y) ** 2).mean(), x.shape[1]
    for view in (x, y):
        c = np.cov(view, rowvar=False)
        short = np.maximum(0, 1 - np.sqrt(np.diag(c) + eps)).mean()
        same = (c[~np.eye(d, dtype=bool)] ** 2).sum() / d
        total += weights[1] * short / 2 + weights[2] * same
    return total

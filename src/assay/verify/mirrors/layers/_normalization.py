"""Normalization as loops over features, or over examples, in NumPy."""

import numpy as np

from assay.layers import BatchStats, Moments
from assay.verify.mirrors._given import (
    Draw,
    booleans,
    given,
    mark,
    normal,
    positive,
    static,
    tree,
)

FAR = normal(6, 5, 3, shift=3000.0)  # a mean 3000 times the spread


def _stats(rng: np.random.Generator) -> BatchStats:
    return BatchStats._make([rng.standard_normal(3), rng.uniform(0.5, 2, 3)])


@given(x=(4, 5, 3), scale=(3,), bias=(3,), stats=tree(_stats))
@given(
    x=FAR,
    scale=(3,),
    bias=(3,),
    stats=tree(_stats),
    momentum=static(0.5),
    eps=static(0.25),
)
@mark(batch=False)
def batch_norm(x, scale, bias, stats, momentum=0.99, eps=1e-5):
    y, mean, var = np.zeros(x.shape), np.zeros(3), np.zeros(3)
    for c in range(x.shape[-1]):
        column = x[..., c]
        mean[c] = column.sum() / column.size
        var[c] = ((column - mean[c]) ** 2).sum() / column.size
        y[..., c] = (column - mean[c]) / np.sqrt(var[c] + eps) * scale[c] + bias[c]
    mean = momentum * stats.mean + (1 - momentum) * mean
    return y, BatchStats(mean, momentum * stats.var + (1 - momentum) * var)


@given(x=(4, 5, 3), scale=(3,), bias=(3,), stats=tree(_stats))
@given(x=FAR, scale=(3,), bias=(3,), stats=tree(_stats), eps=static(0.25))
def batch_norm_inference(x, scale, bias, stats, eps=1e-5):
    y = np.zeros(x.shape)
    for c in range(x.shape[-1]):
        z = (x[..., c] - stats.mean[c]) / np.sqrt(stats.var[c] + eps)
        y[..., c] = z * scale[c] + bias[c]
    return y


def _rows(rng: np.random.Generator) -> np.ndarray:
    """Rows of spread 1 whose means are 0, 1e2, 1e4, and one of spread 1e20."""
    x = rng.standard_normal((4, 37))
    return np.stack([x[0], x[1] + 1e2, x[2] + 1e4, x[3] * 1e20])


@given(x=(2, 5, 3), scale=(3,), bias=(3,))
@given(x=Draw(_rows, differentiable=False), scale=positive(37), bias=(37,))
@given(x=(2, 5, 3, 4), scale=(5, 4), bias=(5, 4), axis=static((1, 3)))
@given(x=(2, 5, 3), scale=(5,), bias=(5,), axis=static(1), eps=static(0.5))
def layer_norm(x, scale, bias, axis=-1, eps=1e-6):
    axes = tuple(a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis))
    rest = [a for a in range(x.ndim) if a not in axes]
    y = np.zeros(x.shape)
    for index in np.ndindex(*(x.shape[a] for a in rest)):
        place: list = [slice(None)] * x.ndim
        for a, i in zip(rest, index, strict=True):
            place[a] = i
        one = x[tuple(place)]
        off = one - one.sum() / one.size
        off = off - off.sum() / one.size
        var = (off**2).sum() / one.size
        y[tuple(place)] = off / np.sqrt(var + eps) * scale + bias
    return y


def _standard(one, eps):
    """One row of any rank, in long double: (standardized, mean, biased variance)."""
    one = np.asarray(one, np.longdouble)
    mean = one.sum() / one.size
    var = ((one - mean) ** 2).sum() / one.size
    power = var + eps
    return (one - mean) / np.sqrt(power if power else 1), mean, var


@given(x=(4, 5, 3), scale=(3,), bias=(3,))
@given(x=(4, 5, 3), scale=(3,), bias=(3,), mask=booleans(4, 5), eps=static(0.25))
@given(x=FAR, scale=(3,), bias=(3,), mask=booleans(6, 5))
@mark(batch=False)
def batch_norm_moments(x, scale, bias, mask=None, eps=1e-5):
    mask = np.ones(x.shape[:-1], bool) if mask is None else mask
    y, mean, var = np.zeros(x.shape), np.zeros(3), np.zeros(3)
    for c in range(3):
        z, mean[c], var[c] = _standard(x[..., c][mask], eps)
        y[..., c][mask] = z * scale[c] + bias[c]
    return y, Moments(mean, var, np.full(3, mask.sum()))


def _batch(rng: np.random.Generator) -> Moments:
    draws = [rng.standard_normal(4), rng.uniform(0.5, 2, 4), np.array([7, 2, 1, 0])]
    return Moments._make(draws)


def _bad_batch(rng: np.random.Generator) -> Moments:
    draws = [[np.nan, 1, np.inf, 2], [1, np.inf, np.nan, 3]]
    return Moments(*(np.array(d) for d in draws), np.full(4, 5))


def _running(rng: np.random.Generator) -> BatchStats:
    return BatchStats._make([rng.standard_normal(4), rng.uniform(0.5, 2, 4)])


RUNNING = tree(_running)
BATCH, BAD = (Draw(make, differentiable=False) for make in (_batch, _bad_batch))


@given(stats=RUNNING, batch=BATCH)
@given(stats=RUNNING, batch=BATCH, momentum=static(0.5), variance=static("unbiased"))
@given(stats=RUNNING, batch=BAD)
@given(stats=tree(lambda rng: BatchStats(*_bad_batch(rng)[:2])), batch=BATCH)
def update_batch_stats(stats, batch, momentum=0.99, variance="biased"):
    mean, var = np.array(stats.mean), np.array(stats.var)
    for c, (m, v, n) in enumerate(zip(*batch, strict=True)):
        too_few = 1 if variance == "unbiased" else 0
        if not np.isfinite([m, v]).all() or n <= too_few:
            continue
        v = v * n / (n - 1) if variance == "unbiased" else v
        kept = momentum if np.isfinite([mean[c], var[c]]).all() else 0
        mean[c] = (kept * mean[c] if kept else 0) + (1 - kept) * m
        var[c] = (kept * var[c] if kept else 0) + (1 - kept) * v
    return BatchStats(mean, var)


def _places(x, axis):
    """The index of each row of x along `axis`, for loops."""
    axes = {a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis)}
    for index in np.ndindex(*(1 if a in axes else s for a, s in enumerate(x.shape))):
        yield tuple(slice(None) if a in axes else i for a, i in enumerate(index))


@given(x=(4, 5, 3))
@given(x=(4, 5, 3), axis=static((0, 2)), mask=booleans(4, 5, 3))
@given(x=FAR, axis=static((0, 1)))
def moments(x, axis=-1, mask=None):
    mask = np.ones(x.shape, bool) if mask is None else mask
    rows = []
    for place in _places(x, axis):
        kept = x[place][mask[place]]
        rows.append((*_standard(kept, 1)[1:], kept.size) if kept.size else (0, 0, 0))
    axes = (axis,) if isinstance(axis, int) else axis
    shape = np.delete(np.array(x.shape), axes)
    mean, var, count = (np.array(c).reshape(shape) for c in zip(*rows, strict=True))
    return Moments(mean.astype(float), var.astype(float), count)


def _two_parts(rng: np.random.Generator) -> Moments:
    """Features of two parts: both, the first, the second and none have entries."""
    return _batch(rng)._replace(count=np.array([4, 2, 0, 0]))


@mark(gradient=False, why="counts are integers")
@given(a=BATCH, b=Draw(_two_parts, differentiable=False))
def merge_moments(a, b):
    mean, var, count = a.mean.copy(), a.var.copy(), a.count + b.count
    for c in np.flatnonzero(count):
        parts = [(m[c], v[c], n[c]) for m, v, n in (a, b)]
        mean[c] = sum(n * m for m, _, n in parts) / count[c]
        var[c] = sum(n * (v + (m - mean[c]) ** 2) for m, v, n in parts) / count[c]
    return Moments(mean, var, count)


@given(x=(2, 5, 3), scale=(3,))
@given(x=Draw(_rows, differentiable=False), scale=(37,))
@given(x=Draw(lambda rng: 1e-4 * rng.standard_normal((2, 9)), False), scale=(9,))
@given(x=(2, 5, 3, 4), scale=(5, 4), axis=static((1, 3)), eps=static(0.5))
def rms_norm(x, scale, axis=-1, eps=1e-6):
    y = np.zeros(x.shape)
    for place in _places(x, axis):
        one = np.asarray(x[place], np.longdouble)
        y[place] = one / np.sqrt((one**2).sum() / one.size + eps) * scale
    return y


@given(x=(4, 5, 3))
@given(x=(4, 5, 3), axis=static((0, 2)), eps=static(0.5))
@given(x=Draw(lambda rng: np.array([[3e38, -4e37], [2e-30, 1e-30]]), False))
def unit_norm(x, axis=-1, eps=1e-12):
    y = np.zeros(x.shape)
    for place in _places(x, axis):
        one = np.asarray(x[place], np.longdouble)
        y[place] = one / max(np.sqrt((one**2).sum()), eps)
    return y


@given(x=(2, 5, 3, 6), scale=(6,), bias=(6,), groups=static(3))
@given(
    x=normal(2, 5, 4, shift=3000.0),
    scale=(4,),
    bias=(4,),
    groups=static(2),
    spatial=static(1),
    eps=static(0.25),
)
def group_norm(x, scale, bias, groups, spatial=2, eps=1e-6):
    batch, width = x.shape[: x.ndim - spatial - 1], x.shape[-1] // groups
    y = np.zeros(x.shape)
    for index in np.ndindex(*batch):
        for g in range(groups):
            some = slice(g * width, (g + 1) * width)
            z = _standard(x[index][..., some], eps)[0]
            y[index][..., some] = z * scale[some] + bias[some]
    return y


@given(x=(2, 5, 3, 4), scale=(4,), bias=(4,))
@given(
    x=normal(2, 5, 4, shift=3000.0),
    scale=(4,),
    bias=(4,),
    spatial=static(1),
    eps=static(0.25),
)
def instance_norm(x, scale, bias, spatial=2, eps=1e-6):
    y = np.zeros(x.shape)
    for index in np.ndindex(*x.shape[: x.ndim - spatial - 1]):
        for c in range(x.shape[-1]):
            z = _standard(x[index][..., c], eps)[0]
            y[index][..., c] = z * scale[c] + bias[c]
    return y


@given(x=(2, 5, 7))
@given(
    x=(3, 4),
    size=static(2),
    alpha=static(0.5),
    beta=static(1.25),
    k=static(2.0),
)
@given(x=Draw(_rows, differentiable=False), size=static(3), alpha=static(0.5))
@given(x=(3, 4), size=static(9), alpha=positive(), beta=positive(), k=positive())
def local_response_norm(x, size=5, alpha=1e-4, beta=0.75, k=1.0):
    x = np.asarray(x, np.longdouble)
    y = np.zeros(x.shape, np.longdouble)
    for c in range(x.shape[-1]):
        low, high = max(0, c - size // 2), c + (size - 1) // 2 + 1
        power = k + alpha / size * (x[..., low:high] ** 2).sum(-1)
        y[..., c] = x[..., c] / power**beta
    return y.astype(float)

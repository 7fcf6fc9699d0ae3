"""Normalization as loops over features, or over examples, in float64."""

import numpy as np

from assay.layers import BatchStats
from assay.verify.mirrors._given import Draw, given, normal, positive, static, tree

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

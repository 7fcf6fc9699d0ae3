"""A folded batch norm: what the layer makes of the unit inputs, and of none."""

import numpy as np

from assay.layers import BatchNormParams, BatchStats
from assay.verify.mirrors._given import given, mark, static, tree


def _norm(o, affine=True):
    def make(rng):
        stats = BatchStats(rng.standard_normal(o), rng.uniform(0.5, 3, o))
        if not affine:
            return BatchNormParams(None, None, stats)
        return BatchNormParams(rng.standard_normal(o), rng.standard_normal(o), stats)

    return tree(make)


@given(kernel=(3, 2, 4, 5), bias=(5,), norm=_norm(5))
@given(kernel=(4, 5), bias=static(None), norm=_norm(5), eps=static(1e-3))
@given(kernel=(3, 2, 5), bias=(6, 5), norm=_norm(5, affine=False))
@mark(rows=True)
def fold_batch_norm(kernel, bias, norm, eps=1e-5):
    scale, shift, (mean, var) = norm

    def normalized(y):
        z = (y - mean) / np.sqrt(var + eps)
        return z if scale is None else z * scale + shift

    start = np.zeros(kernel.shape[-1]) if bias is None else bias
    # The layer is affine: its slope, one input at a time, and its value at 0.
    slopes = np.zeros(kernel.shape)
    for at in np.ndindex(*kernel.shape[:-1]):
        slopes[at] = normalized(kernel[at]) - normalized(0.0)
    return slopes, normalized(start)

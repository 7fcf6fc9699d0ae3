"""The nearest code, vector by vector."""

import numpy as np

from assay.layers import Codebook
from assay.verify.mirrors._given import given, mark, positive, tree


@mark(gradient=False)
@given(x=(2, 7, 3), codes=(5, 3))
def nearest_code(x, codes):
    ids = np.zeros(x.shape[:-1], np.int32)
    for at in np.ndindex(*ids.shape):
        ids[at] = np.argmin([np.sum((x[at] - code) ** 2) for code in codes])
    return ids


@mark(gradient=False, why="straight through: its slope is that of x")
@given(x=(2, 7, 3), codes=(5, 3))
def vector_quantize(x, codes):
    return codes[nearest_code(x, codes)]


@mark(gradient=False, why="each term stops the other's gradient")
@given(x=(2, 7, 3), codes=(5, 3))
@given(x=(2, 7, 3), codes=(5, 3), commitment=positive())
def quantization_loss(x, codes, commitment=0.25):
    far = np.mean((x - vector_quantize(x, codes)) ** 2, axis=-1)
    return far + commitment * far


def _codebook(rng):
    sums = rng.standard_normal((5, 3))
    return Codebook(rng.standard_normal((5, 3)), rng.uniform(0.5, 3, 5), sums)


@mark(batch=False, why="all vectors move one codebook")
@given(codebook=tree(_codebook), x=(2, 7, 3))
def update_codebook(codebook, x, decay=0.99, eps=1e-5):
    counts, sums = decay * codebook.counts, decay * codebook.sums
    for v in x.reshape(-1, 3):
        n = nearest_code(v, codebook.codes)
        counts[n] += 1 - decay
        sums[n] += (1 - decay) * v
    total = counts.sum()
    smoothed = (counts + eps) / (total + len(counts) * eps) * total
    return Codebook(sums / smoothed[:, None], counts, sums)

"""Mixed examples: the labels, one class an image, tell which two were mixed how."""

import numpy as np

from assay.verify.mirrors._given import given, mark, normal, static
from assay.verify.mirrors.augment._draws import a_key as _a_key
from assay.verify.mirrors.augment._draws import many as _many

_N = 5
_classes = static(np.eye(_N))  # the label's entries are the shares of the images


def _pairs_seen(labels):
    """Whether every image met every other, and every image itself."""
    return bool((labels > 0).any(0).all())


@mark(property=True, source="labels @ images; λ has Beta's moments", rows=True, ulp=8)
@given(images=normal(_N, 2, 3, 4), labels=_classes, key=_a_key)
def mixup(ours, images, labels, key):
    alpha = 0.5
    x, y = _many(ours, key, images, labels, alpha=alpha, draws=400)
    shares = np.array(y, np.float64)
    whole = np.tensordot(shares, np.asarray(images, np.float64), 1)
    own = np.diagonal(shares, axis1=1, axis2=2)[~(shares == 1).any(2)]
    variance = 1 / (4 * (2 * alpha + 1))
    facts = [_pairs_seen(shares), (np.count_nonzero(shares, 2) <= 2).all()]
    facts += [abs(own.mean() - 0.5) < 0.05, abs(own.var() - variance) < 0.02]
    facts += [np.abs(shares.sum(-1) - 1).max() < 1e-6]
    return (x, np.array(facts)), (whole, np.ones(5))


@mark(property=True, source="pixels of two images, labels by their number", ulp=4)
@given(images=normal(_N, 6, 4, 2), labels=_classes, key=_a_key)
def cutmix(ours, images, labels, key):
    x, y = _many(ours, key, images, labels, alpha=1.0, draws=400)
    images = np.asarray(images)
    same = (x[:, :, None] == images[None, None]).all((3, 4, 5))
    own = (x == images[None]).all(-1)
    expected, boxes = np.zeros_like(y), True
    for draw in range(len(x)):
        for i in range(_N):
            hidden = ~own[draw, i]
            rows, columns = hidden.any(1), hidden.any(0)
            boxes &= (hidden == np.outer(rows, columns)).all()
            boxes &= np.abs(np.diff(np.flatnonzero(rows)) - 1).sum() == 0
            other = y[draw, i].copy()
            other[i] = 0
            partner = other.argmax() if other.any() else i
            boxes &= (x[draw, i][hidden] == images[partner][hidden]).all()
            expected[draw, i, i] += own[draw, i].mean()
            expected[draw, i, partner] += hidden.mean()
    shares = own.mean((2, 3))
    facts = [boxes, _pairs_seen(y), same.any(), shares.min() < 0.1 < 0.9 < shares.max()]
    return (y, np.array(facts)), (expected, np.ones(4))

"""BLEU from counters of n-grams, as the paper has it."""

import numpy as np

from assay.metrics import BleuCounts as _BleuCounts
from assay.verify.mirrors._given import booleans, given, integers, mark, static, tree
from assay.verify.mirrors.metrics._text import grams, in_python, lists

_corpus = {"predictions": integers(6, 9, high=3), "targets": integers(6, 2, 8, high=3)}
_masks = {"predictions_mask": booleans(6, 9), "targets_mask": booleans(6, 2, 8)}


@given(**_corpus, order=static(2))
@given(**_corpus)
@given(**_corpus, **_masks, order=static(3))
@given(predictions=integers(7, 9, high=3), targets=integers(7, 1, 12, high=3))
@in_python
def bleu(predictions, targets, order=4, predictions_mask=None, targets_mask=None):
    references = lists(targets, targets_mask)
    each = targets.shape[-2]
    rows = [references[i : i + each] for i in range(0, len(references), each)]
    found, possible, predicted, wanted = np.zeros(order), np.zeros(order), 0, 0
    for p, options in zip(lists(predictions, predictions_mask), rows, strict=True):
        predicted += len(p)
        wanted += min((abs(len(r) - len(p)), len(r)) for r in options)[1]
        for n in range(1, order + 1):
            best = grams([], n)
            for r in options:
                best |= grams(r, n)
            found[n - 1] += (grams(p, n) & best).total()
            possible[n - 1] += grams(p, n).total()
    return _score(found, possible, predicted, wanted)


def _score(found, possible, predicted, wanted):
    if np.any(found == 0):
        return 0.0
    short = 1.0 if predicted >= wanted else np.exp(1 - wanted / predicted)
    return short * np.prod(found / possible) ** (1 / len(found))


def _draw(rng):
    possible = rng.integers(20, 90, 4)
    return _BleuCounts(possible - rng.integers(0, 19, 4), possible, 95, 99)


@given(counts=tree(lambda rng: _BleuCounts(*map(np.asarray, _draw(rng)))))
@mark(source="formula in NumPy", gradient=False)
def bleu_of(counts):
    return _score(*map(np.asarray, counts))

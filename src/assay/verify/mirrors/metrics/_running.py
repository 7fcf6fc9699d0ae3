"""What the metrics over batches compute, from all batches at once."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from assay.verify.mirrors._given import (
    Draw,
    booleans,
    given,
    integers,
    mark,
    normal,
    positive,
)
from assay.verify.mirrors.metrics import _bleu, _calibration, _correlation, _curves
from assay.verify.mirrors.metrics import _regression as _plain
from assay.verify.mirrors.metrics import _text as _texts
from assay.verify.mirrors.metrics._accuracy import accuracy as _accuracy
from assay.verify.mirrors.metrics._accuracy import kept as _kept
from assay.verify.mirrors.metrics._agreement import mean_iou as _mean_iou
from assay.verify.mirrors.metrics._confusion import confusion_matrix as _confusion
from assay.verify.mirrors.metrics._stream import streamed

_in_numpy = mark(source="formula in NumPy")
_numbers = given(x=normal(24, 3))
_masked = given(x=normal(24), where=booleans(24))
_far = given(x=normal(4000, shift=1e5))  # a mean that is large beside the spread


def _kept_numbers(x, where=None):
    return _kept(where, x)[0]


@_in_numpy
@streamed()
@_numbers
@_masked
@_far
def running_sum(x, where=None):
    return np.sum(_kept_numbers(x, where))


@_in_numpy
@streamed()
@_numbers
@_masked
@_far
def running_mean(x, where=None):
    return np.mean(_kept_numbers(x, where))


@_in_numpy
@streamed()
@given(x=normal(24, 3), weights=positive(24, 3))
@given(x=normal(24), weights=integers(24, high=3), where=booleans(24))
def running_weighted_mean(x, weights, where=None):
    x, weights = _kept(where, x, weights)
    return np.average(x, weights=weights)


@_in_numpy
@streamed(lambda maker: maker(lambda p, t: p == t))
@given(p=integers(24, high=3), t=integers(24, high=3), where=booleans(24))
def running_share(p, t, where):
    p, t = _kept(where, p, t)
    return np.mean(p == t)


@mark(source="sklearn.metrics")
@streamed()
@given(logits=(24, 4), labels=integers(24, high=4))
@given(logits=(24, 4), labels=integers(24, high=4), where=booleans(24))
def running_accuracy(logits, labels, where=None):
    return _accuracy(logits, labels, where)


@mark(source="SciPy")
@streamed()
@given(logits=(24, 7, 5), labels=integers(24, 7, high=5))
@given(logits=(24, 5), labels=integers(24, high=5), where=booleans(24))
def running_perplexity(logits, labels, where=None):
    return _texts.perplexity(logits, labels, where)


@_in_numpy
@streamed()
@_numbers
@_masked
def running_max(x, where=None):
    return np.max(_kept_numbers(x, where))


@_in_numpy
@streamed()
@_numbers
@_masked
def running_min(x, where=None):
    return np.min(_kept_numbers(x, where))


@mark(source="scipy.stats")
@streamed(lambda maker: maker(ddof=1))
@_numbers
@_masked
@_far
def running_moments(x, where=None):
    x = np.ravel(_kept_numbers(x, where))
    return x.size, x.mean(), x.var(ddof=1), stats.sem(x)


_pairs = {"predictions": integers(24, high=4), "labels": integers(24, high=4)}


@mark(source="sklearn.metrics")
@streamed(lambda maker: maker(4))
@given(**_pairs)
@given(**_pairs, where=booleans(24))
def running_confusion(predictions, labels, where=None):
    return _confusion(predictions, labels, 4, where)


_scored = {
    # On the grid of the bins, where the histogram is exact.
    "scores": Draw(lambda rng: rng.integers(0, 200, 24) / 200 + 1 / 400),
    "labels": integers(24, high=2),
}


@mark(source="sklearn.metrics")
@streamed()
@given(**_scored)
@given(**_scored, where=booleans(24))
def running_roc_auc(scores, labels, where=None):
    return _curves.roc_auc(scores, labels, where)


@mark(source="sklearn.metrics")
@streamed()
@given(**_scored)
@given(**_scored, where=booleans(24))
def running_average_precision(scores, labels, where=None):
    return _curves.average_precision(scores, labels, where)


_said = {"predictions": positive(24, low=0.0, high=1.0), "labels": integers(24, high=2)}


@_in_numpy
@streamed(lambda maker: maker(5))
@given(**_said)
@given(**_said, where=booleans(24))
def running_reliability(predictions, labels, where=None):
    return _calibration.reliability_diagram(predictions, labels, 5, where)


def _two(**shapes):
    """Texts of few words; every second case has all masks."""
    texts = {n: integers(*s, high=3) for n, s in shapes.items()}
    masks = {f"{n}_mask": booleans(*s) for n, s in shapes.items()}

    def decorate(mirror):
        return given(**texts)(given(**texts, **masks)(mirror))

    return decorate


@mark(source="loop in Python")
@streamed(lambda maker: maker(2))
@_two(predictions=(8, 9), targets=(8, 2, 7))
def running_bleu(predictions, targets, predictions_mask=None, targets_mask=None):
    return _bleu.bleu(predictions, targets, 2, predictions_mask, targets_mask)


@mark(source="loop in Python")
@streamed()
@_two(predictions=(8, 9), targets=(8, 7))
def running_word_error_rate(
    predictions, targets, predictions_mask=None, targets_mask=None
):
    masks = predictions_mask, targets_mask
    return _texts.word_error_rate(predictions, targets, *masks)


# Two series that go together: of unrelated ones r and ρ are near 0.
_near = {"predictions": _correlation.rising(24), "targets": _correlation.rising(24)}
_far_near = _correlation.rising(400, shift=1e4)


@mark(source="sklearn.metrics, scipy.stats")
@streamed()
@given(**_near)
@given(**_near, where=booleans(24))
@given(predictions=_far_near, targets=_far_near)
def running_regression(predictions, targets, where=None):
    names = "mean_squared_error root_mean_squared_error mean_absolute_error".split()
    names += ["r2_score", "explained_variance"]
    scores = [getattr(_plain, name) for name in names]
    scores += [_correlation.pearson_correlation, _correlation.concordance_correlation]
    return tuple(score(predictions, targets, where) for score in scores)


# What makes a metric of others, each beside the same thing without it. ---------------


@_in_numpy
@streamed(lambda before: before(_metrics().running_mean(), lambda p, t: (p - t) ** 2))
@given(p=normal(24), t=normal(24), where=booleans(24))
def before(p, t, where):
    p, t = _kept(where, p, t)
    return np.mean((p - t) ** 2)


@mark(source="sklearn.metrics")
@streamed(lambda after: after(_metrics().running_confusion(4), _metrics().mean_iou))
@given(**_pairs, where=booleans(24))
def after(predictions, labels, where):
    return _mean_iou(_confusion(predictions, labels, 4, where))


@_in_numpy
@streamed(
    lambda collection: collection(
        {"low": _metrics().running_min(), "high": _metrics().running_max()}
    )
)
@_masked
def collection(x, where):
    x = _kept_numbers(x, where)
    return {"low": np.min(x), "high": np.max(x)}


def _metrics():
    from assay import metrics

    return metrics


def _shards(x, metric):
    return jax.vmap(lambda rows: metric.update(metric.init(), rows))(x)


@mark(property=True, higher_order=True, source="formula in NumPy")
@given(x=normal(8, 5, shift=3.0))
def merge_all(ours, x):
    metric = _metrics().running_moments()
    got = metric.compute(ours(metric, _shards(x, metric)))
    x = np.asarray(x, float)
    return got.variance, x.var()


@mark(property=True, higher_order=True, source="formula in NumPy")
@given(x=normal(8, 5, shift=3.0))
def merge_over(ours, x):
    metric = _metrics().running_mean()

    def shard(rows):
        state = metric.update(metric.init(), rows)
        return metric.compute(ours(metric, state, "data"))

    got = jax.vmap(shard, axis_name="data")(x)
    return got, np.full(len(x), np.asarray(x, float).mean())


@mark(property=True, higher_order=True, source="formula in NumPy")
@given(x=positive(31), key=Draw(lambda rng: np.asarray(3), differentiable=False))
def bootstrap(ours, x, key):
    """The same draws, in a loop."""
    key = jax.random.key(key)
    got = ours(jnp.mean, x, key=key, resamples=40, level=0.8)
    keys, x = jax.random.split(key, 40), np.asarray(x, float)
    rows = [np.asarray(jax.random.randint(k, (31,), 0, 31)) for k in keys]
    return got, tuple(np.quantile([x[r].mean() for r in rows], [0.1, 0.9]))

"""Overlap losses as the papers print them: one minus a quotient, in longdouble."""

import numpy as np

from assay.verify.mirrors._given import (
    Draw,
    booleans,
    given,
    integers,
    mark,
    normal,
    positive,
    static,
)


def _masks(*shape):
    return Draw(lambda rng: rng.integers(0, 2, shape).astype(float), False)


def _one_hot(*shape, classes):
    """Every class in it, so that no frequency is 0."""

    def make(rng):
        flat = rng.permutation(np.arange(np.prod(shape)) % classes)
        return np.eye(classes)[flat.reshape(shape)]

    return Draw(make, differentiable=False)


def _confident(*shape, classes):
    """Logits that leave little doubt; the targets of the same seed do not matter."""
    return Draw(lambda rng: 15 * rng.choice([-1.0, 1.0], (*shape, classes)))


def _p(x):
    x = np.asarray(x, np.longdouble)
    if x.shape[-1] == 1:
        return 1 / (1 + np.exp(-x))
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _index(p, t, axis, alpha, beta, smooth=0.0):
    """The overlap; no mass at all is agreement."""
    p, t = np.asarray(p, np.longdouble), np.asarray(t, np.longdouble)
    both = (p * t).sum(axis)
    wrong = alpha * (p.sum(axis) - both) + beta * (t.sum(axis) - both)
    whole = both + wrong + smooth
    return np.where(whole == 0, 1, (both + smooth) / np.where(whole == 0, 1, whole))


@mark(source="formula in NumPy")
@given(predictions=normal(2, 5, 3, scale=2.0), targets=_one_hot(2, 5, classes=3))
@given(predictions=normal(2, 4, 3, 5), targets=positive(2, 4, 3, 5, high=1.0))
@given(predictions=normal(3, 7, 1), targets=_masks(3, 7), smooth=static(0.0))
@given(
    predictions=_confident(2, 6, classes=3),
    targets=_one_hot(2, 6, classes=3),
    alpha=static(0.25),
    beta=static(0.75),
    ignore_background=static(True),
)
@given(
    predictions=positive(2, 6, 4, high=1.0),
    targets=_masks(2, 6, 4),
    class_weights=positive(4),
    apply_softmax=static(False),
    reduction=static("none"),
    axis=static((0, 1)),
)
@given(
    predictions=normal(2, 6, 4),
    targets=_masks(2, 6, 4),
    reduction=static("sum"),
    where=booleans(2, 6),
)
def dice_loss(
    predictions,
    targets,
    class_weights=None,
    smooth=1.0,
    alpha=0.5,
    beta=0.5,
    apply_softmax=True,
    reduction="mean",
    ignore_background=False,
    axis=None,
    where=None,
):
    targets = targets.reshape(predictions.shape)
    p = _p(predictions) if apply_softmax else predictions
    inside = 1.0 if where is None else np.asarray(where)[..., None].astype(float)
    axis = tuple(range(1, p.ndim - 1)) if axis is None else axis
    y = 1 - _index(p * inside, targets * inside, axis, alpha, beta, smooth)
    y = y if class_weights is None else y * class_weights
    y = y[..., 1:] if ignore_background else y
    reductions = {"mean": np.mean, "sum": np.sum, "none": lambda y, _: y}
    return np.asarray(reductions[reduction](y, -1), float)


@mark(source="formula in NumPy")
@given(predictions=normal(3, 7, scale=2.0), targets=_masks(3, 7))
@given(predictions=normal(3, 4, 5, 1), targets=_masks(3, 4, 5, 1), smooth=static(0.5))
@given(
    predictions=positive(3, 8, high=1.0),
    targets=_masks(3, 8),
    apply_sigmoid=static(False),
)
def binary_dice_loss(predictions, targets, smooth=1.0, apply_sigmoid=True):
    if predictions.shape[-1] != 1:
        predictions, targets = predictions[..., None], targets[..., None]
    return dice_loss(predictions, targets, None, smooth, apply_softmax=apply_sigmoid)


@mark(source="formula in NumPy")
@given(predictions=normal(2, 5, 3), targets=_one_hot(2, 5, classes=3))
@given(
    predictions=normal(2, 5, 4, scale=3.0),
    targets=_one_hot(2, 5, classes=4),
    ignore_background=static(True),
    smooth=static(0.0),
)
def multiclass_generalized_dice_loss(
    predictions, targets, smooth=1.0, apply_softmax=True, ignore_background=False
):
    weights = 1 / targets.sum(tuple(range(targets.ndim - 1))) ** 2
    weights *= len(weights) / weights.sum()
    each = dice_loss(
        predictions,
        targets,
        weights,
        smooth,
        apply_softmax=apply_softmax,
        reduction="none",
        ignore_background=ignore_background,
    )
    return each.mean()


_unit = positive(4, 9, low=0.01, high=0.99)


@mark(source="formula in NumPy")
@given(probabilities=_unit, targets=_masks(4, 9))
@given(probabilities=_unit, targets=_unit, alpha=static(0.3), beta=static(0.7))
@given(probabilities=_masks(4, 9), targets=_masks(4, 9), where=booleans(4, 9))
@given(
    probabilities=positive(2, 3, 4, high=1.0),
    targets=_masks(2, 3, 4),
    axis=static((0, 2)),
)
def tversky_loss(probabilities, targets, alpha=0.5, beta=0.5, axis=-1, where=None):
    inside = 1.0 if where is None else where
    y = 1 - _index(probabilities * inside, targets * inside, axis, alpha, beta)
    return np.asarray(y, float)


@mark(source="formula in NumPy")
@given(probabilities=_unit, targets=_masks(4, 9))
@given(probabilities=_unit, targets=_masks(4, 9), gamma=static(0.75), axis=static(None))
def focal_tversky_loss(
    probabilities, targets, alpha=0.3, beta=0.7, gamma=4 / 3, axis=-1
):
    return tversky_loss(probabilities, targets, alpha, beta, axis) ** (1 / gamma)


@mark(source="formula in NumPy")
@given(probabilities=_unit, targets=_masks(4, 9))
@given(probabilities=_unit, targets=_masks(4, 9), where=booleans(4, 9))
@given(probabilities=_unit, targets=_unit, axis=static(0))
def jaccard_loss(probabilities, targets, axis=-1, where=None):
    p, t = (np.asarray(a, np.longdouble) for a in (probabilities, targets))
    p, t = (a if where is None else a * where for a in (p, t))
    return np.asarray(1 - (p * t).sum(axis) / (p + t - p * t).sum(axis), float)


def _jaccard_gradient(right):
    """Algorithm 1 of the paper."""
    total = right.sum()
    curve = 1 - (total - right.cumsum()) / (total + (1 - right).cumsum())
    return np.diff(curve, prepend=0)


def _extension(errors, right):
    order = np.argsort(-errors)
    steps = _jaccard_gradient(right[order].astype(np.longdouble))
    return (np.maximum(errors[order], 0) * steps).sum()


def _rows(where, shape):
    return np.ones(shape, bool) if where is None else np.asarray(where)


@mark(source="formula in NumPy")
@given(logits=normal(3, 7, scale=2.0), labels=_masks(3, 7))
@given(logits=normal(2, 40), labels=integers(2, 40, high=2), where=booleans(2, 40))
@given(logits=normal(2, 6), labels=Draw(lambda _: np.zeros((2, 6)), False))
def lovasz_hinge(logits, labels, where=None):
    rows = zip(logits, labels, _rows(where, labels.shape), strict=True)
    return np.array(
        [_extension((1 - (2 * t - 1) * x)[w], t[w]) for x, t, w in rows], float
    )


@mark(source="formula in NumPy")
@given(probabilities=positive(2, 7, 3, high=1.0), labels=integers(2, 7, high=3))
@given(
    probabilities=positive(2, 30, 5, high=1.0),
    labels=integers(2, 30, high=3),
    where=booleans(2, 30),
)
def lovasz_softmax(probabilities, labels, where=None):
    rows = zip(probabilities, labels, _rows(where, labels.shape), strict=True)
    return np.array([_mean_of_classes(p[w], t[w]) for p, t, w in rows], float)


def _mean_of_classes(p, labels):
    present = np.unique(labels)
    each = [_extension(np.abs((labels == c) - p[:, c]), labels == c) for c in present]
    return np.mean(each)

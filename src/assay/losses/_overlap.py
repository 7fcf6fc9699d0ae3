"""Losses of the overlap of two soft masks: dice, Tversky, Jaccard.

All are (wrong mass) / (right mass + wrong mass), sums of numbers of one sign: where
prediction and target agree, 1 − overlap would have no digits left.
"""

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations import log_softmax, sigmoid, softmax
from assay.losses._mask import _mask
from assay.losses._pair import _pair
from assay.typing import Array, Axis, Bool, Float, Num, Scalar


def _ratio(part, whole):
    """part / whole, and 0 with derivative 0 where whole is 0."""
    none = whole == 0
    return jnp.where(none, 0, part / jnp.where(none, 1, whole))


def _disagreement(p, rest, t, axis, *, alpha, beta, smooth: Scalar = 0):
    """The share of false positives and negatives; rest = 1 − p; 0 / 0 = 0."""
    alpha, beta, smooth = (jnp.asarray(a, p.dtype) for a in (alpha, beta, smooth))
    wrong = alpha * jnp.sum(p * (1 - t), axis) + beta * jnp.sum(rest * t, axis)
    return _ratio(wrong, jnp.sum(p * t, axis) + wrong + smooth)


def _likelihoods(x):
    """(p, 1 − p) of logits, the latter with all its digits."""
    if x.shape[-1] == 1:
        return sigmoid(x), sigmoid(-x)
    return softmax(x), -jnp.expm1(log_softmax(x))


def _with_channel(x, other):
    """`x` with an axis of one class, if `other` has an axis more."""
    return jnp.expand_dims(x, -1) if jnp.ndim(x) == jnp.ndim(other) - 1 else x


def _reduced(losses, reduction):
    """The mean or the sum over the classes, or each of them."""
    reductions = {"mean": jnp.mean, "sum": jnp.sum, "none": lambda x, _: x}
    _check.choice("dice_loss", "reduction", reduction, reductions)
    return reductions[reduction](losses, -1)


def dice_loss(
    predictions: Float[Array, "..."],
    targets: Num[Array, "..."],
    *,
    class_weights: Num[Array, " classes"] | None = None,
    smooth: Scalar = 1.0,
    alpha: Scalar = 0.5,
    beta: Scalar = 0.5,
    apply_softmax: bool = True,
    reduction: str = "mean",
    ignore_background: bool = False,
    axis: Axis = None,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "..."]:
    """1 − (Σ pt + smooth) / (Σ pt + α Σ p(1 − t) + β Σ (1 − p)t + smooth) by class.

    p is softmax(predictions) over the last axis, of one class the sigmoid, or with
    ``apply_softmax=False`` the predictions. Σ is over `axis` (all but the first and the
    last if not given) and the places where `where`, of the shape without classes, is
    True. Empty masks and predictions with `smooth` 0 give 0. `reduction` is over the
    classes, without the first if `ignore_background`.

    >>> logits = jnp.array([[[9.0, -9.0], [9.0, -9.0]]])
    >>> right = jnp.array([[[1.0, 0.0], [1.0, 0.0]]])
    >>> dice_loss(logits, right).tolist(), dice_loss(logits, right[..., ::-1]).tolist()
    ([1.01...e-08], [0.5])

    Milletari, Navab and Ahmadi 2016, arXiv:1606.04797.

    Float32, CPU: within 4 ULP.
    """
    predictions = _with_channel(predictions, targets)
    targets = _with_channel(targets, predictions)
    x, t = _pair("dice_loss", predictions=predictions, targets=targets)
    if where is not None:
        inside = _mask(where, x, -1)
        x, t = jnp.where(inside, x, 0), jnp.where(inside, t, 0)
    p, rest = _likelihoods(x) if apply_softmax else (x, 1 - x)
    if where is not None:
        p = jnp.where(inside, p, 0)
    axis = tuple(range(1, x.ndim - 1)) if axis is None else axis
    y = _disagreement(p, rest, t, axis, alpha=alpha, beta=beta, smooth=smooth)
    if class_weights is not None:
        y = y * jnp.broadcast_to(jnp.asarray(class_weights).astype(y.dtype), y.shape)
    if ignore_background and x.shape[-1] > 1:
        y = y[..., 1:]
    return _numerics.narrow(_reduced(y, reduction), predictions)


def binary_dice_loss(
    predictions: Float[Array, "..."],
    targets: Num[Array, "..."],
    *,
    smooth: Scalar = 1.0,
    apply_sigmoid: bool = True,
) -> Float[Array, "..."]:
    """`dice_loss` of one class: p is σ(predictions), or the predictions themselves.

    >>> p, t = jnp.array([[0.5, 1.0, 0.0]]), jnp.array([[1.0, 1.0, 0.0]])
    >>> binary_dice_loss(p, t, apply_sigmoid=False).tolist()
    [0.0909...]

    Float32, CPU: within 4 ULP.
    """
    if jnp.ndim(predictions) == jnp.ndim(targets) and jnp.shape(predictions)[-1:] != (
        1,
    ):
        predictions, targets = (jnp.expand_dims(x, -1) for x in (predictions, targets))
    return dice_loss(predictions, targets, smooth=smooth, apply_softmax=apply_sigmoid)


def _rarity(targets):
    """1 / frequency² of each class, mean 1; an absent class counts as the rarest."""
    count = jnp.sum(targets, tuple(range(targets.ndim - 1)))
    absent = count == 0
    rarest = jnp.min(jnp.where(absent, jnp.inf, count))
    weight = jnp.where(absent, 1, rarest / jnp.where(absent, 1, count)) ** 2
    return weight / jnp.mean(weight)


def multiclass_generalized_dice_loss(
    predictions: Float[Array, "*shape classes"],
    targets: Num[Array, "*shape classes"],
    *,
    smooth: Scalar = 1.0,
    apply_softmax: bool = True,
    ignore_background: bool = False,
) -> Float[Array, ""]:
    """The mean of `dice_loss` by class, weighted by 1 / (Σ t)² over the whole batch.

    A class that the batch does not have weighs as much as the rarest one that it has.

    >>> logits = jnp.array([[[9.0, -9.0], [9.0, -9.0], [-9.0, 9.0]]])
    >>> targets = jnp.array([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
    >>> multiclass_generalized_dice_loss(logits, targets).item()
    1.06...e-08

    Sudre et al. 2017, arXiv:1707.03237.

    Float32, CPU: within 4 ULP.
    """
    who = "multiclass_generalized_dice_loss"
    _, t = _pair(who, predictions=predictions, targets=targets)
    y = dice_loss(
        _numerics.wide(predictions),
        targets,
        class_weights=_rarity(t),
        smooth=smooth,
        apply_softmax=apply_softmax,
        reduction="none",
        ignore_background=ignore_background,
    )
    return _numerics.narrow(jnp.mean(y), predictions)


def tversky_loss(
    probabilities: Float[Array, "*shape"],
    targets: Num[Array, "*shape"],
    *,
    alpha: Scalar = 0.5,
    beta: Scalar = 0.5,
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """(α FP + β FN) / (TP + α FP + β FN): TP = Σ pt, FP = Σ p(1 − t), FN = Σ (1 − p)t.

    With α = β = ½ it is the dice loss, with 1 Jaccard's. No mass at all gives 0. An
    empty target costs 1 at any prediction, with gradient 0: `dice_loss` has the
    `smooth` that changes it.

    >>> p, t = jnp.array([0.5, 1.0, 0.5]), jnp.array([1.0, 1.0, 0.0])
    >>> tversky_loss(p, t, alpha=0.3, beta=0.7).item()
    0.25

    Salehi, Erdogmus and Gholipour 2017, arXiv:1706.05721.

    Float32, CPU: within 4 ULP.
    """
    p, t = _pair("tversky_loss", probabilities=probabilities, targets=targets)
    if where is not None:
        inside = _mask(where, p, axis)
        p, t = jnp.where(inside, p, 0), jnp.where(inside, t, 0)
    y = _disagreement(p, 1 - p, t, axis, alpha=alpha, beta=beta)
    return _numerics.narrow(y, probabilities)


@jax.custom_jvp
def _power(x, exponent):
    """x^exponent, whose derivative at 0 is 0: that of a root would be infinite."""
    return x**exponent


@_power.defjvp
def _(primals, tangents):
    (x, exponent), (tx, _) = primals, tangents
    slope = exponent * _power(jnp.where(x == 0, 1, x), exponent - 1)
    return _power(x, exponent), jnp.where(x == 0, 0, slope) * tx


def focal_tversky_loss(
    probabilities: Float[Array, "*shape"],
    targets: Num[Array, "*shape"],
    *,
    alpha: Scalar = 0.3,
    beta: Scalar = 0.7,
    gamma: Scalar = 4 / 3,
    axis: Axis = -1,
) -> Float[Array, "*batch"]:
    """`tversky_loss` ^ (1 / γ). The derivative at 0 is 0.

    A mask is ``jnp.where(mask, x, 0)`` of both arrays: no mass counts nothing.

    >>> p, t = jnp.array([0.5, 1.0, 0.5]), jnp.array([1.0, 1.0, 0.0])
    >>> focal_tversky_loss(p, t).item()
    0.353...

    Abraham and Khan 2018, arXiv:1810.07842, whose α weighs what β does here.

    Float32, CPU: within 4 ULP.
    """
    who = "focal_tversky_loss"
    p, t = _pair(who, probabilities=probabilities, targets=targets)
    y = _disagreement(p, 1 - p, t, axis, alpha=alpha, beta=beta)
    exponent = jnp.broadcast_to(1 / jnp.asarray(gamma, y.dtype), y.shape)
    return _numerics.narrow(_power(y, exponent), probabilities)


def jaccard_loss(
    probabilities: Float[Array, "*shape"],
    targets: Num[Array, "*shape"],
    *,
    axis: Axis = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """1 − Σ pt / Σ (p + t − pt): one minus the soft intersection over union; 0 / 0 = 0.

    >>> jaccard_loss(jnp.array([0.5, 1.0, 0.5]), jnp.array([1.0, 1.0, 0.0])).item()
    0.4...

    Rahman and Wang 2016, doi:10.1007/978-3-319-50835-1_22.

    Float32, CPU: within 4 ULP.
    """
    _pair("jaccard_loss", probabilities=probabilities, targets=targets)
    ones = {"alpha": 1.0, "beta": 1.0}
    return tversky_loss(probabilities, targets, **ones, axis=axis, where=where)

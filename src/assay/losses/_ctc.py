"""Connectionist temporal classification: the loss, and its forward probabilities.

The recursion is exact in log space: impossible is −∞, and no small number stands in.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations import log_softmax
from assay.typing import Array, Bool, Float, Int, Scalar, Shaped


@jax.custom_jvp
def _share(a, b):
    """eᵃ / (eᵃ + eᵇ), and 0 where eᵃ is 0."""
    e = jnp.exp(-jnp.where(a == b, 0, jnp.abs(a - b)))
    return jnp.where(a == -jnp.inf, 0, jnp.where(a < b, e, 1) / (1 + e))


@_share.defjvp
def _(primals, tangents):
    (a, b), (ta, tb) = primals, tangents
    share = _share(a, b)
    return share, share * _share(b, a) * (ta - tb)


@jax.custom_jvp
def _log_add(a, b):
    """log(eᵃ + eᵇ); impossible terms have no share in it, nor in its derivatives."""
    gap = jnp.where(a == b, 0, jnp.abs(a - b))
    return jnp.maximum(a, b) + jnp.log1p(jnp.exp(-gap))


@_log_add.defjvp
def _(primals, tangents):
    (a, b), (ta, tb) = primals, tangents
    return _log_add(a, b), _share(a, b) * ta + _share(b, a) * tb


class _Paths(NamedTuple):
    """The log-probability of all paths that have read n labels, less `level`.

    The last frame of `blank` was a blank, of `label` the n-th label. `level` is the
    greatest of all so far, and `lost` what rounding took from it: the numbers
    that matter stay small however long the sequence is.
    """

    blank: Float[Array, "*time batch n+1"]
    label: Float[Array, "*time batch n+1"]
    level: Float[Array, "*time batch"]
    lost: Float[Array, "*time batch"]


class _Frame(NamedTuple):
    """What one frame says of the blank and of each label, and whether it is padding."""

    blank: Float[Array, "*time batch"]
    label: Float[Array, "*time batch n+1"]
    padding: Bool[Array, "*time batch"]


def _shifted(x, fill):
    """x₋₁ … x₋ₙ: entry n − 1 at place n, and `fill` at place 0."""
    return jnp.concatenate([jnp.full_like(x[:, :1], fill), x[:, :-1]], -1)


def _levelled(blank, label, paths):
    """The paths with their greatest taken out, which derivatives do not see."""
    top = jax.lax.stop_gradient(jnp.maximum(blank, label).max(-1))
    top = jnp.where(jnp.isfinite(top), top, 0)
    level, lost = _numerics.difference(paths.level, -top)
    below = jnp.broadcast_to(top[:, None], blank.shape)
    return _Paths(blank - below, label - below, level, paths.lost + lost)


def _step(repeat, paths, frame):
    """One frame more: stay, or go on to the blank, or to the label."""
    either = _log_add(paths.blank, paths.label)
    # Between two equal labels there must be a blank.
    before = _shifted(jnp.where(repeat, paths.blank, either), -jnp.inf)
    blank = either + jnp.broadcast_to(frame.blank[:, None], either.shape)
    label = _log_add(paths.label, before) + frame.label
    new = _levelled(blank, label, paths)

    def keep(old, new):
        padding = frame.padding.reshape(-1, *[1] * (new.ndim - 1))
        return jnp.where(jnp.broadcast_to(padding, new.shape), old, new)

    new = jax.tree.map(keep, paths, new)
    return new, new


def _frames(logits, padding, labels, blank_id):
    """The log-probabilities that the recursion reads, time first."""
    still = jnp.broadcast_to(padding[..., None], logits.shape)
    log_p = log_softmax(jnp.where(still, 0, logits))
    label = jax.vmap(lambda row, which: jnp.take(row, which, 1))(log_p, labels)
    label = jnp.pad(label, ((0, 0), (0, 0), (1, 0)), constant_values=-jnp.inf)
    over_time = log_p[..., blank_id], label, padding
    return _Frame(*(jnp.moveaxis(x, 1, 0) for x in over_time))


def _start(frames):
    """Before the first frame no label has been read."""
    like, shape = frames.label, frames.label.shape[1:]
    # full_like, not full: inside shard_map the carry must vary as the frames do.
    nothing = jnp.full_like(like, -jnp.inf, shape=shape)
    zero = jnp.zeros_like(like, shape=shape[:1])
    return _Paths(nothing.at[:, 0].set(0), nothing, zero, zero)


def _known(labels, unused, classes, blank_id):
    """Whether every label of an example is a class, and none is the blank."""
    known = (labels >= 0) & (labels < classes) & (labels != blank_id) | unused
    must = f"labels must be in [0, {classes}) and not the blank {blank_id}"
    _check.debug("ctc_loss", must, known, labels)
    return jnp.all(known, -1)


def _check_all(who, logits, logit_paddings, labels, label_paddings, blank_id):
    arrays = logits, logit_paddings, labels, label_paddings
    _check.floating(who, logits=logits)
    _check.integer(who, labels=labels)
    _check.rank_at_least(who, "logits", logits, 3, "(batch, time, classes)")
    _check.rank_at_least(who, "labels", labels, 2, "(batch, n)")
    got = [jnp.shape(x) for x in arrays]
    (b, t, k), n = got[0][-3:], got[2][-1]
    if got != [(b, t, k), (b, t), (b, n), (b, n)]:
        names = "logits, logit_paddings, labels and label_paddings"
        shapes = "(b, t, classes), (b, t), (b, n) and (b, n)"
        must = f"{names} must have the shapes {shapes}"
        _check.fail(who, must, ", ".join(map(str, got)))
    _check.within(who, "blank_id", blank_id, 0, k - 1)


def _marks(paddings):
    """Where 0 and 1, False and True, say that there is nothing."""
    return jnp.asarray(paddings).astype(bool)


def _repeats(labels):
    """Where label n + 1 equals label n, for n = 0 … N; there is no label 0."""
    again = jnp.pad(labels[:, 1:] == labels[:, :-1], ((0, 0), (1, 1)))
    return again[:, : labels.shape[1] + 1]


def _read(logits, logit_paddings, labels, label_paddings, blank_id):
    """(log p of each example, the paths after each frame, the number of labels)."""
    x, labels = _numerics.wide(logits), jnp.asarray(labels)
    still, unused = _marks(logit_paddings), _marks(label_paddings)
    known = _known(labels, unused, x.shape[-1], blank_id)
    labels = jnp.where(unused, blank_id, labels)
    step = functools.partial(_step, _repeats(labels))
    frames = _frames(x, still, labels, blank_id)
    last, paths = jax.lax.scan(step, _start(frames), frames)
    count = labels.shape[1] - jnp.sum(unused, -1, keepdims=True)
    ends = jnp.take_along_axis(_log_add(last.blank, last.label), count, -1)
    log_p = last.level + (last.lost + jnp.squeeze(ends, -1))
    return jnp.where(known, log_p, jnp.nan), paths, count


def ctc_loss(
    logits: Float[Array, "batch time classes"],
    logit_paddings: Shaped[Array, "batch time"],
    labels: Int[Array, "batch n"],
    label_paddings: Shaped[Array, "batch n"],
    *,
    blank_id: int = 0,
    log_epsilon: Scalar = -1e5,
) -> Float[Array, " batch"]:
    """−log Σ Πₜ softmax(logitsₜ)[pathₜ] over the paths that collapse to the labels.

    Collapsing merges equal neighbours, then removes the blanks. Paddings are 1 where
    there is no frame and no label; labels are padded on the right. No path at all
    (too few frames, or a class of logit -∞) costs ∞ with gradient 0, so
    ``jnp.where(jnp.isinf(loss), 0, loss)`` is torch's `zero_infinity`. A label that is
    no class, or the blank, gives NaN. The sum is exact: `log_epsilon`, Optax's stand-in
    for log 0, changes nothing here.

    >>> logits, labels = jnp.zeros((1, 3, 2)), jnp.array([[1, 1]])
    >>> ctc_loss(logits, jnp.zeros((1, 3)), labels, jnp.zeros((1, 2))).tolist()
    [2.079...]
    >>> ctc_loss(logits, jnp.zeros((1, 3)), labels, jnp.array([[0, 1]])).tolist()
    [0.287...]

    Graves et al. 2006, doi:10.1145/1143844.1143891.

    Float32, CPU: within 4 ULP.
    """
    del log_epsilon
    args = logits, logit_paddings, labels, label_paddings, blank_id
    _check_all("ctc_loss", *args)
    return _numerics.narrow(-_read(*args)[0], logits)


def ctc_loss_with_forward_probs(
    logits: Float[Array, "batch time classes"],
    logit_paddings: Shaped[Array, "batch time"],
    labels: Int[Array, "batch n"],
    label_paddings: Shaped[Array, "batch n"],
    *,
    blank_id: int = 0,
    log_epsilon: Scalar = -1e5,
) -> tuple[
    Float[Array, " batch"],
    Float[Array, "time batch states"],
    Float[Array, "time batch n"],
]:
    """(`ctc_loss`, log α of the blanks, log α of the labels).

    α(t, n) is the probability of all paths that have read n labels after t frames, the
    last frame being a blank, or the n-th label itself. After the last frame the blanks'
    row has both. Where α is 0 it shows `log_epsilon`.

    >>> logits, labels = jnp.zeros((1, 2, 2)), jnp.array([[1]])
    >>> loss, blanks, emits = ctc_loss_with_forward_probs(
    ...     logits, jnp.zeros((1, 2)), labels, jnp.zeros((1, 1))
    ... )
    >>> jnp.exp(blanks)[:, 0].tolist(), jnp.exp(emits)[:, 0].tolist()
    ([[0.5, 0.0], [0.25, 0.75]], [[0.5], [0.5]])

    Graves et al. 2006, doi:10.1145/1143844.1143891.

    Float32, CPU: within 4 ULP.
    """
    args = logits, logit_paddings, labels, label_paddings, blank_id
    _check_all("ctc_loss_with_forward_probs", *args)
    log_p, paths, count = _read(*args)
    exists = jnp.arange(paths.blank.shape[-1])[None] <= count
    level = (paths.level + paths.lost)[..., None]

    def shown(x):
        x = x + jnp.broadcast_to(level, x.shape)
        seen = jnp.broadcast_to(exists[None], x.shape) & (x != -jnp.inf)
        return _numerics.narrow(jnp.where(seen, x, log_epsilon), logits)

    both = paths.blank.at[-1:].set(_log_add(paths.blank[-1:], paths.label[-1:]))
    loss = _numerics.narrow(-log_p, logits)
    return loss, shown(both), shown(paths.label)[..., 1:]

"""Labels from the logits of connectionist temporal classification."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations import log_softmax
from assay.losses._ctc import _log_add, _marks
from assay.typing import Array, Float, Int, Shaped

_NOTHING = -1  # in a prefix, beyond its last label


class Decoded(NamedTuple):
    """Labels padded on the right with the blank, as `ctc_loss` reads them."""

    labels: Int[Array, "*beams time"]
    label_paddings: Float[Array, "*beams time"]
    log_probabilities: Float[Array, "*beams"]


def _frames(who, logits, logit_paddings, blank_id):
    """(log-probabilities, where there is no frame)."""
    _check.floating(who, logits=logits)
    _check.rank_at_least(who, "logits", logits, 3, "(batch, time, classes)")
    if jnp.shape(logits)[:2] != jnp.shape(logit_paddings) or jnp.ndim(logits) != 3:
        must = "logits must be (batch, time, classes) and logit_paddings (batch, time)"
        got = f"{jnp.shape(logits)} and {jnp.shape(logit_paddings)}"
        _check.fail(who, must, got)
    _check.within(who, "blank_id", blank_id, 0, jnp.shape(logits)[-1] - 1)
    still = _marks(logit_paddings)
    hidden = jnp.broadcast_to(still[..., None], jnp.shape(logits))
    return log_softmax(jnp.where(hidden, 0, _numerics.wide(logits))), still


def _latest(best, still):
    """The best class of the latest frame that is no padding; −1 before the first."""
    t = jnp.broadcast_to(jnp.arange(best.shape[1])[None], best.shape)
    at = jax.lax.cummax(jnp.where(still, -1, t), axis=1)
    return jnp.where(at < 0, -1, jnp.take_along_axis(best, jnp.maximum(at, 0), 1))


def _packed(labels, kept, fill):
    """The kept labels of each row moved to the left, and 1 where there is none."""
    place = jnp.where(kept, jnp.cumsum(kept, -1) - 1, labels.shape[-1])
    empty = jnp.full_like(labels, fill)
    put = jax.vmap(lambda row, at, x: row.at[at].set(x, mode="drop"))
    count = jnp.sum(kept, -1, keepdims=True)
    paddings = jnp.arange(labels.shape[-1])[None] >= count
    return put(empty, place, labels), paddings


def ctc_greedy_decode(
    logits: Float[Array, "batch time classes"],
    logit_paddings: Shaped[Array, "batch time"],
    *,
    blank_id: int = 0,
) -> Decoded:
    """The labels of the likeliest path: argmax of each frame, collapsed.

    `log_probabilities` are those of the paths. They fit into `ctc_loss`:
    ``ctc_loss(logits, logit_paddings, decoded.labels, decoded.label_paddings)``.

    >>> logits = jnp.log(jnp.array([[[0.1, 0.9], [0.1, 0.9], [0.8, 0.2], [0.4, 0.6]]]))
    >>> decoded = ctc_greedy_decode(logits, jnp.zeros((1, 4)))
    >>> decoded.labels.tolist(), jnp.exp(decoded.log_probabilities).round(4).tolist()
    ([[1, 1, 0, 0]], [0.388...])

    Graves et al. 2006, doi:10.1145/1143844.1143891.

    Float32, CPU: within 4 ULP.
    """
    log_p, still = _frames("ctc_greedy_decode", logits, logit_paddings, blank_id)
    best = jnp.argmax(log_p, -1).astype(jnp.int32)
    latest = _latest(best, still)
    before = jnp.pad(latest, ((0, 0), (1, 0)), constant_values=-1)[:, :-1]
    kept = ~still & (best != before) & (best != blank_id)
    labels, paddings = _packed(best, kept, blank_id)
    total = jnp.sum(jnp.where(still, 0, jnp.max(log_p, -1)), -1)
    dtype = jnp.result_type(logits)
    return Decoded(labels, paddings.astype(dtype), total.astype(dtype))


class _Beams(NamedTuple):
    """The likeliest prefixes, and what leads to them, by the kind of the last frame."""

    prefix: Int[Array, "beams time"]
    length: Int[Array, " beams"]
    blank: Float[Array, " beams"]
    label: Float[Array, " beams"]


def _columns(x, n):
    """`x` beside itself, n times."""
    return jnp.broadcast_to(x[:, None], (x.shape[0], n))


def _last(beams):
    """The last label of each prefix; of the empty one, the mark of nothing."""
    at = jnp.maximum(beams.length - 1, 0)[:, None]
    last = jnp.take_along_axis(beams.prefix, at, 1)[:, 0]
    return jnp.where(beams.length > 0, last, _NOTHING)


def _parents(beams, total):
    """(i, j): whether prefix j is prefix i and one label more, both possible."""
    time = jax.lax.broadcasted_iota(jnp.int32, beams.prefix.shape, 1)
    last = time == _columns(beams.length - 1, time.shape[1])
    stem = jnp.where(last, _NOTHING, beams.prefix)
    pair = (beams.prefix.shape[0], *beams.prefix.shape)
    one = jnp.broadcast_to(beams.prefix[:, None], pair)
    same = jnp.all(one == jnp.broadcast_to(stem[None], pair), -1)
    possible = total > -jnp.inf
    child = possible & (beams.length > 0)
    return same & possible[:, None] & child[None, :]


def _candidates(beams, log_p, blank_id):
    """Log-probabilities after one frame: (ends in a blank, in the label, extended)."""
    n, classes = beams.prefix.shape[0], log_p.shape[0]
    total, last = _log_add(beams.blank, beams.label), _last(beams)
    blank = total + jnp.broadcast_to(log_p[blank_id], (n,))
    label = beams.label + jnp.where(last < 0, -jnp.inf, jnp.take(log_p, last))
    every = jax.lax.broadcasted_iota(last.dtype, (n, classes), 1)
    # A label again is a new label only after a blank.
    again = every == _columns(last, classes)
    source = jnp.where(again, _columns(beams.blank, classes), _columns(total, classes))
    grown = source + jnp.broadcast_to(log_p[None], source.shape)
    grown = jnp.where(every == blank_id, -jnp.inf, grown)
    # What grows into a prefix that is there joins it.
    parent = _parents(beams, total)
    into = jnp.take(grown, jnp.maximum(last, 0), axis=1)
    joined = jnp.max(jnp.where(parent, into, -jnp.inf), 0)
    taken = jnp.any(parent[:, :, None] & again[None], 1)
    return blank, _log_add(label, joined), jnp.where(taken, -jnp.inf, grown)


def _advance(beams, frame, *, blank_id):
    """The likeliest of all prefixes after one frame more; padding changes nothing."""
    log_p, still = frame
    n, classes = beams.prefix.shape[0], log_p.shape[0]
    blank, label, grown = _candidates(beams, log_p, blank_id)
    blank = jnp.concatenate([blank, jnp.full(n * classes, -jnp.inf, blank.dtype)])
    label = jnp.concatenate([label, grown.reshape(-1)])
    _, at = jax.lax.top_k(_log_add(blank, label), n)
    source = jnp.where(at < n, at, (at - n) // classes)
    new = jnp.where(at < n, _NOTHING, (at - n) % classes)
    prefix, length = beams.prefix[source], beams.length[source]
    put = jax.vmap(lambda row, i, x: row.at[i].set(x, mode="drop"))
    place = jnp.where(at < n, prefix.shape[1], length)  # beyond the end: none
    grown = put(prefix, place, new.astype(prefix.dtype))
    ahead = _Beams(grown, length + (at >= n).astype(length.dtype), blank[at], label[at])
    return jax.tree.map(lambda old, new: jnp.where(still, old, new), beams, ahead), None


def _search(log_p, still, width, blank_id):
    """The beams of one sequence: (labels, where there is none, log-probabilities)."""
    time = log_p.shape[0]
    # full_like, not full: inside shard_map the carry must vary as the frames do.
    full = functools.partial(jnp.full_like, log_p)
    nothing = full(-jnp.inf, shape=width)
    prefix = full(_NOTHING, dtype=jnp.int32, shape=(width, max(time, 1)))
    length = full(0, dtype=jnp.int32, shape=width)
    start = _Beams(prefix, length, nothing.at[0].set(0), nothing)
    advance = functools.partial(_advance, blank_id=blank_id)
    beams, _ = jax.lax.scan(advance, start, (log_p, still))
    total = _log_add(beams.blank, beams.label)
    possible = _columns(total > -jnp.inf, time)
    empty = (beams.prefix[:, :time] == _NOTHING) | ~possible
    return jnp.where(empty, blank_id, beams.prefix[:, :time]), empty, total


def ctc_beam_decode(
    logits: Float[Array, "batch time classes"],
    logit_paddings: Shaped[Array, "batch time"],
    *,
    beam_width: int = 16,
    blank_id: int = 0,
) -> Decoded:
    """The likeliest labels, Σ p over their paths, likeliest first: prefix beam search.

    `beam_width` prefixes survive each frame, and what paths through others would have
    added is lost: `log_probabilities` are at most ``-ctc_loss``. A beam beyond the last
    possible prefix has the log-probability -∞.

    >>> logits = jnp.log(jnp.array([[[0.6, 0.4], [0.6, 0.4]]]))
    >>> decoded = ctc_beam_decode(logits, jnp.zeros((1, 2)), beam_width=2)
    >>> decoded.labels.tolist(), jnp.exp(decoded.log_probabilities).round(4).tolist()
    ([[[1, 0], [0, 0]]], [[0.6..., 0.3...]])

    Graves and Jaitly 2014, proceedings.mlr.press/v32/graves14.html.

    Float32, CPU: within 4 ULP.
    """
    who = "ctc_beam_decode"
    _check.within(who, "beam_width", beam_width, 1, float("inf"))
    log_p, still = _frames(who, logits, logit_paddings, blank_id)
    search = functools.partial(_search, width=beam_width, blank_id=blank_id)
    labels, empty, total = jax.vmap(search)(log_p, still)
    dtype = jnp.result_type(logits)
    return Decoded(labels, empty.astype(dtype), total.astype(dtype))

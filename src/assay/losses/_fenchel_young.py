"""Losses of Fenchel and Young: the greatest score of a soft maximum − the targets'."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from assay import _numerics
from assay.activations import sparse_plus, sparsemax
from assay.losses._margin import _gaps, _labelled
from assay.losses._pair import _pair
from assay.typing import Array, Bool, Float, Int, Loss, Num


def make_fenchel_young_loss(max_fun: Callable[..., Any]) -> Loss:
    """A loss max_fun(scores) − ⟨targets, scores⟩ over the last axis.

    `max_fun` maps one row of scores to a number, and the loss passes to it what follows
    scores and targets. The gradient by the scores is that of max_fun − targets.

    >>> loss = make_fenchel_young_loss(jnp.max)
    >>> loss(jnp.array([3.0, 1.0]), jnp.array([0.0, 1.0])).item()
    2.0

    Blondel, Martins and Niculae 2020, arXiv:1901.02324.

    Float32, CPU: within 2 ULP of the largest term.
    """

    def fenchel_young_loss(
        scores: Float[Array, "*batch n"],
        targets: Num[Array, "*batch n"],
        *args: Any,
        **kwargs: Any,
    ) -> Float[Array, "*batch"]:
        x, t = _pair("fenchel_young_loss", scores=scores, targets=targets)
        row = jnp.vectorize(lambda r: max_fun(r, *args, **kwargs), signature="(n)->()")
        return _numerics.narrow(row(x) - jnp.sum(_numerics.mass(t, x), -1), scores)

    return fenchel_young_loss


def sparsemax_loss(
    logits: Float[Array, "*shape"], labels: Num[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """sparse_plus(−logit) for a label of 1, sparse_plus(logit) for 0.

    Exactly 0 from a margin of 1 on.

    >>> sparsemax_loss(jnp.array([0.0, 1.0, 3.0]), jnp.array([1, 1, 0])).tolist()
    [0.25, 0.0, 3.0]

    Blondel, Martins and Niculae 2020, arXiv:1901.02324, section 4.4.

    Float32, CPU: within 2 ULP; derivatives 0.5.
    """
    x, labels = _pair("sparsemax_loss", logits=logits, labels=labels)
    return _numerics.narrow(sparse_plus(jnp.where(labels != 0, -x, x)), logits)


@jax.custom_jvp
def _regret(gaps: Array, chosen: Array) -> Array:
    """Σ p (gap + 1 − p/2) − q²/2 over the other classes, p = sparsemax, q = Σ p."""
    p = jnp.where(chosen, 0, sparsemax(gaps))
    costs = _numerics.mass(p, gaps + 1 - p / 2)
    others = jnp.sum(p, -1)
    return jnp.sum(costs, -1) - others * others / 2


@_regret.defjvp
def _(primals, tangents):
    (gaps, chosen), (t, _) = primals, tangents
    p = jnp.where(chosen, 0, sparsemax(gaps))
    return _regret(gaps, chosen), jnp.sum(_numerics.mass(p, t), -1)


def multiclass_sparsemax_loss(
    scores: Float[Array, "*shape"],
    labels: Int[Array, "*batch"],
    *,
    axis: int = -1,
    where: Bool[Array, "..."] | None = None,
) -> Float[Array, "*batch"]:
    """⟨p, scores⟩ + (1 − ‖p‖²)/2 − score[label], p = sparsemax(scores).

    The gradient is p − one_hot(label): exactly 0 from a margin of 1 on.

    >>> scores = jnp.array([[2.0, 1.0, 0.0], [2.0, 1.5, 0.0]])
    >>> multiclass_sparsemax_loss(scores, jnp.array([0, 0])).tolist()
    [0.0, 0.0625]

    Martins and Astudillo 2016, arXiv:1602.02068.

    Float32, CPU: within 3 ULP of max(1, result).
    """
    who = "multiclass_sparsemax_loss"
    x, chosen, part = _labelled(who, scores, labels, axis, where)
    gaps = _gaps(x, chosen)
    known = ~jnp.any(jnp.isnan(gaps), -1)
    lost = known & jnp.any(gaps == jnp.inf, -1)  # the label's class is impossible
    usual = jnp.expand_dims(known & ~lost, -1)
    y = _regret(jnp.where(usual, gaps, 0), chosen)
    y = jnp.where(known, jnp.where(lost, jnp.inf, y), jnp.nan)
    y = jnp.where(jnp.any(part, -1), y, 0)
    return _numerics.narrow(y, scores)

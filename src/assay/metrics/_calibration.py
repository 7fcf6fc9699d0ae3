"""Do probabilities come true? Reliability diagrams and what is read off them."""

from typing import NamedTuple

import jax.numpy as jnp

from assay import _check
from assay._numerics import wide
from assay.metrics._reduce import is_true, mean, quotient, taking_part
from assay.typing import Array, Bool, Float, Int, Shaped


class Reliability(NamedTuple):
    """What was said and what came true, bin by bin; 0 in a bin that is empty."""

    count: Array  # (bins,) examples
    confidence: Array  # (bins,) their mean probability
    share: Array  # (bins,) the share of them that came true


def reliability_diagram(
    predictions: Float[Array, "..."],
    labels: Shaped[Array, "..."],
    *,
    bins: int = 15,
    where: Bool[Array, "..."] | None = None,
) -> Reliability:
    """Counts, mean probability and share of label 1 in (k/bins, (k+1)/bins].

    Of several classes the confidence is the largest probability, and the label whether
    that class is right. A NaN probability makes the first bin NaN.

    >>> diagram = reliability_diagram(
    ...     jnp.array([0.3, 0.4, 0.9]), jnp.array([0, 1, 1]), bins=2)
    >>> diagram.share.tolist()
    [0.5, 1.0]

    DeGroot and Fienberg 1983, doi:10.2307/2987588.

    Float32, CPU: within 4 ULP.
    """
    counts, said, came = binned("reliability_diagram", predictions, labels, bins, where)
    confidence, share = quotient(said, counts), quotient(came, counts, said.dtype)
    return Reliability(counts, confidence, share)


def binned(
    who: str, predictions: Array, labels: Array, bins: int, where: Array | None
) -> tuple[Array, Array, Array]:
    """(how many, Σ probability, how many of label 1) in each bin."""
    _check.floating(who, predictions=predictions)
    _check.same_shape(who, predictions=predictions, labels=labels)
    _check.within(who, "bins", bins, 1, float("inf"))
    keep = jnp.ravel(taking_part(who, where, predictions=predictions))
    p, true = jnp.ravel(wide(predictions)), jnp.ravel(is_true(labels))
    edges = jnp.arange(1, bins, dtype=p.dtype) / bins
    at = jnp.where(jnp.isnan(p), 0, jnp.searchsorted(edges, p, side="left"))
    at = jnp.where(keep, at, bins)
    counts, came = jnp.zeros((2, bins), jnp.int32)
    counts = counts.at[at].add(1, mode="drop")
    came = came.at[at].add(true.astype(jnp.int32), mode="drop")
    return counts, jnp.zeros(bins, p.dtype).at[at].add(p, mode="drop"), came


def expected_calibration_error(diagram: Reliability) -> Float[Array, ""]:
    """Σ nₖ |shareₖ − confidenceₖ| / n; NaN without examples.

    >>> diagram = reliability_diagram(jnp.array([0.75, 0.75]), jnp.array([1, 0]))
    >>> expected_calibration_error(diagram).tolist()
    0.25

    Naeini et al. 2015, doi:10.1609/aaai.v29i1.9602.

    Float32, CPU: within 3 ULP.
    """
    n = wide(diagram.count)
    gaps = jnp.abs(diagram.share - diagram.confidence)
    return quotient(jnp.sum(n * gaps), jnp.sum(n), empty=jnp.nan)


def maximum_calibration_error(diagram: Reliability) -> Float[Array, ""]:
    """max |shareₖ − confidenceₖ| over the bins with examples; NaN if there are none.

    >>> diagram = reliability_diagram(jnp.array([0.75, 0.25]), jnp.array([1, 0]))
    >>> maximum_calibration_error(diagram).tolist()
    0.25

    Float32, CPU: within 1 ULP.
    """
    gaps = jnp.abs(diagram.share - diagram.confidence)
    empty = diagram.count == 0
    most = jnp.max(jnp.where(empty, 0, gaps))
    return jnp.where(jnp.all(empty), jnp.nan, most)


def brier_score(
    probabilities: Float[Array, "*batch classes"],
    labels: Int[Array, "*batch"],
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, ""]:
    """The mean of Σₖ (pₖ − [label = k])²; a label that is no class gives NaN.

    Of one probability an example it is `mean_squared_error`, half of this.

    >>> brier_score(jnp.array([[0.75, 0.25]]), jnp.array([0])).tolist()
    0.125

    Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.

    Float32, CPU: within 3 ULP.
    """
    who = "brier_score"
    _check.integer(who, labels=labels)
    p, labels = wide(probabilities), jnp.asarray(labels, jnp.int32)
    _check.rank_at_least(who, "probabilities", p, 1, "(*batch, classes)")
    _check.same_shape(who, **{"probabilities' examples": p[..., 0], "labels": labels})
    classes = jnp.arange(p.shape[-1], dtype=jnp.int32)
    chosen = labels[..., None] == jnp.broadcast_to(classes, p.shape)
    each = jnp.sum(jnp.square(p - chosen.astype(p.dtype)), -1)
    each = jnp.where((labels >= 0) & (labels < p.shape[-1]), each, jnp.nan)
    return mean(each, taking_part(who, where, labels=labels))

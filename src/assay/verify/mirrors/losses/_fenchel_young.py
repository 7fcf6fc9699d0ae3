"""Fenchel-Young losses: Optax, and the projection onto the simplex in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from assay.verify.mirrors._given import given, integers, mark, normal, probabilities
from assay.verify.mirrors.activations._elementwise import far
from assay.verify.mirrors.losses._margin import _gaps, _rows


@mark(source="Optax")
@given(logits=normal(4, 3), labels=integers(4, 3, high=2))
@given(logits=far(9), labels=integers(9, high=2))
def sparsemax_loss(logits, labels):
    return optax.losses.sparsemax_loss(jnp.asarray(logits), jnp.asarray(labels))


def _projected(x):
    """The nearest point of the simplex, by halving the interval of the threshold."""
    low, high = x.max() - 1, x.max()
    for _ in range(80):
        middle = (low + high) / 2
        enough = np.maximum(x - middle, 0).sum() > 1
        low, high = (middle, high) if enough else (low, middle)
    return np.maximum(x - (low + high) / 2, 0)


@mark(source="NumPy, longdouble")
@_rows
@given(scores=normal(5, 4, scale=0.3), labels=integers(5, high=4))
def multiclass_sparsemax_loss(scores, labels, axis=-1, where=None):
    gaps, others, part = _gaps(scores, labels, axis, where)
    costs = []
    for gap, counted in zip(gaps, part, strict=True):
        x = gap[counted].astype(np.longdouble)
        p = _projected(x)
        costs.append(p @ x + (1 - p @ p) / 2)
    return np.asarray(costs, np.float64)


@mark(property=True, higher_order=True, source="Optax")
@given(scores=normal(4, 3), targets=probabilities(4, 3))
def make_fenchel_young_loss(ours, scores, targets):
    top = jax.nn.logsumexp
    return [
        jax.value_and_grad(lambda s, make=make: make(top)(s, targets).sum())(scores)
        for make in (ours, optax.losses.make_fenchel_young_loss)
    ]

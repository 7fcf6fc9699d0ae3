"""Attention as it is defined: all scores at once, with derivatives of every order."""

import jax.numpy as jnp
from jax import lax

from assay.layers._attention_forms._head import (
    Block,
    Inputs,
    Rules,
    finite,
    kept_weights,
    masked,
    modified,
    over_heads,
    taking_part,
)
from assay.typing import Array


def definition(rules: Rules, x: Inputs) -> Array:
    """Σₛ softmaxₛ(score) · vₛ of every head: (B, N, T, D)."""
    return over_heads(lambda head: _head(rules, head)[0], x)


def weights(rules: Rules, x: Inputs) -> Array:
    """softmaxₛ(score): (B, N, T, S)."""
    return over_heads(lambda head: _head(rules, head)[1], x)


def _head(rules: Rules, x: Inputs) -> tuple[Array, Array]:
    """(output, weights) of one head."""
    at = Block(*(jnp.arange(len(a), dtype=jnp.int32) for a in (x.q, x.k)))
    w = _weights(rules, x, at)
    if x.drop is not None:
        w = w * kept_weights(x, at, len(x.q), w.dtype)
    if not masked(rules, x):
        return w @ x.v, w
    return spoilt(w @ finite(x.v), lax.stop_gradient(w) @ not_finite(x.v)), w


def _weights(rules: Rules, x: Inputs, at: Block) -> Array:
    score = _scores(rules, x)
    kept = taking_part(rules, x, at, x.mask)
    score = modified(rules, x, at, kept, score)
    top = jnp.max(score, -1, keepdims=True, initial=-jnp.inf)
    if x.sink is not None:
        top = jnp.maximum(top, x.sink)
    top = lax.stop_gradient(jnp.where(top == -jnp.inf, 0, top))
    e = jnp.exp(score - top)
    mass = e.sum(-1, keepdims=True)
    if x.sink is not None:
        mass = mass + jnp.exp(x.sink - top)
    return e / jnp.where(mass == 0, 1, mass)  # a row that takes no part is 0


def _scores(rules: Rules, x: Inputs) -> Array:
    """q·k + bias. A NaN is a constant: its derivative in the product is 0 · NaN."""
    score = x.q @ x.k.T
    if masked(rules, x):
        odd = lax.stop_gradient(jnp.where(jnp.isfinite(score), 0, score))
        score = finite(x.q) @ finite(x.k).T + odd
    return score if x.bias is None else score + jnp.broadcast_to(x.bias, score.shape)


def not_finite(v: Array) -> Array:
    """1 where v is NaN, ∞ or −∞, side by side: (S, 3 D)."""
    kinds = jnp.isnan(v), v == jnp.inf, v == -jnp.inf
    return lax.stop_gradient(jnp.concatenate(kinds, -1).astype(v.dtype))


def spoilt(y: Array, marks: Array) -> Array:
    """y with the NaN and ∞ of the values that have a weight: never of one without."""
    nan, up, down = jnp.split(marks > 0, 3, axis=-1)
    y = jnp.where(up, jnp.inf, jnp.where(down, -jnp.inf, y))
    return jnp.where(nan | up & down, jnp.nan, y)

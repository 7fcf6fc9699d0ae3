"""Mixtures of experts: each token goes to the k experts that a router gives it."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from assay import _check, activations
from assay.layers._compose import count_layers
from assay.layers._feed_forward import feed_forward
from assay.layers._precision import product, wide
from assay.typing import Array, Float, Int, PyTree


class ExpertParams(NamedTuple):
    """The weights of a mixture: those of the experts, stacked by `stack_params`."""

    router: Float[Array, "d e"]
    experts: PyTree  # every leaf (e, ...)


class Routing(NamedTuple):
    """Which experts each token has, and how much of each."""

    logits: Float[Array, "*batch e"]
    experts: Int[Array, "*batch k"]
    weights: Float[Array, "*batch k"]


def route(
    x: Float[Array, "*batch d"],
    router: Float[Array, "d e"],
    *,
    k: int = 2,
    normalize: bool = True,
) -> Routing:
    """The k largest of p = softmax(x · router), divided by their sum if `normalize`.

    Mixtral normalizes; the Switch transformer (k = 1) does not, since the router would
    have no slope. The router is computed in float32.

    >>> route(jnp.array([1.0]), jnp.array([[0.0, 2.0, 1.0]]), k=2).experts.tolist()
    [1, 2]

    Shazeer et al. 2017, arXiv:1701.06538; Fedus et al. 2021, arXiv:2101.03961.
    """
    _check.floating("route", x=x)
    logits = product("route", x, router)
    if not 1 <= k <= logits.shape[-1]:
        _check.fail("route", f"k must be in [1, {logits.shape[-1]}], the experts", k)
    weights, experts = jax.lax.top_k(activations.softmax(logits), k)
    if normalize:
        total = jnp.sum(weights, axis=-1, keepdims=True)
        weights = weights / jnp.broadcast_to(total, weights.shape)
    dtype = jnp.result_type(x)
    return Routing(logits.astype(dtype), experts, weights.astype(dtype))


def mixture_of_experts(
    x: Float[Array, "*batch d"],
    params: ExpertParams,
    routing: Routing,
    *,
    expert: Callable[[Array, Any], Array] = feed_forward,
) -> Float[Array, "*batch o"]:
    """Σₖ weightₖ · expert(x, paramsₖ) over the k experts of each token.

    Every expert computes every token, one expert after the other: none is dropped, and
    the memory is that of one. `mixture_with_capacity` computes fewer.

    >>> router, w = jnp.array([[0.0, 2.0]]), jnp.array([3.0, 5.0])
    >>> params = ExpertParams(router, w)
    >>> x = jnp.array([1.0])
    >>> mixture_of_experts(
    ...     x, params, route(x, router, k=1), expert=lambda x, w: w * x).tolist()
    [5.0]

    Shazeer et al. 2017, arXiv:1701.06538.
    """
    n = count_layers("mixture_of_experts", params.experts)
    _tokens("mixture_of_experts", x, params, routing)
    share = jnp.sum(_chosen(routing, n), axis=-2)  # (*batch, e)

    def add(y: Array, one: tuple[Array, Any]) -> tuple[Array, None]:
        weight, own = one
        z = expert(x, own).astype(y.dtype)
        return y + jnp.broadcast_to(weight[..., None], z.shape) * z, None

    first = jax.tree.map(lambda leaf: leaf[0], params.experts)
    like = jax.eval_shape(expert, x, first)
    start = jnp.zeros_like(x, shape=like.shape, dtype=share.dtype)
    y, _ = jax.lax.scan(add, start, (jnp.moveaxis(share, -1, 0), params.experts))
    return y.astype(like.dtype)


def mixture_with_capacity(
    x: Float[Array, "*batch d"],
    params: ExpertParams,
    routing: Routing,
    *,
    capacity: int,
    expert: Callable[[Array, Any], Array] = feed_forward,
) -> Float[Array, "*batch o"]:
    """`mixture_of_experts`, each expert computing at most `capacity` tokens of all.

    First choices have room before second ones, and then earlier tokens; what finds none
    adds 0. With a capacity of all tokens nothing is dropped. A usual one is 1.25 k
    tokens / experts: that much is computed, whatever the number of experts.

    >>> router, w = jnp.array([[0.0, 2.0]]), jnp.array([3.0, 5.0])
    >>> params = ExpertParams(router, w[:, None])
    >>> x = jnp.array([[1.0], [2.0]])
    >>> mixture_with_capacity(x, params, route(x, router, k=1), capacity=1,
    ...     expert=lambda x, w: x @ w[None]).tolist()
    [[5.0], [0.0]]

    Lepikhin et al. 2020 (GShard), arXiv:2006.16668.
    """
    who = "mixture_with_capacity"
    n = count_layers(who, params.experts)
    _tokens(who, x, params, routing)
    if capacity < 1:
        _check.fail(who, "capacity must be at least 1", capacity)
    k = routing.experts.shape[-1]
    tokens = math.prod(jnp.shape(x)[:-1])
    flat = jnp.reshape(x, (tokens, jnp.shape(x)[-1]))
    # All first choices before all second ones.
    chosen = jnp.reshape(routing.experts, (tokens, k)).astype(jnp.int32)
    chosen = jnp.reshape(chosen.T, (k * tokens,))
    place = _places(chosen, n)
    kept = place < capacity
    token = jnp.tile(jnp.arange(tokens, dtype=jnp.int32), k)
    # One row more: what has no room is written there, and reads 0.
    row = jnp.where(kept, chosen * capacity + place, n * capacity)
    source = jnp.full(n * capacity + 1, tokens, jnp.int32).at[row].set(token)[:-1]
    inputs = jnp.take(flat, source, axis=0, mode="fill", fill_value=0)
    own = jnp.reshape(inputs, (n, capacity, flat.shape[1]))
    outputs = jax.vmap(expert)(own, params.experts)
    outputs = jnp.reshape(outputs, (n * capacity, outputs.shape[-1]))
    found = jnp.take(outputs, row, axis=0, mode="fill", fill_value=0)
    share = jnp.reshape(jnp.reshape(routing.weights, (tokens, k)).T, (k * tokens, 1))
    most = wide(found.dtype)
    parts = found.astype(most) * jnp.broadcast_to(share.astype(most), found.shape)
    y = jnp.sum(jnp.reshape(parts, (k, tokens, -1)), axis=0).astype(found.dtype)
    return jnp.reshape(y, (*jnp.shape(x)[:-1], y.shape[-1]))


def load_balance_loss(routing: Routing) -> Float[Array, ""]:
    """e · Σₑ fₑ Pₑ: fₑ the share of choices, Pₑ the mean probability; 1 if even.

    >>> x, router = jnp.array([[1.0], [-1.0]]), jnp.array([[9.0, -9.0]])
    >>> load_balance_loss(route(x, router, k=1)).round(3).item()
    1.0

    Fedus et al. 2021, arXiv:2101.03961, equation 4.
    """
    n = routing.logits.shape[-1]
    most = wide(routing.logits.dtype)
    p = activations.softmax(routing.logits.astype(most))
    ids = jnp.arange(n, dtype=routing.experts.dtype)
    shape = (*routing.experts.shape, n)
    hit = jnp.broadcast_to(routing.experts[..., None], shape) == ids.reshape(
        *(1,) * (len(shape) - 1), n
    )
    over = tuple(range(p.ndim - 1))
    share = jnp.mean(hit.astype(most), axis=(*over, p.ndim - 1))
    return (n * jnp.sum(share * jnp.mean(p, axis=over))).astype(routing.logits.dtype)


def router_z_loss(logits: Float[Array, "*batch e"]) -> Float[Array, " *batch"]:
    """(log Σ e^logit)² of each token: keeps the router's logits small.

    >>> router_z_loss(jnp.zeros(2)).round(3).item()
    0.48...

    Zoph et al. 2022, arXiv:2202.08906, equation 5.
    """
    _check.floating("router_z_loss", logits=logits)
    return jnp.square(activations.logsumexp(logits, axis=-1))


def _chosen(routing: Routing, n: int) -> Array:
    """(*batch, k, e): the weight of each choice at its expert, 0 elsewhere."""
    shape = (*routing.experts.shape, n)
    ids = jax.lax.broadcasted_iota(routing.experts.dtype, shape, len(shape) - 1)
    hit = jnp.broadcast_to(routing.experts[..., None], shape) == ids
    weights = routing.weights.astype(wide(routing.weights.dtype))
    return jnp.where(hit, jnp.broadcast_to(weights[..., None], shape), 0)


def _places(chosen: Array, n: int) -> Array:
    """How many before it chose the same expert."""
    shape = (chosen.shape[0], n)
    ids = jax.lax.broadcasted_iota(chosen.dtype, shape, 1)
    hit = (jnp.broadcast_to(chosen[:, None], shape) == ids).astype(jnp.int32)
    before = jnp.cumsum(hit, axis=0, dtype=jnp.int32) - hit
    return jnp.sum(before * hit, axis=1, dtype=jnp.int32)


def _tokens(who: str, x: Array, params: ExpertParams, routing: Routing) -> None:
    """The routing is of these tokens and of these experts."""
    if jnp.shape(x)[-1:] != jnp.shape(params.router)[:1]:
        must = "x must be (*batch, features), one for each row of params.router"
        _check.fail(who, must, f"{jnp.shape(x)} and {jnp.shape(params.router)}")
    batch, experts = jnp.shape(x)[:-1], jax.tree.leaves(params.experts)[0].shape[0]
    if routing.logits.shape != (*batch, experts):
        must = f"routing must be of these tokens and {experts} experts"
        _check.fail(who, must, f"routing.logits.shape={routing.logits.shape}")

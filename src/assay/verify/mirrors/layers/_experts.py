"""Mixtures of experts token by token."""

import numpy as np

from assay.layers import ExpertParams, FeedForwardParams, GatedParams, Routing
from assay.layers import gated_feed_forward as gated
from assay.verify.mirrors._given import Draw, given, mark, static, tree
from assay.verify.mirrors.layers._block import feed_forward, gated_feed_forward

D, E, F, OUT, K = 5, 4, 6, 3, 2


def _params(kind, *shapes):
    def make(rng):
        leaves = (rng.standard_normal((E, *s)) for s in shapes)
        return ExpertParams(rng.standard_normal((D, E)), kind(*leaves))

    return tree(make)


plain = _params(FeedForwardParams, (D, F), (F, OUT), (F,), (OUT,))
gates = _params(GatedParams, (D, F), (D, F), (F, OUT))


def _routing(*batch):
    """Logits, other experts for every choice, weights."""

    def make(rng):
        experts = np.argsort(rng.random((*batch, E)), axis=-1)[..., :K].astype(np.int32)
        logits, weights = rng.standard_normal((*batch, E)), rng.random((*batch, K))
        return Routing(logits, experts, weights)

    return Draw(make, differentiable=False)


@mark(accepts=("no axes",))
@given(x=(2, 7, D), router=(D, E))
@given(x=(7, D), router=(D, E), k=static(1), normalize=static(False))
def route(x, router, k=2, normalize=True):
    logits = np.einsum("...d,de->...e", x, router)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    experts = np.argsort(-p, axis=-1, kind="stable")[..., :k].astype(np.int32)
    weights = np.take_along_axis(p, experts, -1)
    total = weights.sum(-1, keepdims=True)
    return Routing(logits, experts, weights / total if normalize else weights)


def _one(params, e):
    return type(params)(*(None if leaf is None else leaf[e] for leaf in params))


@mark(batch=False, why="routing has the batch axes of x")
@given(x=(2, 7, D), params=plain, routing=_routing(2, 7))
@given(x=(7, D), params=gates, routing=_routing(7), expert=static(gated))
def mixture_of_experts(x, params, routing, expert=None):
    own = gated_feed_forward if expert is gated else feed_forward
    y = np.zeros((*x.shape[:-1], OUT))
    for at in np.ndindex(*x.shape[:-1]):
        for e, w in zip(routing.experts[at], routing.weights[at], strict=True):
            y[at] += w * own(x[at], _one(params.experts, e))
    return y


@mark(batch=False, why="all tokens share the room")
@given(x=(2, 7, D), params=plain, routing=_routing(2, 7), capacity=static(5))
@given(x=(7, D), params=plain, routing=_routing(7), capacity=static(7))
def mixture_with_capacity(x, params, routing, capacity):
    y, used = np.zeros((*x.shape[:-1], OUT)), [0] * E
    for choice in range(K):
        for at in np.ndindex(*x.shape[:-1]):
            e, w = routing.experts[at][choice], routing.weights[at][choice]
            used[e] += 1
            if used[e] <= capacity:
                y[at] += w * feed_forward(x[at], _one(params.experts, e))
    return y


@given(routing=_routing(2, 7))
def load_balance_loss(routing):
    e = np.exp(routing.logits)
    p = (e / e.sum(-1, keepdims=True)).reshape(-1, E).mean(0)
    share = [np.mean(routing.experts == i) for i in range(E)]
    return E * sum(a * b for a, b in zip(share, p, strict=True))


@given(logits=(2, 7, E))
def router_z_loss(logits):
    return np.log(np.exp(logits).sum(-1)) ** 2

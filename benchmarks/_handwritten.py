"""Optimizers as users write them, with the mistakes that users make, on request.

Written without a look at `assay.verify.rules` or `assay.optim`: they are what
`python -m benchmarks.mutants` hands to the prover.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Optimizer(NamedTuple):
    """Optax's protocol, written anew."""

    init: Callable
    update: Callable


class Mistakes(NamedTuple):
    """What goes wrong around the formula."""

    count: str = ""  # "ahead", "behind", "frozen", "per leaf"
    schedule: int = 0  # steps that the schedule is ahead
    flip: str = ""  # the leaf with the wrong sign
    alias: bool = False  # state by shape
    low: Any = None  # dtype of the moments
    decay: str = ""  # "coupled", "decoupled", "free" of the rate, "after", "both"


RIGHT = Mistakes()


def _around(
    leaf: Callable, slots: Callable, rate: Any, weight_decay: float, wrong: Mistakes
) -> Optimizer:
    """The loop over leaves: leaf(g, slots, t, rate) -> (step, slots)."""

    def key(path, p):
        return str(p.shape) if wrong.alias else jax.tree_util.keystr(path)

    def init(params):
        leaves = jax.tree_util.tree_leaves_with_path(params)
        made = {key(path, p): slots(p) for path, p in leaves}
        made = jax.tree.map(lambda x: x.astype(wrong.low or x.dtype), made)
        return {"count": jnp.zeros([], jnp.int32), "slots": made}

    def update(grads, state, params):
        count, made = state["count"], dict(state["slots"])
        flat, structure = jax.tree_util.tree_flatten_with_path(grads)
        done = []
        for (path, g), p in zip(flat, jax.tree.leaves(params), strict=True):
            if wrong.count == "per leaf":
                count = count + 1
            where = {"ahead": count + 2, "behind": count, "frozen": 1}
            where["per leaf"] = count
            t = where.get(wrong.count, count + 1)
            lr = rate(state["count"] + wrong.schedule) if callable(rate) else rate
            if wrong.decay == "coupled":
                g = g + weight_decay * p
            old = jax.tree.map(lambda x, g=g: x.astype(g.dtype), made[key(path, p)])
            step, new = leaf(g, old, t, lr)
            if wrong.decay == "free":
                step = step + weight_decay * p
            elif wrong.decay == "after":
                step = step + lr * weight_decay * (p - step)
            elif wrong.decay != "coupled":
                step = step + lr * weight_decay * p
            if wrong.low is not None:
                new = jax.tree.map(lambda x: x.astype(wrong.low), new)
            made[key(path, p)] = new
            sign = 1 if wrong.flip and wrong.flip in jax.tree_util.keystr(path) else -1
            done.append(sign * step)
        if wrong.count != "per leaf":
            count = count + 1
        return structure.unflatten(done), {"count": count, "slots": made}

    return Optimizer(init, update)


def adam(
    rate=1e-3, b1=0.9, b2=0.999, eps=1e-8, *, weight_decay=0.0, place="outside",
    look="", most="", start=0.0, wrong=RIGHT,
):  # fmt: skip
    """Adam, AdamW, NAdam (`look`) and AMSGrad (`most`)."""

    def slots(p):
        m, v = jnp.zeros_like(p), jnp.full_like(p, start)
        return {"m": m, "v": v, "vmax": v} if most else {"m": m, "v": v}

    def leaf(g, s, t, lr):
        new = {"m": s["m"] + (1 - b1) * (g - s["m"])}
        new["v"] = s["v"] + (1 - b2) * (g * g - s["v"])
        c1 = 1 - jnp.power(jnp.asarray(b1, g.dtype), t)
        c2 = 1 - jnp.power(jnp.asarray(b2, g.dtype), t)
        v = new["v"] / c2
        if most == "before":
            new["vmax"] = jnp.maximum(s["vmax"], new["v"])
            v = new["vmax"] / c2
        elif most:
            new["vmax"] = v = jnp.maximum(s["vmax"], v)
        head = new["m"] / c1
        if look == "today":
            head = b1 * head + (1 - b1) * g / c1
        elif look:
            ahead = 1 - jnp.power(jnp.asarray(b1, g.dtype), t + 1)
            head = b1 * new["m"] / ahead + (1 - b1) * g / c1
        below = {
            "outside": jnp.sqrt(v) + eps,
            "inside": jnp.sqrt(v + eps),
            "scaled": jnp.sqrt(v) + eps / jnp.sqrt(c2),
        }
        return lr * head / below[place], new

    return _around(leaf, slots, rate, weight_decay, wrong)


def rmsprop(
    rate=1e-2, decay=0.9, eps=1e-8, *, momentum=0.0, corrected=False, look="",
    damp=0.0, start=0.0, place="inside", weight_decay=0.0, outside=False,
    wrong=RIGHT,
):  # fmt: skip
    """RMSprop, its momentum after the learning rate unless `outside`."""

    def slots(p):
        return {"square": jnp.full_like(p, start), "velocity": jnp.zeros_like(p)}

    def leaf(g, s, t, lr):
        square = decay * s["square"] + (1 - decay) * g**2
        c = 1 - decay ** jnp.asarray(t, g.dtype) if corrected else 1.0
        v = square / c
        below = {
            "inside": jnp.sqrt(v + eps),
            "outside": jnp.sqrt(v) + eps,
            "scaled": jnp.sqrt(v) + eps / jnp.sqrt(c),
        }
        step = g / below[place] * (1 if outside else lr)
        new = {"square": square, "velocity": s["velocity"]}
        if momentum:
            args = step, s["velocity"], t, momentum, look, damp
            step, new["velocity"] = _velocity(*args)
        return step * (lr if outside else 1), new

    return _around(leaf, slots, rate, weight_decay, wrong)


def sgd(
    rate=0.1, momentum=0.9, *, look="", damp=0.0, inside=False, weight_decay=0.0,
    wrong=RIGHT,
):  # fmt: skip
    """Gradient descent with momentum."""

    def leaf(g, s, t, lr):
        g = lr * g if inside else g
        step, velocity = _velocity(g, s, t, momentum, look, damp)
        return (step if inside else lr * step), velocity

    return _around(leaf, jnp.zeros_like, rate, weight_decay, wrong)


def _velocity(g, old, t, momentum, look, damp):
    """What is stepped along, and the new velocity."""
    weight = jnp.where(jnp.asarray(t) == 1, 1.0, 1 - damp).astype(g.dtype)
    new = momentum * old + weight * g
    if look == "wrong":
        return g + new, new
    return (g + momentum * new if look else new), new


def lion(rate=1e-4, b1=0.9, b2=0.99, *, weight_decay=1e-3, wrong=RIGHT):
    """Lion."""

    def leaf(g, m, t, lr):
        del t
        step = lr * jnp.sign(b1 * m + (1 - b1) * g)
        return step, b2 * m + (1 - b2) * g

    return _around(leaf, jnp.zeros_like, rate, weight_decay, wrong)


def adagrad(rate=0.1, start=0.1, eps=1e-7, *, wrong=RIGHT):
    """Adagrad."""

    def leaf(g, total, t, lr):
        del t
        total = total + g * g
        return lr * g / jnp.sqrt(total + eps), total

    def slots(p):
        return jnp.full_like(p, start)

    return _around(leaf, slots, rate, 0.0, wrong)

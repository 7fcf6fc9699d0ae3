"""The plain transforms, SGD, Adagrad, RMSprop and Adam, beside Optax's."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax

from assay.verify.mirrors._given import given, mark, tree
from assay.verify.mirrors.optim._walks import leafwise as _leafwise
from assay.verify.mirrors.optim._walks import rate as _rate
from assay.verify.mirrors.optim._walks import transform, walk
from assay.verify.rules import _rule

DECAY = 0.999  # exact in no binary format: a rounded beta shows


def _chained(make: Callable, library: Any) -> Any:
    """A chain of three transforms from `library`."""
    parts = library.clip(1.0), library.trace(0.9), library.scale(-0.1)
    return make(*parts)


def _chained_by_hand():
    """The three of `_chained`, one after the other."""

    def rule(t, g, p, s, rate):
        velocity = np.clip(g, -1, 1) + 0.9 * s.get("v", 0.0)
        return -0.1 * velocity, {"v": velocity}

    return walk(_rule.transform(rule), x64=True, numpy=True)


@mark(property=True, higher_order=True, source="optax", rows=True)
@mark(second=_chained_by_hand)
def chain(ours):
    """Ours of Optax's transforms against Optax's of its own."""
    return walk(_chained(ours, optax)), walk(_chained(optax.chain, optax), x64=True)


def _momentum(learning_rate, beta=0.9, nesterov=False):
    """v ← beta v + rate g, in NumPy; −v, or −(beta v + rate g) for Nesterov."""

    def init(params):
        return 0, jax.tree.map(np.zeros_like, params)

    def update(updates, state, params=None):
        t, v = state
        rate = learning_rate(t) if callable(learning_rate) else learning_rate
        v = jax.tree.map(lambda a, g: beta * a + rate * g, v, updates)
        step = v
        if nesterov:
            step = jax.tree.map(lambda a, g: beta * a + rate * g, v, updates)
        return jax.tree.map(lambda a: -a, step), (t + 1, v)

    return optax.GradientTransformation(init, update)


def _numbers(value: Any) -> Callable:
    """A number or a schedule as a function of the step."""
    return value if callable(value) else lambda t: value


def _clip_by_global_norm(max_norm):
    """All leaves times max_norm/‖g‖ where the norm of all is larger."""

    def update(updates, state, params=None):
        shrink = max_norm / max(max_norm, _norm(updates))
        return jax.tree.map(lambda g: g * shrink, updates), state

    return optax.GradientTransformation(lambda params: (), update)


def _norm(updates):
    return np.sqrt(sum((np.asarray(x) ** 2).sum() for x in jax.tree.leaves(updates)))


def _scaled_by_rate(learning_rate, flip_sign=True):
    sign = -1 if flip_sign else 1
    return _leafwise(lambda t, g, p: sign * _numbers(learning_rate)(t) * g)


def _decayed(weight_decay=0.0, mask=None):
    return _leafwise(lambda t, g, p: g + _numbers(weight_decay)(t) * p)


@mark(second=lambda params, updates: jax.tree.map(np.add, params, updates))
@given(
    params=tree(
        lambda rng: {"a": rng.standard_normal((2, 3)), "b": rng.normal(size=4)}
    ),
    updates=tree(
        lambda rng: {"a": rng.standard_normal((2, 3)), "b": rng.normal(size=4)}
    ),
)
def apply_updates(params, updates):
    """Optax's own."""
    return optax.apply_updates(params, updates)


@mark(source="NumPy's norm", second=_norm, second_source="sum of squares")
@given(updates=tree(lambda rng: [rng.standard_normal((2, 3)), rng.normal(size=4)]))
def global_norm(updates):
    """The norm of all entries in one vector."""
    return np.linalg.norm(np.concatenate([x.ravel() for x in jax.tree.leaves(updates)]))


MOMENTUM = {"learning_rate": _rate, "momentum": 0.9}
# An initial_scale, since centred and corrected Optax takes the root of −1e-17 without.
CORRECTED = {"bias_correction": True, "eps_in_sqrt": False, "initial_scale": 0.1}
RMS = [{}, {"decay": DECAY, **CORRECTED}]

identity = transform(optax.identity, second=lambda: _leafwise(lambda t, g, p: g))
scale = transform(
    optax.scale,
    {"step_size": -0.3},
    second=lambda step_size: _leafwise(lambda t, g, p: step_size * g),
)
scale_by_learning_rate = transform(
    optax.scale_by_learning_rate,
    {"learning_rate": 0.3},
    {"learning_rate": _rate, "flip_sign": False},
    second=_scaled_by_rate,
)
scale_by_schedule = transform(
    optax.scale_by_schedule,
    {"step_size_fn": _rate},
    second=lambda step_size_fn: _leafwise(lambda t, g, p: step_size_fn(t) * g),
)
trace = transform(optax.trace, {"decay": 0.9}, {"decay": DECAY, "nesterov": True})
scale_by_adam = transform(
    optax.scale_by_adam, {}, {"b2": 0.99999, "eps_root": 1e-6}, {"nesterov": True}
)
scale_by_rms = transform(optax.scale_by_rms, *RMS)
scale_by_stddev = transform(optax.scale_by_stddev, *RMS)
scale_by_rss = transform(
    optax.scale_by_rss, {}, {"initial_accumulator_value": 0.0, "eps": 1e-3}
)
clip = transform(
    optax.clip,
    {"max_delta": 0.7},
    second=lambda max_delta: _leafwise(lambda t, g, p: g.clip(-max_delta, max_delta)),
)
clip_by_global_norm = transform(
    optax.clip_by_global_norm,
    {"max_norm": 5.0},
    {"max_norm": 100.0},
    second=_clip_by_global_norm,
)
add_decayed_weights = transform(
    optax.add_decayed_weights,
    {"weight_decay": 0.1},
    {"weight_decay": _rate},
    second=_decayed,
)
sgd = transform(
    optax.sgd, {"learning_rate": 0.1}, MOMENTUM, {**MOMENTUM, "nesterov": True}
)
momentum = transform(
    _momentum,
    {"learning_rate": 0.1},
    {"learning_rate": _rate, "nesterov": True},
    source="formula in NumPy",
)
adagrad = transform(optax.adagrad, {"learning_rate": 0.1})
rmsprop = transform(
    optax.rmsprop,
    {"learning_rate": 0.1},
    {**MOMENTUM, "centered": True, "nesterov": True, "decay": DECAY},
)
adam = transform(
    optax.adam, {"learning_rate": 0.1}, {"learning_rate": _rate, "b1": 0.0, "b2": 0.99}
)

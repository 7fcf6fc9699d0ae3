"""Optax under the same names, and NumPy where Optax has no such rule.

A transform is not an array, so each mirror but two states a property: the updates of
ours in float32 over 100 noisy steps, and those of the reference in float64.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from assay.verify import _record, _streams
from assay.verify.mirrors._given import given, mark, static, tree

STEPS = 100
DECAY = 0.999  # exact in no binary format: a rounded beta shows


def walk(tx: Any, *, x64: bool = False) -> np.ndarray:
    """The updates of a transform, one row a step.

    All leaves in one row: a lone number crosses zero, and has no digits left there.
    """
    dtype = jnp.float64 if x64 else jnp.float32

    def cast(t):
        return jax.tree.map(lambda x: jnp.asarray(x, dtype), t)

    with jax.enable_x64(x64), _record.relaxed():
        params, update = cast(_streams.parameters()["dense"]), jax.jit(tx.update)
        state, rows = tx.init(params), []
        for gradients in _streams.gradients("noise", params, STEPS):
            updates, state = update(cast(gradients), state, params)
            rows.append(jax.tree.leaves(updates))
        rows = jax.device_get(rows)
        return np.stack([np.concatenate([u.ravel() for u in row]) for row in rows])


def curve(schedule: Callable, *, x64: bool = False) -> np.ndarray:
    """The values of a schedule at 0 ... 30 and far beyond, the step being traced."""
    counts = [*range(31), 1000, 2**31 - 1]
    with jax.enable_x64(x64), _record.relaxed():
        value = jax.jit(lambda t: jnp.asarray(schedule(t), float))
        # int32 / int is float32 in JAX, whatever the mode.
        count = jnp.int64 if x64 else jnp.int32
        return np.stack([value(count(t)) for t in counts])


def against(theirs: Callable, read: Callable, cases: list[dict], **facts) -> Callable:
    """A property: `read` of ours in float32, and of theirs in float64."""

    def mirror(ours, **arguments):
        return read(ours(**arguments)), read(theirs(**arguments), x64=True)

    for case in reversed(cases):
        mirror = given(**{n: static(v) for n, v in case.items()})(mirror)
    facts = {"property": True, "higher_order": True, "source": "optax", **facts}
    mirror.reference = theirs
    return mark(**facts)(mirror)


def transform(theirs: Callable, *cases: dict, **facts: Any) -> Callable:
    """The mirror of something that makes a transform."""
    # A moment forgets its roundings as slowly as its gradients: sqrt(1000) of them.
    facts = {"rows": True, "ulp": 24, **facts}
    return against(theirs, walk, list(cases) or [{}], **facts)


def schedule(theirs: Callable, *cases: dict, **facts: Any) -> Callable:
    """The mirror of something that makes a schedule."""
    return against(theirs, curve, list(cases), **facts)


def _rate(t):
    return 0.1 / (1 + t)


def _chained(make: Callable, library: Any) -> Any:
    """A chain of three transforms from `library`."""
    parts = library.clip(1.0), library.trace(0.9), library.scale(-0.1)
    return make(*parts)


@mark(property=True, higher_order=True, source="optax", rows=True)
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


@mark(source="NumPy's norm")
@given(updates=tree(lambda rng: [rng.standard_normal((2, 3)), rng.normal(size=4)]))
def global_norm(updates):
    """The norm of all entries in one vector."""
    return np.linalg.norm(np.concatenate([x.ravel() for x in jax.tree.leaves(updates)]))


MOMENTUM = {"learning_rate": _rate, "momentum": 0.9}
# An initial_scale, since centred and corrected Optax takes the root of −1e-17 without.
CORRECTED = {"bias_correction": True, "eps_in_sqrt": False, "initial_scale": 0.1}
RMS = [{}, {"decay": DECAY, **CORRECTED}]

identity = transform(optax.identity)
scale = transform(optax.scale, {"step_size": -0.3})
scale_by_learning_rate = transform(
    optax.scale_by_learning_rate,
    {"learning_rate": 0.3},
    {"learning_rate": _rate, "flip_sign": False},
    {},
)
scale_by_schedule = transform(optax.scale_by_schedule, {"step_size_fn": _rate})
trace = transform(optax.trace, {"decay": 0.9}, {"decay": DECAY, "nesterov": True})
scale_by_adam = transform(
    optax.scale_by_adam, {}, {"b2": 0.99999, "eps_root": 1e-6}, {"nesterov": True}
)
scale_by_rms = transform(optax.scale_by_rms, *RMS)
scale_by_stddev = transform(optax.scale_by_stddev, *RMS)
scale_by_rss = transform(
    optax.scale_by_rss, {}, {"initial_accumulator_value": 0.0, "eps": 1e-3}
)
clip = transform(optax.clip, {"max_delta": 0.7})
clip_by_global_norm = transform(
    optax.clip_by_global_norm, {"max_norm": 5.0}, {"max_norm": 100.0}
)
add_decayed_weights = transform(
    optax.add_decayed_weights, {"weight_decay": 0.1}, {"weight_decay": _rate}
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

constant_schedule = schedule(optax.constant_schedule, {"value": 0.3})
piecewise_constant_schedule = schedule(
    optax.piecewise_constant_schedule,
    {"init_value": 0.3, "boundaries_and_scales": {7: 0.1, 3: 0.5, 20: 2.0}},
    {"init_value": 0.3},
)
exponential_decay = schedule(
    optax.exponential_decay,
    {"init_value": 0.3, "transition_steps": 7, "decay_rate": 0.9},
    {
        "init_value": 0.3,
        "transition_steps": 7,
        "decay_rate": 0.9,
        "transition_begin": 3,
        "staircase": True,
        "end_value": 0.1,
    },
)
cosine_decay_schedule = schedule(
    optax.cosine_decay_schedule,
    {"init_value": 0.3, "decay_steps": 20},
    {"init_value": 0.3, "decay_steps": 20, "alpha": 0.1, "exponent": 1.5},
)

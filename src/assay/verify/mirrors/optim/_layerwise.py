"""Optimizers that look at a whole leaf, and those beside them, next to Optax's."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from assay.optim import Transform as _Transform
from assay.verify import _record, _streams, rules
from assay.verify.mirrors._given import given, mark, static, tree
from assay.verify.mirrors.optim._walks import STEPS as _STEPS
from assay.verify.mirrors.optim._walks import against, leafwise, transform, walk
from assay.verify.mirrors.optim._walks import rate as _rate
from assay.verify.rules import _rule

# Five steps multiply a rounding of the smallest singular values by up to 3.4445⁵.
_NEWTON_SCHULZ = "Newton-Schulz amplifies roundings up to 480 times"


def _walk_on(params: Any, extra: Callable = lambda t: {}) -> Callable:
    """Like `walk`, on other parameters and with extra arguments extra(t)."""

    def read(tx: Any, *, x64: bool = False, numpy: bool = False) -> np.ndarray:
        dtype, array = np.float64 if x64 else np.float32, np.asarray
        array = np.asarray if numpy else jnp.asarray

        def cast(some):
            return jax.tree.map(lambda x: array(x, dtype), some)

        with jax.enable_x64(x64), _record.relaxed():
            update = tx.update if numpy else jax.jit(tx.update)
            start = cast(params)
            state, rows = tx.init(start), []
            for t, g in enumerate(_streams.gradients("noise", start, _STEPS)):
                more = cast(extra(t))
                updates, state = update(cast(g), state, start, **more)
                rows.append(jax.device_get(jax.tree.leaves(updates)))
        return np.stack([np.concatenate([u.ravel() for u in row]) for row in rows])

    return read


_MATRICES = {
    "a": np.random.default_rng(1).standard_normal((4, 6)),
    "b": np.random.default_rng(2).standard_normal((5, 3)),
}
_with_value = _walk_on(_MATRICES, lambda t: {"value": 7 + 4 * np.sin(t)})


def _global(f: Callable) -> Any:
    """A NumPy pair without state: f(‖g‖ over all leaves, g) on every leaf."""

    def update(updates, state, params=None, **extra):
        norm = np.sqrt(sum(np.sum(g**2) for g in jax.tree.leaves(updates)))
        return jax.tree.map(lambda g: f(norm, g), updates), state

    return _Transform(lambda params: (), update)


def _clipped(threshold):
    """u / max(1, rms/threshold), in NumPy."""
    return leafwise(lambda t, g, p: g / max(1.0, np.sqrt(np.mean(g**2)) / threshold))


def _normalized(scale_factor=1.0, eps=1e-6):
    """scale_factor · g / (‖g‖ + eps), in NumPy."""
    return _global(lambda norm, g: scale_factor * g / (norm + eps))


def _polyak(f_min=0.0, max_learning_rate=1.0, eps=0.0, variant="sps"):
    """min((f − f_min)/(‖g‖² + eps), max_learning_rate) · g, in NumPy."""

    def update(updates, state, params=None, *, value, **extra):
        below = sum(np.sum(g**2) for g in jax.tree.leaves(updates)) + eps
        gap = value - f_min if variant == "sps" else max(value - f_min, 0.0)
        step = min(gap / below, max_learning_rate)
        return jax.tree.map(lambda g: step * g, updates), state

    return _Transform(lambda params: (), update)


_TRUST = {"min_norm": 0.1, "trust_coefficient": 0.5, "eps": 0.01}
_POLYAK = {"f_min": 2.0, "max_learning_rate": 0.1, "eps": 1.0}
_FACTORED = {"min_dim_size_to_factor": 2, "epsilon": 1e-3, "decay_rate": 0.7}
_ADAFACTOR = {
    "learning_rate": _rate,
    "min_dim_size_to_factor": 2,
    "momentum": 0.9,
    "weight_decay_rate": 0.01,
}
_MUON = {"learning_rate": _rate, "weight_decay": 0.1, "consistent_rms": 0.2}
_WARM = {"learning_rate": 0.1, "warmup_steps": 10, "weight_decay": 0.1}

scale_by_trust_ratio = transform(optax.scale_by_trust_ratio, {}, _TRUST)
lamb = transform(
    optax.lamb, {"learning_rate": 0.1}, {"learning_rate": _rate, "weight_decay": 0.1}
)
lars = transform(
    optax.lars,
    {"learning_rate": 0.1},
    {"learning_rate": _rate, "weight_decay": 0.1, "nesterov": True},
)
fromage = transform(optax.fromage, {"learning_rate": 0.01}, {"learning_rate": _rate})
clip_by_block_rms = transform(
    optax.clip_by_block_rms, {"threshold": 0.9}, second=_clipped
)
scale_by_param_block_norm = transform(
    optax.scale_by_param_block_norm, {}, {"min_scale": 1.0}
)
scale_by_param_block_rms = transform(
    optax.scale_by_param_block_rms, {}, {"min_scale": 1.0}
)
normalize_by_update_norm = transform(
    optax.normalize_by_update_norm, {"scale_factor": -0.5}, second=_normalized
)
scale_by_factored_rms = transform(optax.scale_by_factored_rms, {}, _FACTORED)
adafactor = transform(optax.adafactor, {"learning_rate": 0.1}, _ADAFACTOR)
sm3 = transform(optax.sm3, {"learning_rate": 0.1})
scale_by_sm3 = against(
    optax.scale_by_sm3,
    _walk_on(_MATRICES),
    [{}, {"b1": 0.5, "b2": 0.99}],
    rows=True,
    ulp=24,
)
scale_by_polyak = against(
    optax.scale_by_polyak,
    _with_value,
    [{}, {**_POLYAK, "variant": "sps+"}],
    rows=True,
    second=_polyak,
)
polyak_sgd = against(optax.polyak_sgd, _with_value, [{}, _POLYAK], rows=True)
scale_by_muon = against(
    optax.contrib.scale_by_muon,
    _walk_on(_MATRICES["a"]),
    [{}, {"nesterov": False, "beta": 0.999, "eps": 0.1}],
    rows=True,
    ulp=100,
    why=_NEWTON_SCHULZ,
)
muon = transform(
    optax.contrib.muon,
    {"learning_rate": 0.1},
    _MUON,
    {"learning_rate": 0.1, "preconditioning": "schatten", "ns_coeffs": "dion"},
    {"learning_rate": 0.1, "preconditioning": "aol", "adaptive": True},
    ulp=100,
    why=_NEWTON_SCHULZ,
)
# Smaller rates lose digits: z is kept in float32 beside parameters of about 1.
_FREE = {"learning_rate": 0.1}
schedule_free_sgd = transform(optax.contrib.schedule_free_sgd, _FREE, _WARM)
schedule_free_adamw = transform(optax.contrib.schedule_free_adamw, _FREE, _WARM)


def _free_sgd():
    """The rule around gradient descent, walked."""
    pair = _rule.transform(rules.schedule_free_sgd, 0.1)
    return walk(pair, x64=True, numpy=True)


_FACTS = {"property": True, "higher_order": True}


@mark(second=_free_sgd, source="optax", rows=True, ulp=24, **_FACTS)
def schedule_free(ours):
    """Ours around Optax's optimizer against Optax's around it."""
    args = optax.sgd(0.1), 0.1
    theirs = optax.contrib.schedule_free(*args)
    return walk(ours(*args)), walk(theirs, x64=True)


class _State:
    """What the mean is read from."""

    b1, z = np.float64(0.9), [np.array([1.0, -2.0]), np.array(0.5)]


def _near(rng):
    """Parameters not far from z."""
    return [z + 0.1 * rng.standard_normal(z.shape) for z in _State.z]


def _mean(state, params):
    """(y − (1 − b1) z)/b1, in NumPy."""
    return [
        (y - (1 - state.b1) * z) / state.b1
        for y, z in zip(params, state.z, strict=True)
    ]


def _near(rng):
    """Parameters not far from z."""
    return [np.asarray(z + 0.1 * rng.standard_normal(z.shape)) for z in _State.z]


@mark(second=_mean, source="optax")
@given(state=static(_State), params=tree(_near))
def schedule_free_eval_params(state, params):
    """Optax's own."""
    return optax.contrib.schedule_free_eval_params(state, params)


def _matrices():
    """1 for what has two axes."""
    return jax.tree.map(lambda p: float(np.ndim(p) == 2), _streams.parameters())


@mark(second=_matrices, source="optax", **_FACTS)
def muon_labels(ours):
    """Where Optax's muon keeps a momentum, it is not Adam's."""
    params = _streams.parameters()
    got = jax.tree.map(lambda name: float(name == "muon"), ours(params))
    with _record.relaxed():
        state = optax.contrib.muon(0.1).init(jax.tree.map(jnp.asarray, params))
    kept = state.inner_states["muon"].inner_state[0].mu

    def masked(m):
        return isinstance(m, optax.MaskedNode)

    return got, jax.tree.map(lambda m: float(not masked(m)), kept, is_leaf=masked)

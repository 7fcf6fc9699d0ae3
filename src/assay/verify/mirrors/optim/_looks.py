"""Noise, plateaus and monitors, beside Optax's."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from assay.verify.mirrors._given import mark
from assay.verify.mirrors.optim._clips import _clip_examples
from assay.verify.mirrors.optim._ready import Ready as _Ready
from assay.verify.mirrors.optim._ready import reading as _reading
from assay.verify.mirrors.optim._walks import against as _against
from assay.verify.mirrors.optim._walks import walk as _walk

_ROWS = {"rows": True, "ulp": 24}


# Noise: the same draws, so in float32 on both sides. ---------------------------------


def _noise_by_hand(eta, gamma, key, rate=None):
    """Optax's splitting of the key, the arithmetic in NumPy's float64."""

    def update(g, state, p):
        t, key = state
        key, sample = jax.random.split(key)
        leaves, structure = jax.tree.flatten(g)
        new = []
        for x, k in zip(leaves, jax.random.split(sample, len(leaves)), strict=True):
            noise = np.asarray(jax.random.normal(k, np.shape(x), jnp.float32))
            new.append(x + np.sqrt(eta / (t + 1) ** gamma) * noise.astype(np.float64))
        new = [x if rate is None else -rate * x for x in new]
        return structure.unflatten(new), (t + 1, key)

    return _walk(_Ready(lambda p: (0, jax.random.key(key)), update), numpy=True)


@mark(property=True, higher_order=True, source="optax, same draws", **_ROWS)
@mark(second=lambda: _noise_by_hand(0.3, 0.55, 7))
def add_noise(ours):
    """From the same seed."""
    arguments = {"eta": 0.3, "gamma": 0.55, "key": 7}
    return _walk(ours(**arguments)), _walk(optax.add_noise(**arguments))


@mark(property=True, higher_order=True, source="optax, same draws", **_ROWS)
@mark(second=lambda: _noise_by_hand(0.01, 0.55, 7, rate=0.1))
def noisy_sgd(ours):
    """From the same seed."""
    return _walk(ours(0.1, key=7)), _walk(optax.noisy_sgd(0.1, key=7))


def _per_example(tx):
    """A pair that makes three examples of every gradient."""

    def update(g, state, p):
        three = jax.tree.map(lambda x: jnp.stack([x, -2 * x, 0.1 * x]), g)
        return tx.update(three, state, p)

    return _Ready(tx.init, update)


def _private_by_hand():
    """The clipped sum in a loop, with the draws of Optax's splitting."""

    def update(g, key, p):
        leaves, structure = jax.tree.flatten(g)
        three = [np.stack([x, -2 * x, 0.1 * x]).astype(np.float64) for x in leaves]
        total, _ = _clip_examples(three, 2.0)
        key, *keys = jax.random.split(key, len(leaves) + 1)
        noise = [
            jax.random.normal(k, x.shape) for k, x in zip(keys, leaves, strict=True)
        ]
        new = [(t + 0.6 * np.asarray(n)) / 3 for t, n in zip(total, noise, strict=True)]
        return structure.unflatten(new), key

    return _walk(_Ready(lambda p: jax.random.key(7), update), numpy=True)


@mark(property=True, higher_order=True, source="optax, same draws", **_ROWS)
@mark(second=_private_by_hand)
def differentially_private_aggregate(ours):
    """Three examples, from the same seed."""
    arguments = 2.0, 0.3, 7
    theirs = optax.contrib.differentially_private_aggregate(*arguments)
    return _walk(_per_example(ours(*arguments))), _walk(_per_example(theirs))


# Plateau -----------------------------------------------------------------------------

# Falls, rests, falls, rests for long.
_LOSSES = np.interp(np.arange(110), [0, 20, 40, 50], [4.0, 2.0, 2.0, 1.0])


def _with_losses(tx, *, numpy=False, **how):
    """The walk, the losses being handed over one a step."""

    def update(g, state, p):
        t, inner = state
        values = _LOSSES if numpy else jnp.asarray(_LOSSES)
        u, inner = tx.update(g, inner, p, value=values[t])
        return u, (t + 1, inner)

    def init(p):
        return (0 if numpy else jnp.zeros([], jnp.int32)), tx.init(p)

    return _walk(_Ready(init, update), numpy=numpy, **how)


def _plateau(
    factor=0.1, patience=10, rtol=1e-4, atol=0.0, cooldown=0, accumulation_size=1,
    min_scale=0.0,
):  # fmt: skip
    """By lists: the values since the last judgement are kept."""

    def update(g, s, p, value):
        s = {**s, "values": [*s["values"], float(value)]}
        if len(s["values"]) == accumulation_size:
            mean = sum(s["values"]) / accumulation_size
            improved = mean < (1 - rtol) * s["best"] - atol
            s = {**s, "values": [], "best": mean if improved else s["best"]}
            s["bad"] = 0 if improved else s["bad"] + 1
            if s["rest"]:
                s = {**s, "rest": s["rest"] - 1, "bad": 0}
            elif s["bad"] == patience:
                scale = max(s["scale"] * factor, min_scale)
                s = {**s, "scale": scale, "rest": cooldown, "bad": 0}
        return jax.tree.map(lambda x: s["scale"] * x, g), s

    start = {"values": [], "best": math.inf, "bad": 0, "rest": 0, "scale": 1.0}
    return _Ready(lambda p: start, update)


reduce_on_plateau = _against(
    optax.contrib.reduce_on_plateau,
    _with_losses,
    [
        {"patience": 5},
        {"factor": 0.5, "patience": 4, "cooldown": 3, "min_scale": 0.1},
        {"factor": 0.5, "patience": 3, "accumulation_size": 4, "atol": 0.01},
    ],
    source="optax.contrib",
    second=_plateau,
    **_ROWS,
)


# Monitors ----------------------------------------------------------------------------


def _size(updates: Any) -> Any:
    """The largest entry."""
    return jnp.stack([jnp.max(jnp.abs(x)) for x in jax.tree.leaves(updates)]).max()


def _top(g):
    return max(float(np.max(np.abs(x))) for x in jax.tree.leaves(g))


def _measured(debias=True, decay=0.9):
    """The largest entry's running mean, in NumPy."""

    def update(g, state, p):
        t, mean = state
        mean = decay * mean + (1 - decay) * _top(g)
        t = t + 1
        return np.array(mean / (1 - decay**t) if debias else mean), (t, mean)

    return _Ready(lambda p: (0, 0.0), update)


def _monitored(measures):
    """The largest entry, and its mean."""
    del measures
    mean = _measured()

    def update(g, state, p):
        smooth, state = mean.update(g, state, p)
        return {"mean": smooth, "top": np.array(_top(g))}, state

    return _Ready(mean.init, update)


snapshot = _against(
    optax.snapshot,
    _reading(lambda u, state: state.measurement),
    [{"measure_name": "top", "measure": _size}],
    second=lambda measure_name, measure: _Ready(
        lambda p: (), lambda g, s, p: (np.array(_top(g)), s)
    ),
)
monitor = _against(
    optax.monitor,
    _reading(lambda u, state: state.measurements),
    [{"measures": {"top": _size, "mean": optax.measure_with_ema(_size, 0.9)}}],
    second=_monitored,
    **_ROWS,
)
measure_with_ema = _against(
    optax.measure_with_ema,
    _walk,
    [
        {"measure": _size, "decay": 0.9},
        {"measure": _size, "decay": 0.99, "debias": False},
    ],
    second=lambda measure, decay, debias=True: _measured(debias, decay),
    **_ROWS,
)

"""Half-precision parameters and scaled losses, beside sums in float64 and NumPy."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax

from assay.verify.mirrors._given import given, mark, tree
from assay.verify.mirrors.optim._ready import Ready as _Ready
from assay.verify.mirrors.optim._walks import against as _against
from assay.verify.mirrors.optim._walks import walk as _walk

_RATE = 2.0**-6  # exact, so that half of what is compared has no rounding of its own


def _half(x, xp=jnp):
    """bfloat16, by way of float32 in every mode."""
    return xp.asarray(x, xp.float32).astype(ml_dtypes.bfloat16)


def _moving(tx, **how):
    """A pair that keeps bfloat16 parameters itself and emits them, as float32."""
    if isinstance(tx, _Ready):
        return _walk(tx, **how)

    def init(p):
        w = jax.tree.map(_half, p)
        return w, tx.init(w)

    def update(g, state, p):
        w, inner = state
        u, inner = tx.update(jax.tree.map(lambda x: _half(_RATE * x), g), inner, w)
        w = optax.apply_updates(w, u)
        return jax.tree.map(lambda x: x.astype(jnp.float32), w), (w, inner)

    return _walk(_Ready(init, update), **how)


def _summed(xp):
    """The sum of all gradients in float64, and that rounded."""

    def init(p):
        return jax.tree.map(lambda x: _half(x, xp).astype(xp.float64), p)

    def update(g, sums, p):
        sums = jax.tree.map(
            lambda s, x: s + _half(_RATE * x, xp).astype(xp.float64), sums, g
        )
        return jax.tree.map(lambda s: _half(s, xp).astype(xp.float64), sums), sums

    return _Ready(init, update)


def _mastered(xp, rate, decay):
    """Momentum on float32 parameters, and these rounded."""

    def init(p):
        w = jax.tree.map(lambda x: _half(x, xp).astype(xp.float32), p)
        return w, jax.tree.map(xp.zeros_like, w)

    def update(g, state, p):
        w, v = state
        g = jax.tree.map(lambda x: _half(_RATE * x, xp).astype(xp.float32), g)
        v = jax.tree.map(lambda a, b: b + xp.float32(decay) * a, v, g)
        w = jax.tree.map(lambda a, b: a + xp.float32(-rate) * b, w, v)
        return jax.tree.map(lambda x: _half(x, xp).astype(xp.float32), w), (w, v)

    return _Ready(init, update)


_MARKS = {"rows": True, "ulp": 0.0}

kahan_summation = _against(
    lambda: _summed(jnp),
    _moving,
    [{}],
    source="sums in float64",
    second=lambda: _summed(np),
    why="bfloat16 parameters, bit for bit",
    **_MARKS,
)
master_weights = _against(
    lambda inner: _mastered(jnp, 0.5, 0.5),
    _moving,
    [{"inner": optax.sgd(0.5, 0.5)}],
    source="float32 by hand",
    second=lambda inner: _mastered(np, 0.5, 0.5),
    why="bfloat16 parameters, bit for bit",
    **_MARKS,
)


def _draws(key, g):
    """The next key, and the numbers that decide."""
    key, sample = jax.random.split(key)
    leaves = jax.tree.leaves(g)
    keys = jax.random.split(sample, len(leaves))
    shapes = [np.shape(x) for x in leaves]
    uniform = [
        np.asarray(jax.random.uniform(k, s, jnp.float32), np.float64)
        for k, s in zip(keys, shapes, strict=True)
    ]
    return key, uniform


def _neighbours(x):
    """The bfloat16 numbers on either side: cut off the bits, and one more."""
    low = np.asarray(x, np.float32)
    toward = (low.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    away = toward.astype(ml_dtypes.bfloat16).view(np.uint16) + np.uint16(1)
    away = away.view(ml_dtypes.bfloat16).astype(np.float64)
    toward = toward.astype(np.float64)
    return np.minimum(toward, away), np.maximum(toward, away)


def _around(x):
    """The same by a search in the sorted list of all bfloat16 numbers."""
    bits = np.arange(0x7F80, dtype=np.uint16)  # the finite ones from 0 up
    every = bits.view(ml_dtypes.bfloat16).astype(np.float64)
    every = np.concatenate([-every[:0:-1], every])
    place = np.searchsorted(every, x, side="right") - 1
    return every[place], every[place + 1]


def _rounded_by(neighbours, key=7):
    """w ← the upper neighbour of w + g where the draw is below its nearness."""

    def init(p):
        return jax.tree.map(lambda x: _half(x, np).astype(np.float64), p), key

    def update(g, state, p):
        w, key = state
        key = jax.random.key(key) if isinstance(key, int) else key
        key, uniform = _draws(key, g)
        leaves, structure = jax.tree.flatten(w)
        new = []
        for a, x, u in zip(leaves, jax.tree.leaves(g), uniform, strict=True):
            total = a + _half(_RATE * x, np).astype(np.float64)
            low, high = neighbours(total)
            new.append(np.where(u < (total - low) / (high - low), high, low))
        w = structure.unflatten([np.asarray(x) for x in new])
        return w, (w, key)

    return _Ready(init, update)


@mark(property=True, higher_order=True, source="NumPy by bits, same draws", **_MARKS)
@mark(second=lambda: _moving(_rounded_by(_around), numpy=True))
@mark(why="bfloat16 parameters, bit for bit")
def stochastic_rounding(ours):
    """From the same seed."""
    return _moving(ours(7)), _moving(_rounded_by(_neighbours), numpy=True)


# Loss scaling ------------------------------------------------------------------------


def _overflowing(tx, **how):
    """Gradients of the scaled loss as float16 has them: infinite beyond 65504."""
    if isinstance(tx, _Ready):
        return _walk(tx, **how)

    def update(g, state, p):
        g = jax.tree.map(lambda x: _cut(jnp, x * state.scale), g)
        return tx.update(g, state, p)

    return _walk(_Ready(tx.init, update), **how)


def _cut(xp, x):
    return xp.where(xp.abs(x) > 65504, xp.inf, x)


def _guarded(inner, growth_interval, scale):
    """Optax's apply_if_finite, and the scale by hand; interval None: it stays."""
    tx = optax.apply_if_finite(inner, 10**6)

    def init(p):
        return jnp.asarray(scale), jnp.zeros([], jnp.int32), tx.init(p)

    def update(g, state, p):
        scale, good, inner = state
        g = jax.tree.map(lambda x: _cut(jnp, x * scale) / scale, g)
        u, inner = tx.update(g, inner, p)
        if growth_interval is None:
            return u, (scale, good, inner)
        good = jnp.where(inner.last_finite, good + 1, 0)
        grow = good == growth_interval
        kept = jnp.where(grow, jnp.minimum(scale * 2, 2.0**24), scale)
        scale = jnp.where(inner.last_finite, kept, jnp.maximum(scale / 2, 1.0))
        return u, (scale, jnp.where(grow, 0, good), inner)

    return _Ready(init, update)


def _scaled_by_hand(growth_interval, scale):
    """Momentum 0.9 at rate 0.1; a step that overflows is as if it had not been."""

    def update(g, s, p):
        whole = all((np.abs(x * s["scale"]) <= 65504).all() for x in jax.tree.leaves(g))
        if not whole:
            scale = s["scale"] if growth_interval is None else max(s["scale"] / 2, 1)
            return jax.tree.map(np.zeros_like, g), {**s, "scale": scale, "good": 0}
        s = {**s, "v": jax.tree.map(lambda v, x: 0.9 * v + x, s["v"], g)}
        s["good"] += 1
        if s["good"] == growth_interval:
            s = {**s, "good": 0, "scale": min(s["scale"] * 2, 2.0**24)}
        return jax.tree.map(lambda v: -0.1 * v, s["v"]), s

    def init(p):
        return {"v": jax.tree.map(np.zeros_like, p), "good": 0, "scale": scale}

    return _Ready(init, update)


_INNER = {"inner": optax.sgd(0.1, 0.9)}

static_loss_scale = _against(
    lambda inner, scale: _guarded(inner, None, scale),
    _overflowing,
    [{**_INNER, "scale": 2.0**15}],
    source="optax.apply_if_finite",
    second=lambda inner, scale: _scaled_by_hand(None, scale),
    rows=True,
    ulp=24,
)
dynamic_loss_scale = _against(
    lambda inner, init_scale, growth_interval: _guarded(
        inner, growth_interval, init_scale
    ),
    _overflowing,
    [{**_INNER, "init_scale": 2.0**18, "growth_interval": 7}],
    source="optax.apply_if_finite",
    second=lambda inner, init_scale, growth_interval: _scaled_by_hand(
        growth_interval, init_scale
    ),
    rows=True,
    ulp=24,
)


def _state(rng):
    """A loss scale's state as far as the loss needs it."""
    from assay.optim import LossScaleState

    del rng
    return LossScaleState(np.array(1024.0), np.array(0), np.array(0), ())


@mark(gradient=False, second=lambda loss, state: np.multiply(state[0], loss))
@given(loss=(3,), state=tree(_state))
def scale_loss(loss, state):
    """The product."""
    return loss * state.scale

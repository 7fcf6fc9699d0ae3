"""Means of gradients and of parameters, and lookahead, beside Optax's and torch's."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax

from assay.verify import rules
from assay.verify.mirrors._given import given, mark, static, tree
from assay.verify.mirrors.optim._ready import Ready as _Ready
from assay.verify.mirrors.optim._ready import reading as _reading
from assay.verify.mirrors.optim._walks import against as _against
from assay.verify.mirrors.optim._walks import transform as _transform
from assay.verify.mirrors.optim._walks import walk as _walk
from assay.verify.rules import _rule

_DECAY = 0.999  # exact in no binary format: a rounded weight shows
_ROWS = {"rows": True, "ulp": 24}


def _add(p, g):
    return jax.tree.map(lambda a, b: a + b, p, g)


# Means of gradients and of parameters ------------------------------------------------


def _ema(decay, debias=True):
    def rule(t, g, p, s, rate):
        m = decay * s.get("m", 0.0) + (1 - decay) * g
        return (m / (1 - decay**t) if debias else m), {"m": m}

    return _rule.transform(rule)


def _decay_at(decay, warmup, t):
    return min(decay, (1 + t) / (10 + t)) if warmup else decay


def _optax_params_ema(decay, debias=False, warmup=False):
    """Optax's own mean of what Optax's own step gives."""
    mean = optax.ema(decay, debias=True)

    def init(p):
        return (jnp.zeros([], jnp.int32), mean.init(p)) if debias else (0, p)

    def update(g, state, p):
        t, old = state
        moved = optax.apply_updates(p, g)
        if debias:
            new, old = mean.update(moved, old)
            return new, (t + 1, old)
        d = jnp.minimum(decay, (1.0 + t) / (10.0 + t)) if warmup else decay
        new = optax.incremental_update(moved, old, 1 - d)
        return new, (t + 1, new)

    return _Ready(init, update)


def _weighted(decay, debias=False, warmup=False):
    """Σ wᵢ pᵢ/Σ wᵢ over all parameters so far, wᵢ = (1 − dᵢ) d₍ᵢ₊₁₎ ... dₜ."""

    def update(g, seen, p):
        if not seen:
            seen = [] if debias else [p]
        seen = [*seen, _add(p, g)]
        n = len(seen) - (not debias)
        d = [_decay_at(decay, warmup, t) for t in range(n)]
        weights = [(1 - d[i]) * math.prod(d[i + 1 :]) for i in range(n)]
        weights = weights if debias else [math.prod(d), *weights]

        def leaf(*ps):
            return sum(w * x for w, x in zip(weights, ps, strict=True)) / sum(weights)

        return jax.tree.map(leaf, *seen), seen

    return _Ready(lambda p: [], update)


def _torch_swa(start=0, period=1):
    """The update of torch's get_swa_avg_fn, at the steps that ours averages."""

    def init(p):
        return jnp.zeros([], jnp.int32), jnp.zeros([], jnp.int32), p

    def update(g, state, p):
        t, n, mean = state
        t = t + 1
        hit = (t > start) & ((t - start) % period == 0)
        share = jnp.where(hit, 1 / (n + 1.0), jnp.where(n == 0, 1.0, 0.0))
        new = jax.tree.map(lambda m, x: m + (x - m) * share, mean, _add(p, g))
        return new, (t, n + hit, new)

    return _Ready(init, update)


def _swa(start=0, period=1):
    """np.mean of a list."""

    def update(g, seen, p):
        seen = [*seen, _add(p, g)]
        chosen = seen[start + period - 1 :: period] or seen[-1:]
        return jax.tree.map(lambda *ps: np.mean(ps, 0), *chosen), seen

    return _Ready(lambda p: [], update)


ema = _transform(
    optax.ema, {"decay": 0.9}, {"decay": _DECAY, "debias": False}, second=_ema
)
params_ema = _against(
    _optax_params_ema,
    _reading(lambda u, state: state.ema),
    [
        {"decay": 0.9},
        {"decay": _DECAY, "debias": True},
        {"decay": 0.99, "warmup": True},
        {"decay": 0.95, "debias": True},
    ],
    source="optax.ema, incremental_update",
    second=_weighted,
    second_source="closed form",
    **_ROWS,
)
swa = _against(
    _torch_swa,
    _reading(lambda u, state: state.average),
    [{}, {"start": 30, "period": 7}],
    source="torch's arithmetic",
    second=_swa,
    second_source="np.mean",
    **_ROWS,
)


def _leaves(rng):
    return {"a": rng.standard_normal((2, 3)), "b": rng.normal(size=4)}


def _mixed(new_tensors, old_tensors, step_size):
    def leaf(new, old):
        return step_size * new + (1 - step_size) * old

    return jax.tree.map(leaf, new_tensors, old_tensors)


@mark(second=_mixed, rows=True, source="optax")
@given(new_tensors=tree(_leaves), old_tensors=tree(_leaves), step_size=static(0.3))
@given(new_tensors=tree(_leaves), old_tensors=tree(_leaves), step_size=static(_DECAY))
def incremental_update(new_tensors, old_tensors, step_size):
    """Optax's own."""
    return optax.incremental_update(new_tensors, old_tensors, step_size)


def _periodic(new_tensors, old_tensors, steps, update_period):
    return old_tensors if steps % update_period else new_tensors


_TWO = {"new_tensors": tree(_leaves), "old_tensors": tree(_leaves)}


@mark(second=_periodic, source="optax")
@given(**_TWO, steps=static(6), update_period=static(3))
@given(**_TWO, steps=static(7), update_period=static(3))
def periodic_update(new_tensors, old_tensors, steps, update_period):
    """Optax's own."""
    return optax.periodic_update(new_tensors, old_tensors, steps, update_period)


# Lookahead ---------------------------------------------------------------------------


def _followed(tx, params, apply=optax.apply_updates):
    """A pair that keeps both parameters itself, and emits them."""

    def init(p):
        both = params(p, p)
        return both, tx.init(both)

    def update(g, state, p):
        both, inner = state
        u, inner = tx.update(g, inner, both)
        both = apply(both, u)
        return tuple(both), (both, inner)

    return _Ready(init, update)


def _looked(library, **how):
    rows = []
    for reset in (False, True):
        tx = library.lookahead(optax.sgd(0.1, 0.9), 5, 0.3, reset_state=reset)
        rows.append(_walk(_followed(tx, library.LookaheadParams), **how))
    return np.stack(rows)


def _lookahead_by_hand():
    """Two loops, as the paper has them."""

    def followed(reset):
        heavy = _rule.transform(rules.sgd, 0.1, momentum=0.9)

        def update(g, state, p):
            t, fast, slow, inner = state
            u, inner = heavy.update(g, inner, fast)
            moved, kept = _add(fast, u), slow
            if (t + 1) % 5 == 0:
                kept = jax.tree.map(lambda s, f: s + 0.3 * (f - s), slow, moved)
                moved, inner = kept, heavy.init(kept) if reset else inner
            return (moved, kept), (t + 1, moved, kept, inner)

        return _Ready(lambda p: (0, p, p, heavy.init(p)), update)

    both = [_walk(followed(r), x64=True, numpy=True) for r in (False, True)]
    return np.stack(both)


@mark(property=True, higher_order=True, source="optax", second=_lookahead_by_hand)
@mark(**_ROWS)
def lookahead(ours):
    """Optax's momentum in either, the fast optimizer reset or not."""
    from assay import optim

    library = type("Ours", (), {"lookahead": staticmethod(ours)})
    library.LookaheadParams = optim.LookaheadParams
    return _looked(library), _looked(optax, x64=True)

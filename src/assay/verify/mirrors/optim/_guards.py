"""Accumulation, and what passes over gradients, beside Optax's and NumPy."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import optax

from assay.verify.mirrors._given import given, mark, static, tree
from assay.verify.mirrors.optim._pairs import DOUBLE, INNER
from assay.verify.mirrors.optim._pairs import noise as _noise
from assay.verify.mirrors.optim._pairs import numpy_pair as _numpy
from assay.verify.mirrors.optim._pairs import zeros as _zeros
from assay.verify.mirrors.optim._pairs import zeros_of as _zeros_of
from assay.verify.mirrors.optim._walks import against, leafwise, transform, walk

# Accumulation ---------------------------------------------------------------------


def _spoiled(tx: Any) -> Any:
    """The same, one leaf nan at every fifth update, one entry inf at every seventh."""

    def spoil(t, g):
        xp = np if isinstance(g["bias"], np.ndarray) else jnp
        bias = xp.where(t % 5 == 2, np.nan, g["bias"])
        first = xp.arange(12).reshape(3, 4) == 0
        kernel = xp.where((t % 7 == 3) & first, np.inf, g["kernel"])
        return {"bias": bias.astype(g["bias"].dtype), "kernel": kernel}

    def init(params):
        return np.zeros((), np.int32), tx.init(params)

    def update(updates, state, params=None):
        t, inner = state
        updates, inner = tx.update(spoil(t, updates), inner, params)
        return updates, (t + 1, inner)

    return optax.GradientTransformation(init, update)


def _spoiled_walk(tx, **how):
    """`walk` over gradients that are not always finite."""
    return walk(_spoiled(tx), **how)


def _guarded(theirs: Any, *cases: dict, **facts: Any) -> Any:
    facts = {"rows": True, "ulp": 24, **facts}
    return against(theirs, _spoiled_walk, list(cases), **facts)


def _steps(opt, every_k_schedule, use_grad_mean=True, should_skip_update_fn=None):
    """Optax's class, its accumulators in the walk's float64."""
    wide = {"accumulator_dtype": jnp.float64}
    return optax.MultiSteps(
        opt, every_k_schedule, use_grad_mean, should_skip_update_fn, **wide
    )


def _steps_in_numpy(
    opt, every_k_schedule, use_grad_mean=True, should_skip_update_fn=None
):
    """The gradients kept in a list, and averaged when there are enough."""

    def step(t, g, s, p):
        kept, done, inner = s
        bad = not all(np.isfinite(x).all() for x in g.values())
        if not (bad and should_skip_update_fn):
            kept = [*kept, g]
        every = every_k_schedule
        if len(kept) < (every(done) if callable(every) else every):
            return _zeros_of(g), (kept, done, inner)
        over = np.mean if use_grad_mean else np.sum
        whole = {n: over([x[n] for x in kept], axis=0) for n in g}
        u, inner = opt.update(whole, inner, p)
        return u, ([], done + 1, inner)

    return _numpy(step, lambda p: ([], 0, opt.init(p)))


MultiSteps = transform(
    _steps,
    {"opt": INNER, "every_k_schedule": 1},
    {"opt": INNER, "every_k_schedule": 3},
    {
        "opt": INNER,
        "every_k_schedule": lambda done: 2 + done % 3,
        "use_grad_mean": False,
    },
    second=_steps_in_numpy,
)


def _every_in_numpy(k=1):
    def step(t, g, s, p):
        s = {n: g[n] + (s[n] if t % k else 0) for n in g}
        return (s if t % k == k - 1 else _zeros_of(g)), s

    return _numpy(step, _zeros)


apply_every = transform(optax.apply_every, {}, {"k": 4}, second=_every_in_numpy)


@mark(
    property=True,
    higher_order=True,
    source="optax",
    second=lambda: list(np.arange(7) % 3 == 2),
)
def has_updated(ours):
    """Optax's own, along seven updates in steps of three."""
    counts = [(t % 3, t // 3) for t in range(1, 8)]
    states = [
        optax.MultiStepsState(np.int32(mini), np.int32(done), (), ())
        for mini, done in counts
    ]
    theirs = optax.MultiSteps(INNER, 3).has_updated
    return [ours(s) for s in states], [theirs(s) for s in states]


# Guards ---------------------------------------------------------------------------


def _if_finite(inner, max_consecutive_errors):
    def step(t, g, s, p):
        row, inner_state = s
        finite = all(np.isfinite(x).all() for x in g.values())
        row = 0 if finite else row + 1
        if not finite and row <= max_consecutive_errors:
            return _zeros_of(g), (row, inner_state)
        u, inner_state = inner.update(g, inner_state, p)
        return u, (row, inner_state)

    return _numpy(step, lambda p: (0, inner.init(p)))


zero_nans = _guarded(
    optax.zero_nans,
    {},
    second=lambda: leafwise(lambda t, g, p: np.where(np.isnan(g), 0.0, g)),
)
apply_if_finite = _guarded(
    optax.apply_if_finite,
    {"inner": INNER, "max_consecutive_errors": 5},
    {"inner": DOUBLE, "max_consecutive_errors": 0},
    second=_if_finite,
)


def _with_holes(rng):
    a, b = rng.standard_normal((2, 3)), rng.normal(size=4)
    a[0, 1], b[2], b[3] = np.nan, np.inf, -np.inf
    return [a, b]


def _finite_in_numpy(updates, gradient_step, params):
    n = sum(int((~np.isfinite(x)).sum()) for x in updates)
    return n > 0, {"num_not_finite": n, "should_skip": n > 0}


def _large_in_numpy(updates, gradient_step, params, max_squared_norm):
    n = np.sum(np.concatenate([np.ravel(x) for x in updates]) ** 2)
    return n >= max_squared_norm, {
        "norm_squared": n,
        "should_skip": n >= max_squared_norm,
    }


STEP = {"gradient_step": static(0), "params": static(None)}


@mark(gradient=False, source="optax", second=_finite_in_numpy)
@given(updates=tree(_with_holes), **STEP)
@given(updates=tree(lambda rng: [rng.standard_normal(3)]), **STEP)
def skip_not_finite(updates, gradient_step, params):
    """Optax's own."""
    return optax.skip_not_finite(updates, gradient_step, params)


@mark(source="optax", second=_large_in_numpy)
@given(updates=tree(_noise), max_squared_norm=static(1.0), **STEP)
def skip_large_updates(updates, gradient_step, params, max_squared_norm):
    """Optax's own."""
    args = updates, gradient_step, params, max_squared_norm
    return optax.skip_large_updates(*args)

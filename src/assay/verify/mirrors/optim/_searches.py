"""L-BFGS and the line searches beside Optax's, dense matrices and plain loops."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from assay.optim import Transform as _Transform
from assay.verify import _record
from assay.verify.mirrors._given import mark
from assay.verify.mirrors.optim._walks import against

# A convex bowl with its minimum away from 0, where numbers keep their digits.
_CURVATURE = np.linspace(1.0, 10.0, 6)
_CENTRE = np.linspace(1.0, 2.0, 6)
_START = {"a": _CENTRE[:2] + [3.0, -2.0], "b": _CENTRE[2:] + [1.0, 0.5, -1.0, 2.0]}


def _flat(tree: Any) -> Any:
    """The leaves in one vector, in NumPy or JAX."""
    return (np if isinstance(tree["a"], np.ndarray) else jnp).concatenate(
        [tree["a"], tree["b"]]
    )


def _unflat(vector: Any) -> Any:
    return {"a": vector[:2], "b": vector[2:]}


def _bowl(tree: Any) -> Any:
    """½ Σ h (w − c)² + ¼ Σ (w − c)⁴."""
    w = _flat(tree)
    w = w - _CENTRE.astype(w.dtype)
    return (0.5 * _CURVATURE.astype(w.dtype) * w**2 + 0.25 * w**4).sum()


def _slope(tree: Any) -> Any:
    """Its gradient, on paper."""
    w = _flat(tree)
    w = w - _CENTRE.astype(w.dtype)
    return _unflat(_CURVATURE.astype(w.dtype) * w + w**3)


def _read(steps: int, *, follow: bool, down: bool) -> Callable:
    """The updates on the bowl: following them, or from `steps` given points.

    A search is given −g (`down`), a rule g.
    """
    rng = np.random.default_rng(7)
    places = [_unflat(_CENTRE + rng.standard_normal(6)) for _ in range(steps)]

    def read(tx: Any, *, x64: bool = False, numpy: bool = False) -> np.ndarray:
        dtype, array = np.float64 if x64 else np.float32, np.asarray
        array = np.asarray if numpy else jnp.asarray

        def cast(tree):
            return jax.tree.map(lambda x: array(x, dtype), tree)

        def step(w, state):
            g = _slope(w)
            extra = {"value": _bowl(w), "grad": g, "value_fn": _bowl}
            extra = extra if down or follow else {}
            direction = jax.tree.map(lambda x: -x, g) if down else g
            return tx.update(direction, state, w, **extra)

        with jax.enable_x64(x64), _record.relaxed():
            step = step if numpy else jax.jit(step)
            w, rows = cast(_START), []
            state = tx.init(w)
            for place in places:
                w = w if follow else cast(place)
                updates, state = step(w, state)
                rows.append(jax.device_get(_flat(updates)))
                w = jax.tree.map(lambda a, u: a + u, w, updates)
            return np.stack(rows)

    return read


def _pair(update: Callable, start: Any = None) -> Any:
    """A NumPy pair on one vector: update(g, state, w, given) -> (u, state)."""

    def on_trees(updates, state, params, **given):
        u, state = update(_flat(updates), state, _flat(params), given)
        return _unflat(u), state

    return _Transform(lambda params: start, on_trees)


def _dense(memory_size=10, scale_init_precond=True):
    """The inverse Hessian as a matrix, built anew from the pairs at every step."""

    def update(g, state, w, given):
        pairs, last = state
        if last is not None:
            pairs = [*pairs, (w - last[0], g - last[1])][-memory_size:]
        scale = 1.0
        if scale_init_precond:
            scale = min(1.0, 1 / np.linalg.norm(g))
            if pairs:
                s, y = pairs[-1]
                scale = s @ y / (y @ y)
        inverse = scale * np.eye(len(w))
        for s, y in pairs:
            turn = np.eye(len(w)) - np.outer(s, y) / (s @ y)
            inverse = turn @ inverse @ turn.T + np.outer(s, s) / (s @ y)
        return inverse @ g, (pairs, (w, g))

    return _pair(update, ([], None))


def _inside(f, slope, low, high, third):
    """The minimum of the cubic through three values and a slope, or of the parabola."""
    length = high - low

    def least(points, degree):
        x = np.array([(a - low) / length for a in points])
        below = np.array([f(a) - f(low) - slope(low) * (a - low) for a in points])
        powers = x[:, None] ** np.arange(2, degree + 1)
        over = np.linalg.solve(powers, below)
        curve = np.polynomial.Polynomial([0, slope(low) * length, *over])
        bends = [r for r in curve.deriv().roots() if np.isreal(r)]
        return next((r.real for r in bends if curve.deriv(2)(r.real) > 0), np.nan)

    if third is not None and 0.2 < (t := least([high, third], 3)) < 0.8:
        return low + t * length
    t = least([high], 2)
    return low + (t if 0.1 < t < 0.9 else 0.5) * length


def _strong_wolfe(f, slope, c1, c2, most):
    """Nocedal and Wright's algorithms 3.5 and 3.6, the first trial 1."""
    low, high, third, last, a = None, None, None, 0.0, 1.0
    for trial in range(most):
        a = a if low is None else _inside(f, slope, low, high, third)
        old = last if low is None else low
        rises = f(a) > f(0.0) + c1 * a * slope(0.0)
        rises = rises or (f(a) >= f(old) and (trial > 0 or low is not None))
        if not rises and abs(slope(a)) <= c2 * abs(slope(0.0)):
            return a
        if low is None:
            if rises:
                low, high = last, a
            elif slope(a) >= 0:
                low, high = a, last
            last, a = a, 2 * a
        elif rises:
            high, third = a, high
        elif slope(a) * (high - low) >= 0:
            low, high, third = a, low, high
        else:
            low, third = a, low
    raise AssertionError("no step found")


def _wolfe(
    max_linesearch_steps, curv_rtol=0.9, slope_rtol=1e-4, approx_dec_rtol=None,
    initial_guess_strategy="one",
):  # fmt: skip
    """The search along u."""
    assert (approx_dec_rtol, initial_guess_strategy) == (None, "one")

    def update(u, state, w, given):
        step = _strong_wolfe(
            lambda a: _bowl(_unflat(w + a * u)),
            lambda a: u @ _flat(_slope(_unflat(w + a * u))),
            slope_rtol,
            curv_rtol,
            max_linesearch_steps,
        )
        return step * u, state

    return _pair(update)


def _armijo(max_backtracking_steps, decrease_factor=0.8):
    """Down from min(1, 1.5 · the last step) until f has fallen by 1e-4 of the slope."""

    def update(u, state, w, given):
        step, slope = min(1.0, 1.5 * state), u @ _flat(given["grad"])
        for _ in range(max_backtracking_steps):
            if _bowl(_unflat(w + step * u)) <= given["value"] + 1e-4 * step * slope:
                break
            step *= decrease_factor
        return step * u, step

    return _pair(update, 1.0)


def _newton(memory_size=10):
    """The dense inverse, and the search along it."""
    inverse, search = _dense(memory_size), _wolfe(20)

    def update(updates, state, params=None, **given):
        u, state = inverse.update(updates, state, params)
        down = jax.tree.map(lambda x: -x, u)
        return search.update(down, None, params)[0], state

    return _Transform(inverse.init, update)


_ZOOM = {"max_linesearch_steps": 20, "initial_guess_strategy": "one"}
_ZOOM |= {"curv_rtol": 0.05, "approx_dec_rtol": None}
_BACK = {"max_backtracking_steps": 30}
_SHORT = {"rows": True, "ulp": 100, "why": "differences of f in float32"}

scale_by_lbfgs = against(
    optax.scale_by_lbfgs,
    _read(20, follow=False, down=False),
    [{}, {"memory_size": 3}, {"scale_init_precond": False}],
    second=_dense,
    rows=True,
    ulp=24,
    why="differences of gradients in float32",
)
lbfgs = against(
    optax.lbfgs, _read(7, follow=True, down=False), [{}], second=_newton, **_SHORT
)
scale_by_zoom_linesearch = against(
    optax.scale_by_zoom_linesearch,
    _read(20, follow=False, down=True),
    [_ZOOM],
    second=_wolfe,
    **_SHORT,
)
scale_by_backtracking_linesearch = against(
    optax.scale_by_backtracking_linesearch,
    _read(20, follow=False, down=True),
    [_BACK, {**_BACK, "decrease_factor": 0.5}],
    second=_armijo,
    rows=True,
    ulp=24,
)


def _stored(make: Callable, search: Any, *, x64: bool) -> Any:
    """The value and gradient after init, and after one update."""
    dtype = jnp.float64 if x64 else jnp.float32
    with jax.enable_x64(x64), _record.relaxed():
        w = jax.tree.map(lambda x: jnp.asarray(x, dtype), _START)
        state, read = search.init(w), make(_bowl)
        value, grad = first = read(w, state=state)
        down = jax.tree.map(lambda g: -g, grad)
        extra = {"value": value, "grad": grad, "value_fn": _bowl}
        updates, state = search.update(down, state, w, **extra)
        w = jax.tree.map(lambda a, u: a + u, w, updates)
        return jax.device_get([first, read(w, state=state)])


def _computed():
    """The same on paper: Armijo's step from the start, and where it leads."""
    u, _ = _armijo(30).update(
        jax.tree.map(lambda g: -g, _slope(_START)),
        1.0,
        _START,
        value=_bowl(_START),
        grad=_slope(_START),
    )
    there = jax.tree.map(lambda a, b: a + b, _START, u)
    return [(_bowl(w), _slope(w)) for w in (_START, there)]


_FACTS = {"property": True, "higher_order": True, "rows": True, "ulp": 24}


@mark(second=_computed, source="optax", **_FACTS)
def value_and_grad_from_state(ours):
    """Ours of Optax's state, and Optax's."""
    search = optax.scale_by_backtracking_linesearch(30, store_grad=True)
    theirs = optax.value_and_grad_from_state
    return _stored(ours, search, x64=False), _stored(theirs, search, x64=True)

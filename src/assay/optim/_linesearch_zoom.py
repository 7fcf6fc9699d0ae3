"""Zoom: a step where the value has fallen far enough and the slope is small."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim import _leaves, _linesearch
from assay.optim._transform import Transform
from assay.typing import Array, PyTree, Scalar


class ZoomLinesearchInfo(NamedTuple):
    """How the last search went."""

    num_linesearch_steps: Array  # () int32, trials
    decrease_error: Array  # () >= float32, 0 if the value fell far enough
    curvature_error: Array  # () >= float32, 0 if the slope is small enough


class ScaleByZoomLinesearchState(NamedTuple):
    """The state of `scale_by_zoom_linesearch`."""

    learning_rate: Array  # () >= float32, the step; after a failure the last trial
    value: Array  # () >= float32, at the parameters after the update
    grad: PyTree  # there, like params, >= float32
    info: ZoomLinesearchInfo


class _Point(NamedTuple):
    """A step along the line: all () >= float32."""

    step: Array
    value: Array
    slope: Array


class _Search(NamedTuple):
    count: Array  # trials
    last: _Point  # the latest trial
    grad: PyTree  # its gradient
    errors: tuple[Array, Array]  # its decrease and curvature error
    low: _Point  # the end of the interval with the lower value
    high: _Point  # its other end, left or right of it
    third: _Point  # an end given up, for the cubic
    safe: _Point  # the lowest trial with enough decrease; step 0 if none
    safe_grad: PyTree
    found: Array  # whether there is an interval yet
    done: Array
    failed: Array


class _Rules(NamedTuple):
    """The settings, as numbers."""

    c1: Scalar
    c2: Scalar
    tol: Scalar
    approximate: Scalar | None
    grow: Scalar
    top: Scalar | None
    precision: Scalar
    most: Scalar


def scale_by_zoom_linesearch(
    max_linesearch_steps: Scalar,
    max_learning_rate: Scalar | None = None,
    tol: Scalar = 0.0,
    increase_factor: Scalar = 2.0,
    slope_rtol: Scalar = 1e-4,
    curv_rtol: Scalar = 0.9,
    approx_dec_rtol: Scalar | None = 1e-6,
    stepsize_precision: Scalar = 1e-5,
    initial_guess_strategy: str = "keep",
    verbose: bool = False,
) -> Transform:
    """η · u with f(p + η u) <= f(p) + slope_rtol · η · s and |s_η| <= curv_rtol · |s|.

    s = ⟨u, ∇f(p)⟩ and s_η = ⟨u, ∇f(p + η u)⟩: the strong Wolfe conditions, up to tol.
    The step grows by increase_factor until an interval holds such an η; the minimum of
    a cubic, a parabola or the middle then divides it. Near a minimum, where f differs
    by less than approx_dec_rtol · |f|, s_η <= (2 slope_rtol − 1) · s stands for the
    first condition (Hager and Zhang). If the interval gets shorter than
    stepsize_precision, the lowest trial that meets the first condition is taken.

    A trial where f or s_η is not finite is never taken but shortens the interval. A
    search that fails takes no step that raises f, and the next one starts from where
    it ended. The first trial is 1 ("one") or the last step ("keep").

    `update` needs value=f(p), grad=∇f(p) and value_fn=f, and hands f the extra
    arguments that it names.

    >>> tx = scale_by_zoom_linesearch(max_linesearch_steps=15)
    >>> f = lambda w: jnp.sum(w**2)
    >>> w, g = jnp.array([3.0, 4.0]), jnp.array([6.0, 8.0])
    >>> extra = {"value": f(w), "grad": g, "value_fn": f}
    >>> u, state = tx.update(-g, tx.init(w), w, **extra)
    >>> float(state.learning_rate), (w + u).tolist()
    (0.5, [0.0, 0.0])

    Nocedal and Wright 1999, algorithms 3.5 and 3.6; Hager and Zhang 2006.
    """
    who, number = "scale_by_zoom_linesearch", arithmetic.number
    _check.choice(who, "initial_guess_strategy", initial_guess_strategy, _GUESSES)
    rules = _Rules(
        c1=number(slope_rtol),
        c2=number(curv_rtol),
        tol=number(tol),
        approximate=None if approx_dec_rtol is None else number(approx_dec_rtol),
        grow=number(increase_factor),
        top=None if max_learning_rate is None else number(max_learning_rate),
        precision=number(stepsize_precision),
        most=max_linesearch_steps,
    )

    def init(params):
        dtype = _linesearch.precision(params)
        far = [jnp.array(jnp.inf, dtype) for _ in range(3)]
        info = ZoomLinesearchInfo(jnp.zeros([], jnp.int32), *far[1:])
        grad = arithmetic.full_like(who, params, 0.0)
        return ScaleByZoomLinesearchState(jnp.ones([], dtype), far[0], grad, info)

    def update(
        updates, state, params=None, *, value=None, grad=None, value_fn=None, **extra
    ):
        _leaves.need_params(who, params)
        f = _linesearch.bound(who, value, grad, value_fn, extra)
        dtype = state.value.dtype
        grad = jax.tree.map(_filled, grad, state.grad, is_leaf=lambda g: g is None)
        slope = _linesearch.inner(updates, grad).astype(dtype)
        here = _Point(jnp.zeros([], dtype), jnp.asarray(value).astype(dtype), slope)

        def trial(step):
            _, there = _linesearch.moved(params, updates, step)
            value, new = jax.value_and_grad(f)(there)
            slope = _linesearch.inner(updates, new).astype(dtype)
            point = _Point(step, value.astype(dtype), slope)
            return point, arithmetic.cast_like(new, grad)

        guess = _GUESSES[initial_guess_strategy](state)
        start = _start(here, grad)
        s = jax.lax.while_loop(
            lambda s: ~(s.done | s.failed),
            partial(_next, rules=rules, here=here, guess=guess, trial=trial),
            start,
        )
        end, new, stays = _chosen(s, here, grad)
        if verbose:
            _report(s)
        errors = _pick(stays, s.errors, _errors(rules, end, here))
        rate = jnp.where(stays, s.last.step, end.step)
        info = ZoomLinesearchInfo(s.count, *errors)
        scaled, _ = _linesearch.moved(params, updates, end.step)
        return scaled, ScaleByZoomLinesearchState(rate, end.value, new, info)

    return Transform(init, update)


# A search that has failed goes on where it ended: from 1 it would fail again.
_GUESSES: dict[str, Callable] = {
    "one": lambda s: jnp.where(
        s.info.decrease_error > 0, s.learning_rate, jnp.ones_like(s.learning_rate)
    ),
    "keep": lambda s: s.learning_rate,
}


def _filled(g, like):
    """The gradient in the state's dtype, zeros where there is none."""
    if like is None:  # no parameter, no gradient
        return None
    return jnp.zeros_like(like) if g is None else jnp.asarray(g).astype(like.dtype)


def _start(here: _Point, grad: PyTree) -> _Search:
    """No trial yet."""
    no, far = jnp.array(False), jnp.full_like(here.value, jnp.inf)
    return _Search(
        count=jnp.zeros([], jnp.int32),
        last=here,
        grad=grad,
        errors=(far, far),
        low=here,
        high=here,
        third=here,
        safe=here,
        safe_grad=grad,
        found=no,
        done=no,
        failed=no,
    )


def _next(s, *, rules, here, guess, trial):
    """One trial: further out while there is no interval, else inside it."""
    like = arithmetic.like
    further = jnp.where(s.count == 0, guess, like(rules.grow, guess) * s.last.step)
    last_one = jnp.array(False)
    if rules.top is not None:
        last_one = further >= like(rules.top, further)
        further = jnp.minimum(further, like(rules.top, further))
    new, grad = trial(jnp.where(s.found, _inside(s.low, s.high, s.third), further))
    errors = _errors(rules, new, here)
    tol = like(rules.tol, new.value)
    good = (errors[0] <= tol) & (errors[1] <= tol)
    lower = (errors[0] <= tol) & (~s.found | (new.value < s.safe.value))
    safe, safe_grad = _pick(lower, (new, grad), (s.safe, s.safe_grad))
    ends, found = _pick(
        s.found,
        (_narrowed(s, new, errors[0]), s.found),
        _bracketed(s, new, errors[0], good),
    )
    # Within the largest step allowed there is no better one.
    done = good | (~s.found & last_one & ~found)
    short = jnp.abs(s.high.step - s.low.step) <= like(rules.precision, new.step)
    stuck = s.found & short & (safe.step > 0)
    count = s.count + 1
    failed = ~done & ((count >= rules.most) | stuck)
    return _Search(
        count, new, grad, errors, *ends, safe, safe_grad, found, done, failed
    )


def _errors(rules, new, here):
    """By how much the trial misses enough decrease, and a small slope."""
    like = arithmetic.like
    c1 = like(rules.c1, new.value)
    decrease = new.value - here.value - c1 * new.step * here.slope
    if rules.approximate is not None:
        near = like(rules.approximate, new.value) * jnp.abs(here.value)
        approximate = new.slope - (2 * c1 - 1) * here.slope
        approximate = jnp.maximum(approximate, new.value - here.value - near)
        decrease = jnp.minimum(decrease, approximate)
    c2 = like(rules.c2, new.value)
    curvature = jnp.abs(new.slope) - c2 * jnp.abs(here.slope)
    known = _linesearch.finite(new.value, new.slope)
    return tuple(
        jnp.where(known & ~jnp.isnan(e), jnp.maximum(e, 0), jnp.inf)
        for e in (decrease, curvature)
    )


def _bracketed(s, new, decrease_error, good):
    """Algorithm 3.5: (low, high, third), and whether they hold a good step."""
    beyond = (decrease_error > 0) | ((new.value >= s.last.value) & (s.count > 0))
    turned = (new.slope >= 0) & ~beyond
    low, high = _pick(turned, (new, s.last), (s.last, new))
    return (low, high, low), beyond | turned | good


def _narrowed(s, new, decrease_error):
    """Algorithm 3.6: (low, high, third) with the trial as one of the ends."""
    to_new = (decrease_error > 0) | (new.value >= s.low.value)
    to_low = (new.slope * (s.high.step - s.low.step) >= 0) & ~to_new
    high = _pick(to_low, s.low, _pick(to_new, new, s.high))
    third = _pick(to_new | to_low, s.high, s.low)
    return _pick(to_new, s.low, new), high, third


def _inside(low, high, third):
    """The minimum of the cubic through the three points, of the parabola, or half way.

    In t = (step − low)/(high − low); not the first fifth (tenth) nor the last.
    """
    length = high.step - low.step
    slope, rise = low.slope * length, high.value - low.value
    at = (third.step - low.step) / length
    over = (third.value - low.value - slope * at) / at**2
    cube = (over - (rise - slope)) / (at - 1)
    square = rise - slope - cube
    root = jnp.sqrt(square * square - 3 * cube * slope)
    cubic, parabola = -slope / (square + root), -slope / (2 * (rise - slope))
    # Comparisons with nan are false.
    t = jnp.where((parabola > 0.1) & (parabola < 0.9), parabola, 0.5)
    t = jnp.where((cubic > 0.2) & (cubic < 0.8), cubic, t)
    return low.step + t * length


def _chosen(s, here, grad):
    """The end of a search: its point, the gradient, and whether it is the start."""
    usable = jnp.isfinite(s.errors[0]) & (s.last.value <= here.value)
    last = s.done | (usable & ~(s.safe.step > 0))
    point, new = _pick(last, (s.last, s.grad), (s.safe, s.safe_grad))
    stays = ~(point.step > 0)
    return *_pick(stays, (here, grad), (point, new)), stays


def _pick(condition, a, b):
    """a where the condition holds, else b, leaf by leaf."""
    return jax.tree.map(lambda x, y: jnp.where(condition, x, y), a, b)


def _report(s: _Search) -> None:
    """Print how a search failed."""
    text = (
        "zoom: failed after {} trials, step {}, decrease error {}, curvature error {}"
    )
    args = (s.count, s.last.step, *s.errors)
    jax.lax.cond(s.failed, lambda: jax.debug.print(text, *args), lambda: None)

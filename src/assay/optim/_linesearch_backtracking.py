"""Backtracking: the step shrinks until the value has fallen far enough."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim import _leaves, _linesearch
from assay.optim._transform import Transform
from assay.typing import Array, PyTree, Scalar


class BacktrackingLinesearchInfo(NamedTuple):
    """How the last search went."""

    num_linesearch_steps: Array  # () int32, trials
    decrease_error: Array  # () >= float32, 0 if the value fell far enough


class ScaleByBacktrackingLinesearchState(NamedTuple):
    """The state of `scale_by_backtracking_linesearch`."""

    learning_rate: Array  # () >= float32, the last trial: the next search starts there
    value: Array  # () >= float32, at the parameters after the update
    grad: PyTree | None  # there, like params, >= float32; None without store_grad
    info: BacktrackingLinesearchInfo


class _Search(NamedTuple):
    rate: Array
    value: Array
    error: Array
    count: Array


def scale_by_backtracking_linesearch(
    max_backtracking_steps: Scalar,
    slope_rtol: Scalar = 1e-4,
    decrease_factor: Scalar = 0.8,
    increase_factor: Scalar = 1.5,
    max_learning_rate: Scalar = 1.0,
    atol: Scalar = 0.0,
    rtol: Scalar = 0.0,
    store_grad: bool = False,
    verbose: bool = False,
) -> Transform:
    """η · u with f(p + η u) <= (1 + rtol) f(p) + slope_rtol · η · ⟨u, ∇f⟩ + atol.

    η is at first increase_factor times the last one, at most max_learning_rate, then
    decrease_factor times the trial before; after max_backtracking_steps of those the
    last trial is taken as it is. A trial where f is not finite is never taken: the
    step is then 0, and the next search goes on below the η that this one reached
    (Optax's starts from 0 for ever).

    `update` needs value=f(p), grad=∇f(p) and value_fn=f, and hands f the extra
    arguments that it names.

    >>> tx = scale_by_backtracking_linesearch(max_backtracking_steps=15)
    >>> f = lambda w: jnp.sum(w**2)
    >>> w, g = jnp.array([3.0, 4.0]), jnp.array([6.0, 8.0])
    >>> extra = {"value": f(w), "grad": g, "value_fn": f}
    >>> u, state = tx.update(-g, tx.init(w), w, **extra)
    >>> round(float(state.learning_rate), 6), int(state.info.num_linesearch_steps)
    (0.8, 2)

    Armijo 1966; Vaswani et al. 2019, arXiv:1905.09997.
    """
    who, number = "scale_by_backtracking_linesearch", arithmetic.number
    c, shrink, grow = map(number, (slope_rtol, decrease_factor, increase_factor))
    top, atol, rtol = number(max_learning_rate), number(atol), number(rtol)

    def init(params):
        dtype = _linesearch.precision(params)
        far = jnp.array(jnp.inf, dtype)
        info = BacktrackingLinesearchInfo(jnp.zeros([], jnp.int32), far + 0)
        grad = arithmetic.full_like(who, params, 0.0) if store_grad else None
        return ScaleByBacktrackingLinesearchState(jnp.ones([], dtype), far, grad, info)

    def error_of(new, rate, value, slope):
        like = arithmetic.like
        error = new - (1 + like(rtol, new)) * value - like(c, new) * rate * slope
        error = jnp.where(jnp.isnan(error), jnp.inf, jnp.maximum(error, 0))
        return jnp.where(jnp.isfinite(new), error, jnp.inf)

    def update(
        updates, state, params=None, *, value=None, grad=None, value_fn=None, **extra
    ):
        _leaves.need_params(who, params)
        f = _linesearch.bound(who, value, grad, value_fn, extra)
        dtype = state.value.dtype
        value = jnp.asarray(value).astype(dtype)
        slope = _linesearch.inner(updates, grad).astype(dtype)

        def unsatisfied(s):
            more = s.count <= max_backtracking_steps
            return ~(s.error <= arithmetic.like(atol, s.error)) & more

        def shorter(s):
            rate = jnp.where(
                s.count > 0, arithmetic.like(shrink, s.rate) * s.rate, s.rate
            )
            _, there = _linesearch.moved(params, updates, rate)
            new = jnp.asarray(f(there)).astype(dtype)
            return _Search(rate, new, error_of(new, rate, value, slope), s.count + 1)

        # A rate at which f was not finite is not to be tried again.
        failed = jnp.isinf(state.info.decrease_error)
        failed = failed & (state.info.num_linesearch_steps > 0)
        rate = state.learning_rate
        factor = jnp.where(
            failed, arithmetic.like(shrink, rate), arithmetic.like(grow, rate)
        )
        first = jnp.minimum(factor * rate, arithmetic.like(top, rate))
        start = _Search(first, value, jnp.full_like(value, jnp.inf), jnp.int32(0))
        s = jax.lax.while_loop(unsatisfied, shorter, start)
        if verbose:
            _report(s, arithmetic.like(atol, s.error), slope)
        taken = jnp.isfinite(s.error)
        scaled, there = _linesearch.moved(params, updates, jnp.where(taken, s.rate, 0))
        new = None
        if store_grad:
            new = jax.grad(f)(there)
            new = arithmetic.cast_like(new, state.grad)
        info = BacktrackingLinesearchInfo(s.count, s.error)
        value = jnp.where(taken, s.value, value)
        state = ScaleByBacktrackingLinesearchState(s.rate, value, new, info)
        return scaled, state

    return Transform(init, update)


def _report(s: _Search, atol: Scalar, slope: Array) -> None:
    """Print how a search failed."""
    text = "backtracking: no step with enough decrease; rate {}, error {}, slope {}"
    args = (s.rate, s.error, slope)
    jax.lax.cond(s.error > atol, lambda: jax.debug.print(text, *args), lambda: None)

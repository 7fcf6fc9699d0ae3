"""L-BFGS: Newton's step by the differences of the last few gradients."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim import _leaves, _norms
from assay.optim._linesearch import inner, precision
from assay.optim._linesearch_zoom import scale_by_zoom_linesearch
from assay.optim._transform import Transform, chain, identity, scale_by_learning_rate
from assay.typing import Array, PyTree, ScalarOrSchedule

# What Optax's default is: a quasi-Newton step is tried whole first.
_ZOOM = scale_by_zoom_linesearch(20, initial_guess_strategy="one")


class ScaleByLBFGSState(NamedTuple):
    """The state of `scale_by_lbfgs`."""

    count: Array  # () int32, updates so far
    params: PyTree  # at the last update, like params, >= float32
    updates: PyTree  # the gradients then, like params, >= float32
    diff_params_memory: PyTree  # (memory_size, ...) differences of params, >= float32
    diff_updates_memory: PyTree  # (memory_size, ...) differences of gradients
    weights_memory: Array  # (memory_size,) 1/⟨s, y⟩, 0 where there is no pair
    identity_scale: Array  # () ⟨s, y⟩/⟨y, y⟩ of the last pair


class _Pair(NamedTuple):
    """One step s, how it changed the gradient, and 1/⟨s, y⟩."""

    s: PyTree
    y: PyTree
    weight: Array


def scale_by_lbfgs(memory_size: int = 10, scale_init_precond: bool = True) -> Transform:
    """P g: P ← (I − ρ s yᵀ) P (I − ρ y sᵀ) + ρ s sᵀ, ρ = 1/⟨s, y⟩, for the last pairs.

    s and y are the differences of parameters and gradients from one update to the
    next. P starts as ⟨s, y⟩/⟨y, y⟩ · I of the latest pair, at first as
    min(1, 1/‖g‖) · I; as I without `scale_init_precond`.

    A pair with ⟨s, y⟩ <= 0 (up to rounding) is left out, so that P g always points
    uphill; Optax keeps it.

    >>> tx = scale_by_lbfgs()
    >>> w, g = jnp.array([1.0, 1.0]), jnp.array([2.0, 0.0])
    >>> u, state = tx.update(g, tx.init(w), w)
    >>> u.tolist()
    [1.0, 0.0]
    >>> tx.update(jnp.array([1.0, 0.0]), state, jnp.array([0.5, 1.0]))[0].tolist()
    [0.5, 0.0]

    Nocedal and Wright 1999, algorithms 7.4 and 7.5; Liu and Nocedal 1989.
    """
    who = "scale_by_lbfgs"
    if memory_size < 1:
        _check.fail(who, "memory_size must be at least 1", memory_size)

    def init(params):
        dtype = precision(params)

        def memory(p):
            return jnp.zeros((memory_size, *jnp.shape(p)), arithmetic.wide(p))

        return ScaleByLBFGSState(
            count=jnp.zeros([], jnp.int32),
            params=arithmetic.full_like(who, params, 0.0),
            updates=arithmetic.full_like(who, params, 0.0),
            diff_params_memory=jax.tree.map(memory, params),
            diff_updates_memory=jax.tree.map(memory, params),
            weights_memory=jnp.zeros(memory_size, dtype),
            identity_scale=jnp.ones([], dtype),
        )

    def update(updates, state, params=None, **extra):
        del extra
        _leaves.need_params(who, params)
        old = state.updates
        gradient = arithmetic.accumulate(who, lambda g, o: g, updates, old)
        place = jax.tree.map(lambda p, o: jnp.asarray(p).astype(o.dtype), params, old)
        pair, scale = _latest(state, gradient, place)
        memory = _Pair(*state[3:6])
        slot = (state.count - 1) % memory_size
        memory = jax.tree.map(lambda m, x: m.at[slot].set(x), memory, pair)
        start = scale if scale_init_precond else jnp.ones_like(scale)
        direction = _times_inverse(memory, state.count % memory_size, gradient, start)
        count = arithmetic.increment(state.count)
        updates = arithmetic.each(lambda g, d: d, updates, direction)
        pairs = memory.s, memory.y, memory.weight
        return updates, ScaleByLBFGSState(count, place, gradient, *pairs, scale)

    return Transform(init, update)


def lbfgs(
    learning_rate: ScalarOrSchedule | None = None,
    memory_size: int = 10,
    scale_init_precond: bool = True,
    linesearch: Transform | None = _ZOOM,
) -> Transform:
    """L-BFGS: `scale_by_lbfgs`, downhill, then as far as the line search says.

    The line search needs value=f(p), grad=∇f(p) and value_fn=f;
    `value_and_grad_from_state` saves computing the first two again.

    >>> from assay import optim
    >>> f = lambda w: jnp.sum(jnp.array([1.0, 10.0]) * w**2)
    >>> tx, value_and_grad = lbfgs(), optim.value_and_grad_from_state(f)
    >>> w = jnp.array([3.0, 4.0])
    >>> state = tx.init(w)
    >>> for _ in range(8):
    ...     value, grad = value_and_grad(w, state=state)
    ...     extra = {"value": value, "grad": grad, "value_fn": f}
    ...     updates, state = tx.update(grad, state, w, **extra)
    ...     w = optim.apply_updates(w, updates)
    >>> bool(f(w) < 1e-10)
    True
    """
    rate = 1.0 if learning_rate is None else learning_rate
    return chain(
        scale_by_lbfgs(memory_size, scale_init_precond),
        scale_by_learning_rate(rate),
        identity() if linesearch is None else linesearch,
    )


def _latest(state, gradient, place):
    """The pair since the last update, all zeros if it is of no use; P's start."""
    s = jax.tree.map(jnp.subtract, place, state.params)
    y = jax.tree.map(jnp.subtract, gradient, state.updates)
    sy, ss, yy = inner(s, y), inner(s, s), inner(y, y)
    eps = jnp.finfo(sy.dtype).eps
    good = (state.count > 0) & (sy > eps * jnp.sqrt(ss) * jnp.sqrt(yy))
    weight = jnp.where(good, 1 / jnp.where(good, sy, 1), 0)
    s, y = jax.tree.map(lambda x: jnp.where(good, x, 0), (s, y))
    size = _norms.norm(gradient)
    first = size.inverse / jnp.where(size.n > 0, size.n, 1)
    first = jnp.where(size.n * size.unit > 1, first, 1)
    scale = jnp.where(good, sy / jnp.where(good, yy, 1), state.identity_scale)
    return _Pair(s, y, weight), jnp.where(state.count > 0, scale, first)


def _times_inverse(memory, oldest, gradient, start):
    """P g by two passes over the pairs, the latest first and the oldest first."""
    size = memory.weight.shape[0]
    order = (oldest + jnp.arange(size, dtype=jnp.int32)) % size

    def at(index):
        return jax.tree.map(lambda m: m[index], memory)

    def back(v, index):
        pair = at(index)
        alpha = pair.weight * inner(pair.s, v)
        return _plus(v, -alpha, pair.y), alpha

    def forth(v, both):
        index, alpha = both
        pair = at(index)
        beta = pair.weight * inner(pair.y, v)
        return _plus(v, alpha - beta, pair.s), None

    v, alphas = jax.lax.scan(back, gradient, order, reverse=True)
    v = jax.tree.map(lambda x: start.astype(x.dtype) * x, v)
    return jax.lax.scan(forth, v, (order, alphas))[0]


def _plus(v: PyTree, factor: Array, x: PyTree) -> PyTree:
    """v + factor · x."""
    return jax.tree.map(lambda a, b: a + factor.astype(a.dtype) * b, v, x)

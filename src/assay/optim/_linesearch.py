"""What the line searches share: a trial step, and what they leave for the next one."""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim._transform import apply_updates, scale
from assay.typing import Array, DType, PyTree


def value_and_grad_from_state(value_fn: Callable) -> Callable:
    """`jax.value_and_grad(value_fn)`, read from the state if a line search was there.

    The result is called as (params, *args, state=state, **kwargs). Where the state has
    no finite value yet, as after init, both are computed.

    >>> from assay import optim
    >>> f = lambda w: jnp.sum(w**2)
    >>> tx = optim.lbfgs()
    >>> w = jnp.array([3.0, 4.0])
    >>> value, grad = value_and_grad_from_state(f)(w, state=tx.init(w))
    >>> float(value), grad.tolist()
    (25.0, [6.0, 8.0])
    """

    def value_and_grad(params, *args, state, **kwargs):
        stored = _stored(state)

        def compute():
            fresh = jax.value_and_grad(value_fn)(params, *args, **kwargs)
            return arithmetic.cast_like(fresh, stored)

        known = jnp.isfinite(stored[0])
        value, grad = jax.lax.cond(known, lambda: stored, compute)
        return value, arithmetic.cast_like(grad, params)

    return value_and_grad


def bound(
    who: str, value: Any, grad: PyTree, value_fn: Any, extra: dict[str, Any]
) -> Callable:
    """params -> value, `value_fn` given those of the extra arguments that it names.

    A search reads the loss: say so where it is missing.
    """
    given = {"value": value, "grad": grad, "value_fn": value_fn}
    for name, x in given.items():
        if x is None:
            todo = "Call update(grad, state, params, value=f(params), grad=grad, "
            _check.fail(who, f"{name} must be given", None, todo + "value_fn=f).")
    kinds = inspect.signature(value_fn).parameters
    every = any(p.kind is p.VAR_KEYWORD for p in kinds.values())
    passed = {name: x for name, x in extra.items() if every or name in kinds}
    return lambda params: value_fn(params, **passed)


def moved(params: PyTree, updates: PyTree, step: Array) -> tuple[PyTree, PyTree]:
    """step · updates, and where they lead: exactly what `apply_updates` will give."""
    scaled, _ = scale(step).update(updates, ())
    return scaled, apply_updates(params, scaled)


def inner(a: PyTree, b: PyTree) -> Array:
    """⟨a, b⟩ over all leaves in >= float32; a leaf that is None counts as zeros."""
    total = jnp.zeros([], precision(a))

    def leaf(x, y):
        if x is None or y is None:
            return 0
        dtype = arithmetic.wide(x, y)
        # No dot: it would be rounded to 16 or 19 bits on an accelerator.
        return jnp.sum(jnp.asarray(x, dtype) * jnp.asarray(y, dtype)).astype(
            total.dtype
        )

    parts = jax.tree.map(leaf, a, b, is_leaf=lambda x: x is None)
    return sum(jax.tree.leaves(parts), start=total)


def precision(tree: PyTree) -> DType:
    """float64 if any leaf has it, else float32."""
    return arithmetic.wide(*jax.tree.leaves(tree))


def finite(*values: Array) -> Array:
    """Whether all of them are: a trial that is not is never taken."""
    return jnp.all(jnp.stack([jnp.isfinite(v) for v in values]))


def _stored(state: PyTree) -> tuple[Array, PyTree]:
    """The value and the gradient that one line search has left in the state."""
    who, todo = "value_and_grad_from_state", "Chain one line search, store_grad=True."

    def has(x):
        return {"value", "grad"} <= set(getattr(x, "_fields", ()))

    found = [x for x in jax.tree.leaves(state, is_leaf=has) if has(x)]
    if len(found) != 1:
        must = "the state must hold one value and one gradient"
        _check.fail(who, must, f"{len(found)} of them", todo)
    if found[0].grad is None:
        _check.fail(who, "the state must hold the gradient", None, todo)
    return found[0].value, found[0].grad

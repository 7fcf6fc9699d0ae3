"""Learning one sample at a time."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from assay import _check
from assay.typing import PyTree


def online(
    rule: Callable, params: PyTree, xs: PyTree, ys: PyTree, *, epochs: int = 1
) -> tuple[PyTree, PyTree]:
    """paramsₜ₊₁ = rule(paramsₜ, xₜ, yₜ), row after row in the given order.

    Returns (the last parameters, the trail): the trail holds the parameters after each
    row, with leading axes (epochs, rows). Pure: it goes inside jit, vmap and grad.

    >>> def lms(params, x, y):
    ...     w, b = params
    ...     e = y - (x @ w + b)
    ...     return w + 0.1 * e * x, b + 0.1 * e
    >>> xs, ys = jnp.array([[1.0, 1], [1, -1]]), jnp.array([1.0, -1])
    >>> start = jnp.array([0.2, -0.3]), jnp.asarray(0.1)
    >>> (w, b), trail = online(lms, start, xs, ys)
    >>> [round(float(n), 4) for n in (*w, b)]
    [0.13, -0.03, 0.03]
    >>> trail[0].shape
    (1, 2, 2)
    """
    rows = {jnp.shape(a)[0] for a in jax.tree.leaves((xs, ys))}
    if len(rows) != 1:
        _check.fail(
            "online", "xs and ys must have the same number of rows", sorted(rows)
        )
    params = jax.tree.map(lambda a: jnp.asarray(a, jnp.result_type(a)), params)

    def row(params, example):
        params = rule(params, *example)
        return params, params

    def epoch(params, _):
        return lax.scan(row, params, (xs, ys))

    return lax.scan(epoch, params, None, length=epochs)

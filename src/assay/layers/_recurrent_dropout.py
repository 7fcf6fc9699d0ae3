"""Noise within a recurrence: units dropped for all steps, or drawn at each step."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from assay import _check
from assay.layers._dropout import dropout
from assay.layers._linear_recurrence import seen_steps
from assay.typing import Array, Bool, Float, Key, PyTree, Scalar

Params = TypeVar("Params", bound=Any)


def recurrent_dropout(params: Params, *, rate: Scalar, key: Key) -> Params:
    """U with rows dropped: h U becomes (h ∘ m) U / (1 − rate), one m for all steps.

    `params` are a cell's weights with a ``recurrent_kernel``; the state itself is not
    touched, only what the gates see of it. One m serves all sequences of the call, so
    that every step is as fast as without; one m a sequence is a `vmap` over keys. What
    enters, x, is dropped alike by ``dropout(x, broadcast=-2)``; single weights instead
    of units by `drop_connect`.

    >>> from assay.layers import RNNParams
    >>> params = RNNParams(jnp.ones((1, 4)), jnp.ones((4, 4)), jnp.zeros(4))
    >>> new = recurrent_dropout(params, rate=0.5, key=jax.random.key(0))
    >>> sorted(set(new.recurrent_kernel.sum(1).tolist()))
    [0.0, 8.0]

    Gal and Ghahramani 2016, arXiv:1512.05287.
    """
    kernel = params.recurrent_kernel
    ndim = jnp.ndim(kernel)
    others = tuple(axis for axis in range(ndim) if axis != ndim - 2)
    dropped = dropout(kernel, rate=rate, key=key, broadcast=others)
    return params._replace(recurrent_kernel=dropped)


def recurrent_with_keys(
    cell: Callable[..., tuple[Any, Any]],
    params: PyTree,
    carry: PyTree,
    x: Float[Array, "*batch time i"],
    *,
    key: Key,
    mask: Bool[Array, "*batch time"] | None = None,
) -> tuple[PyTree, PyTree]:
    """carryₜ, yₜ = cell(params, carryₜ₋₁, xₜ, key=keyₜ): `recurrent` of a random cell.

    keyₜ is `key` folded with t, so the carry holds no key. Zoneout, for one:

    >>> from assay.layers import RNNParams, rnn_cell, zoneout
    >>> def cell(params, carry, x, *, key):
    ...     h = zoneout(carry, rnn_cell(params, carry, x)[0], rate=0.5, key=key)
    ...     return h, h
    >>> params = RNNParams(jnp.ones((1, 9)), jnp.ones((9, 9)), jnp.zeros(9))
    >>> x, key = jnp.ones((4, 1)), jax.random.key(0)
    >>> last, y = recurrent_with_keys(cell, params, jnp.zeros(9), x, key=key)
    >>> sorted(set(y[0].round(2).tolist()))
    [0.0, 0.75999...]

    Krueger et al. 2017, arXiv:1606.01305.
    """
    who = "recurrent_with_keys"
    _check.rank_at_least(who, "x", x, 2, "(*batch, time, features)")
    x = jnp.asarray(x)
    if mask is not None:
        seen_steps(who, mask, x)  # refuses what is no mask
    ahead = None if mask is None else jnp.moveaxis(mask, -1, 0)
    count = jnp.arange(x.shape[-2], dtype=jnp.uint32)

    def step(carry, now):
        t, x, seen = now
        x = x if seen is None else _where(seen, x, jnp.zeros_like(x))
        new, y = cell(params, carry, x, key=jax.random.fold_in(key, t))
        if seen is None:
            return new, y
        new = jax.tree.map(lambda n, c: _where(seen, n, c), new, carry)
        return new, jax.tree.map(lambda v: _where(seen, v, jnp.zeros_like(v)), y)

    carry, ys = jax.lax.scan(step, carry, (count, jnp.moveaxis(x, -2, 0), ahead))
    return carry, jax.tree.map(lambda y: jnp.moveaxis(y, 0, x.ndim - 2), ys)


def _where(mask: Array, a: Array, b: Array) -> Array:
    """where with the mask's missing last axes added."""
    axes = tuple(range(mask.ndim, a.ndim))
    return jnp.where(jnp.broadcast_to(jnp.expand_dims(mask, axes), a.shape), a, b)

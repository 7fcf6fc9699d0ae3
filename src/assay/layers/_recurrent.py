"""One driver that runs any cell over a sequence.

A cell is ``(params, carry, x) -> (carry, y)`` for one step, x (*batch, i), so
``partial(cell, params)`` is the body of a scan.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from assay import _check
from assay.layers import _recurrent_forms
from assay.typing import Array, Bool, Float, Int, PyTree


def recurrent(
    cell: Callable[..., tuple[Any, Any]],
    params: PyTree,
    carry: PyTree,
    x: Float[Array, "*batch time i"],
    *,
    mask: Bool[Array, "*batch time"] | None = None,
    reverse: bool = False,
) -> tuple[PyTree, PyTree]:
    """carryₜ, yₜ = cell(params, carryₜ₋₁, xₜ) for t = 1 … time; (last carry, all y).

    Where `mask` is False the carry stays as it was and y is 0, whatever x holds there,
    NaN included. In `reverse` the last step is first; y stays in x's order.

    >>> from assay.layers import RNNParams, rnn_cell
    >>> params = RNNParams(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.zeros(1))
    >>> h, y = recurrent(rnn_cell, params, jnp.zeros(1), jnp.array([[1.0], [2.0]]))
    >>> y.tolist()
    [[0.76159...], [0.99204...]]
    """
    _check.rank_at_least("recurrent", "x", x, 2, "(*batch, time, features)")
    x = jnp.asarray(x)
    if mask is not None:
        _check_mask(mask, x)
    return _recurrent_forms.run(cell, reverse, params, carry, x, mask)


def bidirectional(
    cell: Callable[..., tuple[Any, Any]],
    params: tuple[PyTree, PyTree],
    carry: tuple[PyTree, PyTree],
    x: Float[Array, "*batch time i"],
    *,
    mask: Bool[Array, "*batch time"] | None = None,
) -> tuple[tuple[PyTree, PyTree], PyTree]:
    """[y→ y←]: `recurrent` forwards and in reverse, joined along the features.

    `params` and `carry` are pairs (forwards, in reverse), and so is the last carry.

    >>> from assay.layers import RNNParams, rnn_cell
    >>> params = RNNParams(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.zeros(1))
    >>> zero, x = jnp.zeros(1), jnp.array([[1.0], [2.0]])
    >>> (last, first), y = bidirectional(
    ...     rnn_cell, (params, params), (zero, zero), x)
    >>> y.tolist()
    [[0.76159..., 0.96...], [0.99204..., 0.96402...]]

    Schuster and Paliwal 1997, doi:10.1109/78.650093.
    """
    _check.rank_at_least("bidirectional", "x", x, 2, "(*batch, time, features)")
    ahead, ys = recurrent(cell, params[0], carry[0], x, mask=mask)
    back, zs = recurrent(cell, params[1], carry[1], x, mask=mask, reverse=True)
    joined = jax.tree.map(lambda y, z: jnp.concatenate([y, z], axis=-1), ys, zs)
    return (ahead, back), joined


def lengths_to_mask(
    lengths: Int[Array, "*batch"], time: int
) -> Bool[Array, "*batch time"]:
    """t < length, for t = 0 … time − 1.

    >>> lengths_to_mask(jnp.array([1, 3]), 3).tolist()
    [[True, False, False], [True, True, True]]
    """
    _check.integer("lengths_to_mask", lengths=lengths)
    steps = jnp.arange(time, dtype=jnp.int32)
    shape = (*jnp.shape(lengths), time)
    limit = jnp.expand_dims(jnp.asarray(lengths, jnp.int32), -1)
    return jnp.broadcast_to(steps, shape) < limit


def _check_mask(mask: Array, x: Array) -> None:
    """One truth value for every step of every sequence."""
    if jnp.shape(mask) != x.shape[:-1] or jnp.result_type(mask) != jnp.bool_:
        must = f"mask must be boolean, of shape {x.shape[:-1]}, True = takes part"
        got = f"{jnp.result_type(mask)}, mask.shape={jnp.shape(mask)}"
        _check.fail("recurrent", must, got, "lengths_to_mask makes one from lengths.")

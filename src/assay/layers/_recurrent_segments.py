"""A long sequence in segments of `steps`: cheaper gradients, or fewer of them.

Streaming needs no driver of its own: `recurrent` on one chunk after another, each with
the last one's carry, is the whole. A sequence whose first axis is time is a moveaxis
away: ``recurrent(cell, params, carry, jnp.moveaxis(x, 0, -2))``.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from assay import _check
from assay.layers._recurrent import recurrent
from assay.typing import Array, Bool, Float, PyTree


def recurrent_remat(
    cell: Callable[..., tuple[Any, Any]],
    params: PyTree,
    carry: PyTree,
    x: Float[Array, "*batch time i"],
    *,
    steps: int,
    mask: Bool[Array, "*batch time"] | None = None,
) -> tuple[PyTree, PyTree]:
    """`recurrent`, whose gradient computes every `steps` steps again.

    Kept for the gradient are x, y, the carries between segments and what one segment
    keeps: with `steps` = √time of order √time instead of time.

    >>> from assay.layers import RNNParams, rnn_cell
    >>> params = RNNParams(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.zeros(1))
    >>> x = jnp.array([[1.0], [2.0]])
    >>> h, y = recurrent_remat(rnn_cell, params, jnp.zeros(1), x, steps=1)
    >>> y.tolist()
    [[0.76159...], [0.99204...]]

    Chen et al. 2016, arXiv:1604.06174.
    """
    _check_steps("recurrent_remat", x, steps)

    def segment(params: PyTree, carry: PyTree, first: Array, x: Array, mask: Any):
        del first
        return recurrent(cell, params, carry, x, mask=mask)

    again = jax.checkpoint(segment, prevent_cse=False)
    return _in_segments(again, params, carry, (x, mask), steps)


def recurrent_truncated(
    cell: Callable[..., tuple[Any, Any]],
    params: PyTree,
    carry: PyTree,
    x: Float[Array, "*batch time i"],
    *,
    steps: int,
    mask: Bool[Array, "*batch time"] | None = None,
) -> tuple[PyTree, PyTree]:
    """`recurrent`, whose gradient ends at every `steps`-th step.

    A segment takes the last one's carry as a constant; `carry` has the first one's
    gradient.

    >>> from assay.layers import RNNParams, rnn_cell
    >>> params = RNNParams(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.zeros(1))
    >>> x = jnp.array([[1.0], [2.0]])
    >>> h, y = recurrent_truncated(rnn_cell, params, jnp.zeros(1), x, steps=1)
    >>> y.tolist()
    [[0.76159...], [0.99204...]]

    Williams and Peng 1990, doi:10.1162/neco.1990.2.4.490.
    """
    _check_steps("recurrent_truncated", x, steps)

    def segment(params: PyTree, carry: PyTree, first: Array, x: Array, mask: Any):
        def cut(c: Array) -> Array:
            return jnp.where(first, c, jax.lax.stop_gradient(c))

        return recurrent(cell, params, jax.tree.map(cut, carry), x, mask=mask)

    return _in_segments(segment, params, carry, (x, mask), steps)


def _in_segments(
    segment: Callable, params: PyTree, carry: PyTree, inputs: tuple, steps: int
) -> tuple[PyTree, PyTree]:
    """A scan over whole segments, then what is left of the sequence."""
    x, mask = inputs
    time, axis = x.shape[-2], x.ndim - 2
    whole = time // steps

    def cut(v: Array) -> Array:
        v = jax.lax.slice_in_dim(v, 0, whole * steps, axis=axis)
        v = v.reshape(*v.shape[:axis], whole, steps, *v.shape[axis + 1 :])
        return jnp.moveaxis(v, axis, 0)

    def body(carry: PyTree, now: tuple) -> tuple[PyTree, PyTree]:
        return segment(params, carry, *now)

    def joined(y: Array) -> Array:
        y = jnp.moveaxis(y, 0, axis)
        return y.reshape(*y.shape[:axis], whole * steps, *y.shape[axis + 2 :])

    first = jnp.arange(whole) == 0
    parts = first, cut(x), None if mask is None else cut(mask)
    carry, ys = jax.lax.scan(body, carry, parts)
    ys = jax.tree.map(joined, ys)
    if whole * steps == time:
        return carry, ys
    tail = None if mask is None else mask[..., whole * steps :]
    rest = jnp.asarray(whole == 0), x[..., whole * steps :, :], tail
    carry, more = segment(params, carry, *rest)
    join = lambda y, z: jnp.concatenate([y, z], axis=axis)  # noqa: E731
    return carry, jax.tree.map(join, ys, more)


def _check_steps(who: str, x: Array, steps: int) -> None:
    """A whole number of steps, and a sequence to cut."""
    _check.rank_at_least(who, "x", x, 2, "(*batch, time, features)")
    if not isinstance(steps, int) or steps < 1:
        _check.fail(who, "steps must be a whole number of at least 1", f"{steps!r}")
